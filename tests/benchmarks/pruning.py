"""A recipe trained dense and pruned: size of the file and quality, side by side.

    python tests/benchmarks/pruning.py molecules moses --recipe smiles-vae --sparsity 0 0.8 --steps 4000 -o runs/pruning

Each sparsity is a training of its own in a folder below the output, with the same data, seed and steps. The same
command goes on where it was stopped. Printed are, for each, the share of zeros among all weights, the bytes of the
file of weights, also compressed by zlib as in an archive, and the figures of `metrics.json`.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import pandas as pd

from sciencegen.api.models.folder import WEIGHTS
from sciencegen.api.train import train
from sciencegen.data.weights import read_weights


def row_of(folder: Path, metrics: dict) -> dict[str, float]:
    content = (folder / WEIGHTS).read_bytes()
    tensors = read_weights(folder / WEIGHTS).values()
    zeros, numbers = sum(int((one == 0).sum()) for one in tensors), sum(one.numel() for one in tensors)
    packed = len(zlib.compress(content, 6))
    return {"weights": numbers, "zeros": zeros / numbers, "bytes": len(content), "compressed": packed, **metrics}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("domain")
    parser.add_argument("data", help="a prepared folder, a file, or a dataset's name")
    parser.add_argument("--recipe")
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.0, 0.8])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--finish", type=int, help="steps of what is fitted after the weights")
    parser.add_argument("--limit", type=int, help="rows of each split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    rows = {}
    for sparsity in given.sparsity:
        folder = given.output / f"sparsity-{sparsity:g}"
        done = train(
            given.domain, given.data, folder=folder, recipe=given.recipe, seed=given.seed, threads=1, device="cpu",
            limit=given.limit, training={"steps": given.steps, "sparsity": sparsity},
            finish={} if given.finish is None else {"steps": given.finish}, log=lambda text: print(text, flush=True),
        )  # fmt: skip
        rows[f"{sparsity:g}"] = row_of(folder, dict(done.metrics))
    print(pd.DataFrame(rows).to_string(float_format=lambda value: f"{value:.6g}"))


if __name__ == "__main__":
    main()
