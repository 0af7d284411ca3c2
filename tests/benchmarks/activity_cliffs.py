"""Predictors of MoleculeACE targets on the splits of their files: errors and intervals, overall and on activity cliffs.

    sciencegen datasets fetch molecules/moleculeace -o ligands
    python tests/benchmarks/activity_cliffs.py ligands/*.csv -o cliffs.csv

The predictor that `train predictor molecules` makes is trained on the rows whose split is "train"; its intervals are
calibrated on left-out scaffolds, or with --calibration random on left-out molecules. Baselines, fitted to the same
rows: support vector regression on Morgan bits (radius 2, 1,024 bits) and on the 27 descriptors of the predictor's
features, with C and gamma chosen by five-fold cross-validation; and support vector regression and a Gaussian process on
Morgan counts with the min-max kernel (Ralaivola et al. 2005), the process with intervals of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from sklearn.model_selection import KFold
from sklearn.svm import SVR

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.features import COUNT_BITS, DESCRIPTORS
from sciencegen.items import Refusal
from sciencegen.prediction import PredictorSettings, TrainingTables, fit_predictor

COSTS = (1.0, 3.0, 10.0, 30.0)
WIDTHS = (0.1, 0.3, 1.0, 3.0)
"""Of gamma: times 1 / the median squared distance of the training rows."""
FOLDS = 5
NOISES = np.geomspace(0.01, 3, 40)
"""Of a Gaussian process: variance of the noise, in those of the function."""
INSIDE = 1.6449
"""Standard deviations on each side of a normal distribution's 90% interval."""
ECFP = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
COUNTS = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=4096)


@dataclass(frozen=True)
class Target:
    """The molecules of a file. train, cliff: which are training rows, and which lie on an activity cliff."""

    name: str
    molecules: list[Chem.Mol]
    values: Float[np.ndarray, " row"]
    train: Bool[np.ndarray, " row"]
    cliff: Bool[np.ndarray, " row"]


def read(path: Path) -> Target:
    table = pd.read_csv(path)
    items = [DOMAIN.items.parse(text) for text in table["smiles"]]
    used = np.array([not isinstance(item, Refusal) for item in items])
    table = table[used]
    return Target(
        path.name.partition(".")[0], [item for item in items if not isinstance(item, Refusal)],
        table["y [pEC50/pKi]"].to_numpy(float), (table["split"] == "train").to_numpy(),
        (table["cliff_mol"] == 1).to_numpy(),
    )  # fmt: skip


def chosen_by_folds(kernels: Mapping[object, np.ndarray], target: Target) -> Float[np.ndarray, " test"]:
    """Predictions of the test rows by the kernel and the C that are best in cross-validation of the training rows."""
    train, test = np.flatnonzero(target.train), np.flatnonzero(~target.train)
    folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(train))

    def fitted(kernel: np.ndarray, rows: np.ndarray, others: np.ndarray, cost: float) -> np.ndarray:
        model = SVR(kernel="precomputed", C=cost).fit(kernel[np.ix_(rows, rows)], target.values[rows])
        return model.predict(kernel[np.ix_(others, rows)])

    found = {}
    for name, kernel in kernels.items():
        for cost in COSTS:
            errors = [fitted(kernel, train[a], train[b], cost) - target.values[train[b]] for a, b in folds]
            found[name, cost] = np.square(np.concatenate(errors)).mean()
    name, cost = min(found, key=lambda one: found[one])
    return fitted(kernels[name], train, test, cost)


def support_vectors(columns: np.ndarray, target: Target) -> Float[np.ndarray, " test"]:
    """With Gaussian kernels."""
    squares = (columns**2).sum(axis=1)
    squared = np.maximum(squares[:, None] + squares[None] - 2 * columns @ columns.T, 0)
    scale = np.median(squared[np.ix_(target.train, target.train)])
    return chosen_by_folds({width: np.exp(-width * squared / scale) for width in WIDTHS}, target)


