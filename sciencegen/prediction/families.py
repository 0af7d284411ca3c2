"""The families of regressors. Each fits one model per fold, left-out fold k by model k, and is a record of arrays.

    family.predict(query) -> [item fold]     the same items by each fold's model

All see standardized columns and a standardized target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.prediction.geometry import Query, make_query
from sciencegen.prediction.trees import Trees, flatten

TUNING_ROWS = 800
"""Rows on which ridge and kernel settings are chosen: a matrix of this size decomposes in a quarter of a second."""
PENALTIES = np.logspace(-1, 5, 13)
LENGTHS = (0.5, 1.0, 1.5, 2.0, 4.0)
NOISES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
SPARSE_SHARES = (0.0, 0.25, 0.5)
TREES = 200
ROWS_PER_TREE = 2000


@dataclass(frozen=True)
class Training:
    """What a family is fitted on.

    target: standardized. fold: which model doesn't see the item. reference: the rows that distances are measured to
    and kernels stand on. sparse: the mostly-zero columns.
    """

    inputs: Float[np.ndarray, "item column"]
    target: Float[np.ndarray, " item"]
    fold: Int[np.ndarray, " item"]
    reference: Int[np.ndarray, " reference"]
    sparse: Bool[np.ndarray, " column"]

    @property
    def folds(self) -> int:
        return int(self.fold.max()) + 1

    def kept(self, fold: int) -> Int[np.ndarray, " kept"]:
        return np.flatnonzero(self.fold != fold)

    def query(self, rows: Int[np.ndarray, " row"] | slice) -> Query:
        return make_query(self.inputs[rows], self.inputs[self.reference], self.sparse)


@dataclass(frozen=True)
class Ridge:
    """y = x . weights + intercept (Hoerl & Kennard 1970), the penalty by leave-one-out error."""

    weights: Float[np.ndarray, "column fold"]
    intercept: Float[np.ndarray, " fold"]

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        return query.inputs @ self.weights + self.intercept


def fit_ridge(training: Training, generator: np.random.Generator) -> Ridge:
    from sklearn.linear_model import Ridge as RidgeRegression
    from sklearn.linear_model import RidgeCV

    inputs, target = training.inputs, training.target
    tuning = _tuning_rows(len(target), generator)
    penalty = RidgeCV(PENALTIES).fit(inputs[tuning], target[tuning]).alpha_
    models = []
    for fold in range(training.folds):
        kept = training.kept(fold)
        models.append(RidgeRegression(penalty).fit(inputs[kept], target[kept]))
    return Ridge(np.stack([model.coef_ for model in models], axis=1), np.array([model.intercept_ for model in models]))


@dataclass(frozen=True)
class Kernel:
    """Gaussian-process mean y = k(x) . dual + intercept (Rasmussen & Williams 2006, eq. 2.25).

    k = (1 - share) exp(-d_dense / 2 length^2) + share exp(-d_sparse / 2 length^2), d the mean squared differences.
    `dual` is zero in the rows that a fold's model has not seen.
    """

    dual: Float[np.ndarray, "reference fold"]
    intercept: Float[np.ndarray, " fold"]
    length: Float[np.ndarray, ""]
    share: Float[np.ndarray, ""]

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        return _similarity(query, float(self.length), float(self.share)) @ self.dual + self.intercept


def _similarity(query: Query, length: float, share: float) -> Float[np.ndarray, "item reference"]:
    exponential = lambda block: np.exp(block * (-0.5 / length**2))  # noqa: E731
    if query.dense is None or share == 1:
        return exponential(query.sparse)
    if query.sparse is None or share == 0:
        return exponential(query.dense)
    return (1 - share) * exponential(query.dense) + share * exponential(query.sparse)


def fit_kernel(training: Training, generator: np.random.Generator) -> Kernel:
    reference = training.query(training.reference)
    target, fold = training.target[training.reference], training.fold[training.reference]
    tuning = _tuning_rows(len(target), generator)
    length, share, noise = _tune_kernel(reference.rows(tuning).references(tuning), target[tuning])
    similarity = _similarity(reference, length, share)
    dual = np.zeros((len(target), training.folds))
    intercept = np.zeros(training.folds)
    for k in range(training.folds):
        kept = np.flatnonzero(fold != k)
        intercept[k] = target[kept].mean()
        matrix = similarity[np.ix_(kept, kept)] + noise * np.eye(len(kept))
        dual[kept, k] = np.linalg.solve(matrix, target[kept] - intercept[k])
    return Kernel(dual, intercept, np.array(length), np.array(share))


def _tune_kernel(query: Query, target: np.ndarray) -> tuple[float, float, float]:
    """(length, share, noise) of least leave-one-out error, e_i = [K^-1 y]_i / [K^-1]_ii (same book, eq. 5.12)."""
    shares = [0.0] if query.sparse is None else [1.0] if query.dense is None else SPARSE_SHARES
    centred = target - target.mean()
    best = (np.inf, LENGTHS[0], shares[0], NOISES[0])
    for length in LENGTHS:
        for share in shares:
            eigenvalues, vectors = np.linalg.eigh(_similarity(query, length, share))
            projected = vectors.T @ centred
            for noise in NOISES:
                inverse = 1 / (np.maximum(eigenvalues, 0) + noise)
                errors = (vectors @ (projected * inverse)) / (vectors**2 @ inverse)
                best = min(best, (float((errors**2).mean()), length, share, noise))
    return best[1:]


@dataclass(frozen=True)
class TreeFamily:
    """Boosted or averaged trees."""

    trees: Trees

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        return self.trees.predict(query.inputs)


def fit_boosting(training: Training, generator: np.random.Generator) -> TreeFamily:
    """Stochastic gradient boosting (Friedman 2002): a tenth of the columns and at most half of the rows per tree."""
    from sklearn.ensemble import GradientBoostingRegressor

    rate = 0.1

    def grow(inputs: np.ndarray, target: np.ndarray, seed: int):
        share = min(0.5, ROWS_PER_TREE / len(target))
        columns = max(1, min(inputs.shape[1], max(8, inputs.shape[1] // 10)))
        model = GradientBoostingRegressor(
            n_estimators=TREES, learning_rate=rate, max_depth=4, min_samples_leaf=2,
            subsample=share, max_features=columns, random_state=seed, init="zero",
        )  # fmt: skip
        return model.fit(inputs, target).estimators_[:, 0].tolist()

    return _fit_trees(training, generator, grow, rate)


def fit_forest(training: Training, generator: np.random.Generator) -> TreeFamily:
    """Extremely randomized trees (Geurts, Ernst & Wehenkel 2006), a third of the columns per split."""
    from sklearn.ensemble import ExtraTreesRegressor

    count = 100

    def grow(inputs: np.ndarray, target: np.ndarray, seed: int):
        rows = min(1.0, ROWS_PER_TREE / len(target))
        sampled = {"bootstrap": True, "max_samples": rows} if rows < 1 else {}
        model = ExtraTreesRegressor(count, max_features=1 / 3, min_samples_leaf=2, random_state=seed, **sampled)
        return model.fit(inputs, target).estimators_

    return _fit_trees(training, generator, grow, 1 / count)


def _fit_trees(training: Training, generator: np.random.Generator, grow: Callable, scale: float) -> TreeFamily:
    """`grow(inputs, centred target, seed)` for every fold, as arrays."""
    grown, base = [], []
    for fold in range(training.folds):
        kept = training.kept(fold)
        base.append(training.target[kept].mean())
        seed = int(generator.integers(2**31))
        grown.append(grow(training.inputs[kept].astype(np.float32), training.target[kept] - base[-1], seed))
    return TreeFamily(flatten(grown, scale, base))


def _tuning_rows(count: int, generator: np.random.Generator) -> Int[np.ndarray, " row"]:
    return np.sort(generator.permutation(count)[:TUNING_ROWS])


FAMILIES = {"ridge": fit_ridge, "kernel": fit_kernel, "boosting": fit_boosting, "forest": fit_forest}
