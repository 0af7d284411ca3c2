"""A baseline for predictors of insertions: the mean of what was measured around the place.

    python -m tests.benchmarks.neighbouring_insertions seventh.csv --target packaging

The table has the column `item`, sequences with one inserted residue each. Printed is the rank correlation (Spearman) of
measured values and means over the other four of five random parts, weighted by a Gaussian of the distance in residues.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from sciencegen.domains.proteins.variants import edits_of

FOLDS = 5


def places(items: list[str]) -> np.ndarray:
    """Where each item has a residue that the first doesn't have."""
    found = [[one.place for one in edits_of(items[0], item) if one.put] for item in items]
    return np.array([places[0] if places else -1 for places in found], float)


def left_out_means(at: np.ndarray, values: np.ndarray, width: float) -> np.ndarray:
    fold = np.random.default_rng(0).permutation(len(values)) % FOLDS
    means = np.empty(len(values))
    for out in range(FOLDS):
        kept = fold != out
        weights = np.exp(-np.square((at[~kept, None] - at[kept]) / width) / 2) + 1e-9
        means[~kept] = weights @ values[kept] / weights.sum(1)
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--target", required=True)
    parser.add_argument("--widths", nargs="+", type=float, default=[1.0, 3.0])
    given = parser.parse_args()
    table = pd.read_csv(given.table)
    table = table[~table["item"].str.rstrip("*").str.contains("*", regex=False)].dropna()
    at, values = places(table["item"].str.rstrip("*").tolist()), table[given.target].to_numpy(float)
    for width in given.widths:
        correlation = spearmanr(left_out_means(at, values, width), values)[0]
        print(f"{len(values)} insertions, width {width:g}: Spearman {correlation:.3f}")


if __name__ == "__main__":
    main()
