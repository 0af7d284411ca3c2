"""Fitness of GB1's variants: FLIP's splits of the four-site landscape, and doubles of the whole domain.

    python tests/benchmarks/flip_gb1.py gb1-four-sites                              # FLIP's fixed test sets
    python tests/benchmarks/flip_gb1.py gb1-four-sites --validation                 # a part of the training rows only
    python tests/benchmarks/flip_gb1.py --doubles gb1-doubles --shares 0.1,1,4      # percent of the doubles to learn

Both arguments are a dataset, fetched on first use, or its file. Printed are Spearman correlation,
coverage and mean width of the 90% intervals of the predictor that `train predictor proteins` makes (of `two_vs_rest`
with --split mutations, of `low_vs_high` with --split low-high), beside ridge regression on one-hot columns, which is
FLIP's, and on the doubles' logarithms the additive model. Settings were chosen with --validation and on other data.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.variants import Reference
from sciencegen.metrics.numbers import interval_coverage, mean_interval_width, r2, spearman
from sciencegen.prediction import Predictor, PredictorSettings, TrainingTables, fit_predictor
from sciencegen.prediction.columns import FeatureBlock
from sciencegen.prediction.training_tables import Split
from tests.benchmarks.dataset_files import dataset_file

SPLITS = {"two_vs_rest": "mutations", "low_vs_high": "low-high", "sampled": None}
PUBLISHED = {
    "two_vs_rest": {"best of FLIP": 0.59, "CNN": 0.32, "ESM-1b, mean": 0.36, "ESM-1v, mean": 0.32, "untrained": 0.05},
    "low_vs_high": {"best of FLIP": 0.59},
}
"""Of Dallago et al. 2021 (FLIP: Benchmark tasks in fitness landscape inference for proteins, NeurIPS Datasets and
Benchmarks), as others repeat them: those of two_vs_rest with a name in table 2 of Wang et al. 2023 (Multi-level protein
structure pre-training via prompt learning, ICLR), the best as "FLIP (best baseline)" of later benchmarks. Their best of
two_vs_rest is ridge regression on one-hot columns. `sampled` is no split of theirs with published figures."""
REST = 20_000
"""Doubles that are predicted: of the rest a random part, which predictions of all would take hours to improve on."""


def one_hot(sequences: Sequence[str]) -> np.ndarray:
    features = DOMAIN.regression.fit(sequences, None)
    assert features is not None
    return np.stack(features.encode(sequences))[:, : features.blocks[0].size]


def ridge_on_one_hot(train: Sequence[str], values: np.ndarray, test: Sequence[str], folds: int):
    """With intervals, as a predictor of one family on one block."""
    columns = one_hot([*train, *test])
    settings = PredictorSettings(families=("ridge",), folds=folds)
    blocks = [FeatureBlock(columns.shape[1], scaled=False, sparse=True)]
    tables = TrainingTables(columns[: len(train)], values, blocks=blocks)
    known = fit_predictor(tables, settings, np.random.default_rng(0))
    return known.predict(columns[len(train) :])


def predictor_of(
    sequences: Sequence[str], values: np.ndarray, name: str | None, wild_type: str, folds: int
) -> tuple[Predictor, Sequence[str]]:
    features = DOMAIN.regression.fit(sequences, Reference(wild_type))
    assert features is not None
    split = Split(name, "order", values) if name == "low-high" else None
    split = DOMAIN.regression.splits["mutations"](sequences, features) if name == "mutations" else split
    settings = PredictorSettings(**features.defaults, folds=folds)
    table = np.stack(features.encode(sequences))
    tables = TrainingTables(table, values, blocks=features.blocks, split=split)
    return fit_predictor(tables, settings, np.random.default_rng(0), features.to_json()), features


def say(name: str, measured: np.ndarray, prediction) -> None:
    covered = interval_coverage(measured, prediction.lower, prediction.upper)
    width = mean_interval_width(prediction.lower, prediction.upper)
    print(
        f"  {name:24} spearman {spearman(measured, prediction.mean):.3f}   R2 {r2(measured, prediction.mean):6.3f}   "
        f"90% intervals hold {covered:.1%}, mean width {width:.2f}",
        flush=True,
    )


def four_sites(path: Path, names: Sequence[str], validation: bool, folds: int) -> None:
    table = pd.read_csv(path, low_memory=False)
    wild_type = table.loc[table["HD"] == 0, "sequence"].iloc[0]
    for name in names:
        rows = table[table[name].notna()]
        held_out = rows[f"{name}_validation"].eq(True)
        train = rows[rows[name].eq("train") & ~(held_out & validation)]
        test = rows[held_out] if validation else rows[rows[name].eq("test")]
        print(f"{name}: {len(train)} to learn from, {len(test)} to predict")
        values, measured = train["Fitness"].to_numpy(), test["Fitness"].to_numpy()
        began = time.perf_counter()
        known, features = predictor_of(train["sequence"].tolist(), values, SPLITS[name], wild_type, folds)
        say("sciencegen", measured, known.predict(np.stack(features.encode(test["sequence"].tolist()))))
        weights = ", ".join(f"{family} {weight:.2f}" for family, weight in known.weights.items())
        print(f"    {time.perf_counter() - began:.0f} s; {weights}; scale: {known.scale.name}")
        sequences = train["sequence"].tolist(), test["sequence"].tolist()
        say("ridge on one-hot", measured, ridge_on_one_hot(sequences[0], values, sequences[1], folds))
        for who, figure in ({} if validation else PUBLISHED.get(name, {})).items():
            print(f"  {who:24} spearman {figure:.2f}   (published)")


def doubles(path: Path, shares: Sequence[float], folds: int) -> None:
    table = pd.read_csv(path)
    sequences, values = table["x"].to_numpy(), table["y"].to_numpy()
    order = np.random.default_rng(0).permutation(len(table))
    rest = order[-REST:]
    for share in shares:
        rows = order[: int(len(table) * share / 100)]
        print(f"{share:g}% of the doubles: {len(rows)} to learn from, {len(rest)} of the rest to predict")
        train, test = sequences[rows].tolist(), sequences[rest].tolist()
        began = time.perf_counter()
        features = DOMAIN.regression.fit(train, None)
        assert features is not None
        known, features = predictor_of(train, values[rows], None, features.reference.sequence, folds)
        say("sciencegen", values[rest], known.predict(np.stack(features.encode(test))))
        weights = ", ".join(f"{family} {weight:.2f}" for family, weight in known.weights.items())
        print(f"    {time.perf_counter() - began:.0f} s; {weights}")
        say("additive", values[rest], ridge_on_one_hot(train, values[rows], test, folds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landscape", nargs="?", help="gb1-four-sites, or its file")
    parser.add_argument("--splits", default=",".join(SPLITS))
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--doubles", help="gb1-doubles, or its file")
    parser.add_argument("--shares", default="0.1,1")
    parser.add_argument("--folds", type=int, default=10)
    chosen = parser.parse_args()
    if chosen.landscape:
        four_sites(dataset_file(chosen.landscape), chosen.splits.split(","), chosen.validation, chosen.folds)
    if chosen.doubles:
        doubles(dataset_file(chosen.doubles), [float(share) for share in chosen.shares.split(",")], chosen.folds)


if __name__ == "__main__":
    main()
