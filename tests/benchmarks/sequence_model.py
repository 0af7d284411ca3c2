"""Figures of a sequence model that no verb gives: bits an item, what the code alone keeps, what the model reads.

python tests/benchmarks/sequence_model.py datasets/molecules/moses/sample_test.csv.gz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from sciencegen.api.models.folder import load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="held-out items")
    parser.add_argument("--domain", default="molecules")
    parser.add_argument("--model", help="a run folder [default: the shipped weights]")
    given = parser.parse_args()
    loaded = load_model(given.domain, given.model, "cpu")
    science, space, representation = loaded.domain, loaded.space, loaded.representation
    items = [science.items.parse(row.text) for row in science.items.read(given.table)]
    names = [name for name in representation.properties if name in science.properties]
    values = science.measure(items, names)
    rows = [representation.condition(dict(zip(names, row, strict=True))) for row in values.tolist()]
    arrays = representation.encode(items)
    batch = representation.batch(arrays)
    known = batch.with_condition(torch.from_numpy(np.stack(rows)))
    for title, asked in (("nothing", batch), (f"all of {', '.join(names)}", known)):
        print(f"bits an item, given {title}: {-float(loaded.model.log_prob(asked).mean()) / np.log(2):.1f}")
    latents = space.encode_arrays(arrays)
    keys = [science.items.key(item) for item in items]
    whole = _same(space.decode(latents), keys, science)
    latents[:, loaded.model.semantic_size :] = 0
    print(f"the same again: {whole:.1%}; from the code alone, the noise at its median: ", end="")
    print(f"{_same(space.decode(latents), keys, science):.1%}")
    read = loaded.model.read(batch).numpy()
    for name, value in zip(names, values.T, strict=True):
        column = representation.properties.index(name)
        # a condition is (value - mean) / std: two points tell the way back
        zero, one = (float(representation.condition({name: x})[column]) for x in (0.0, 1.0))
        error = np.abs((read[:, column] - zero) / (one - zero) - value).mean()
        spread = np.abs(value - value.mean()).mean()
        print(f"{name} as the model reads it: mean absolute error {error:.3f}; that of the mean {spread:.3f}")


def _same(texts: list[str], keys: list[str], science) -> float:
    back = [science.items.key(science.items.parse(text)) if text else "" for text in texts]
    return float(np.mean([one == key for one, key in zip(back, keys, strict=True)]))


if __name__ == "__main__":
    main()