def min_max(counts: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row row"]:
    """sum_k min(a_k, b_k) / sum_k max(a_k, b_k) of all pairs of rows. The least of two counts is the number of t from 1
    on that neither is below."""
    least = sum((counts >= t).astype(np.float32) @ (counts >= t).T for t in range(1, int(counts.max()) + 1))
    total = counts.sum(axis=1)
    return least / np.maximum(total[:, None] + total[None] - least, 1)


def gaussian_process(kernel: np.ndarray, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the test rows, with the noise of the largest marginal likelihood.

    Rasmussen & Williams 2006, eq. 2.25, 2.26 and 5.8; the kernel's variance has a closed form.
    """
    train, test = np.flatnonzero(target.train), np.flatnonzero(~target.train)
    centre = target.values[train].mean()
    values, vectors = np.linalg.eigh(kernel[np.ix_(train, train)].astype(float))
    turned = vectors.T @ (target.values[train] - centre)

    def evidence(noise: float) -> float:
        spread = values.clip(0) + noise
        return -0.5 * (len(train) * np.log((turned**2 / spread).mean()) + np.log(spread).sum())

    noise = max(NOISES, key=evidence)
    spread = values.clip(0) + noise
    across = kernel[np.ix_(test, train)] @ vectors
    left = 1 + noise - (across**2 / spread).sum(axis=1)
    return centre + across @ (turned / spread), np.sqrt((turned**2 / spread).mean() * left.clip(0))


def errors_of(predicted: np.ndarray, target: Target, name: str) -> dict[str, float]:
    error, cliff = predicted - target.values[~target.train], target.cliff[~target.train]
    rmse = lambda one: float(np.sqrt(np.square(one).mean()))  # noqa: E731
    return {f"{name}_rmse": rmse(error), f"{name}_cliff_rmse": rmse(error[cliff])}


def measured(target: Target, calibration: str) -> dict[str, str | float]:
    """The row of a target."""
    train, cliff = target.train, target.cliff[~target.train]
    features = DOMAIN.regression.features(target.molecules)
    started = time.process_time()
    groups = DOMAIN.regression.groups([target.molecules[row] for row in np.flatnonzero(train)])
    tables = TrainingTables(features[train], target.values[train], groups)
    predictor = fit_predictor(tables, PredictorSettings(calibration=calibration), np.random.default_rng(0))
    found = predictor.predict(features[~train])
    seconds = time.process_time() - started
    truth = target.values[~train]
    held, width = (found.lower <= truth) & (truth <= found.upper), found.upper - found.lower
    descriptors = features[:, COUNT_BITS : COUNT_BITS + len(DESCRIPTORS)].astype(float)
    spread = np.where(descriptors[train].std(axis=0) > 0, descriptors[train].std(axis=0), 1)
    descriptors = np.clip((descriptors - descriptors[train].mean(axis=0)) / spread, -5, 5)
    bits = np.stack([ECFP.GetFingerprintAsNumPy(molecule) for molecule in target.molecules]).astype(float)
    counts = np.stack([COUNTS.GetCountFingerprintAsNumPy(molecule) for molecule in target.molecules]).astype(np.float32)
    kernel = min_max(counts)
    mean, deviation = gaussian_process(kernel, target)
    inside = np.abs(truth - mean) <= INSIDE * deviation
    return {
        "target": target.name, "train": int(train.sum()), "test": len(truth), "cliffs": int(cliff.sum()),
        **errors_of(found.mean, target, "predictor"),
        **errors_of(support_vectors(bits, target), target, "ecfp_svr"),
        **errors_of(support_vectors(descriptors, target), target, "descriptors_svr"),
        **errors_of(chosen_by_folds({"min-max": kernel}, target), target, "counts_svr"),
        **errors_of(mean, target, "counts_gp"),
        "gp_held": inside.mean(), "gp_cliffs_held": inside[cliff].mean(), "gp_width": 2 * INSIDE * deviation.mean(),
        "held": held.mean(), "cliffs_held": held[cliff].mean(),
        "width": width.mean(), "cliffs_width": width[cliff].mean(), "seconds": seconds,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--calibration", default="auto", choices=["auto", "grouped", "random"])
    chosen = parser.parse_args()
    rows = []
    for path in chosen.files:
        rows.append(measured(read(path), chosen.calibration))
        print(pd.DataFrame(rows[-1:]).round(3).to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    print("\nmean over targets\n" + table.drop(columns="target").mean().round(3).to_string())
    counts = table["cliffs"]
    for name in ("cliffs_held", "gp_cliffs_held"):
        print(f"{name}: {(table[name] * counts).sum() / counts.sum():.1%} of all {counts.sum()} molecules of cliffs")
    if chosen.output:
        table.to_csv(chosen.output, index=False)


if __name__ == "__main__":
    main()
