"""Size and quality of the shipped model of molecules when weights are set to zero without further training.

    python -m tests.benchmarks.pruned_weights test.csv --sparsity 0 0.2 0.5 0.8 -n 200

`test.csv` are molecules that the model was not trained on. Of each layer of at least 4,096 weights, but not of the
prior, the given share is set to zero, the smallest first. `--model runs/pruned` adds a model of your own, such as a
fine-tuned one with zeros. Printed are the bytes of the file of weights in half precision, as the shipped ones are, with
zeros stored and left out; both compressed by zlib as in a wheel; and how many molecules come back from the encoder's
mean, without gradient steps.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.data.weights import weights_content
from sciencegen.training.settings import TrainingSettings
from sciencegen.training.train import magnitude_mask, prunable
from tests.benchmarks.molecule_latents import decoded, encoded, read

FITTED_LATER = "prior."


@torch.no_grad()
def prune(model: LoadedModel, share: float) -> None:
    for name, weight in prunable(model.model, TrainingSettings()):
        if not name.startswith(FITTED_LATER):
            weight.masked_fill_(~magnitude_mask(weight, share), 0.0)


def half(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() else value


def row_of(model: LoadedModel, file: Path, count: int) -> dict[str, int]:
    state = {name: half(value) for name, value in model.model.state_dict().items()}
    contents = {"bytes": weights_content(state), "bytes_without_zeros": weights_content(state, sparse=True)}
    sizes = {name: len(content) for name, content in contents.items()}
    packed = {f"{name}_zlib": len(zlib.compress(content, 6)) for name, content in contents.items()}
    model.model.settings = replace(model.model.settings, refinements=0)
    molecules = read(model, file, count)
    kept, latents = encoded(model, molecules)
    key = model.domain.items.key
    pairs = zip(decoded(model, latents), kept, strict=True)
    back = sum(found is not None and key(found) == key(molecule) for found, molecule in pairs)
    return {**sizes, **packed, "restored": back, "of": len(molecules)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--sparsity", type=float, nargs="*", default=[0.0, 0.2, 0.5, 0.8])
    parser.add_argument("--model", nargs="*", default=[], help="run folders beside the shipped weights")
    parser.add_argument("-n", type=int, default=200, help="number of molecules")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    for share in chosen.sparsity:
        model = load_model("molecules", None, "cpu")
        prune(model, share)
        rows[f"{share:g}"] = row_of(model, chosen.file, chosen.n)
    for folder in chosen.model:
        rows[folder] = row_of(load_model("molecules", folder, "cpu"), chosen.file, chosen.n)
    print(pd.DataFrame(rows).T.to_string())


if __name__ == "__main__":
    main()
