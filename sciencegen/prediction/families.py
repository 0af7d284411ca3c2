"""The families of regressors. Each fits one model per fold (model k leaves out fold k) and is stored as arrays.

family.predict(query) -> [item fold]     predictions by each fold's model
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.prediction.geometry import Query
from sciencegen.prediction.kernels import Kernel, Product, fit_kernel, fit_product
from sciencegen.prediction.ridges import Curve, Ridge, fit_curve, fit_ridge
from sciencegen.prediction.task import Training
from sciencegen.prediction.trees import Trees, flatten

if TYPE_CHECKING:
    from sklearn.tree import BaseDecisionTree

Grow = Callable[[np.ndarray, np.ndarray, int], Sequence["BaseDecisionTree"]]
"""(inputs, centred target, seed) -> fitted trees."""
TREES = 200
ROWS_PER_TREE = 2000


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

    def grow(inputs: np.ndarray, target: np.ndarray, seed: int) -> Sequence[BaseDecisionTree]:
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

    def grow(inputs: np.ndarray, target: np.ndarray, seed: int) -> Sequence[BaseDecisionTree]:
        rows = min(1.0, ROWS_PER_TREE / len(target))
        sampled = {"bootstrap": True, "max_samples": rows} if rows < 1 else {}
        model = ExtraTreesRegressor(count, max_features=1 / 3, min_samples_leaf=2, random_state=seed, **sampled)
        return model.fit(inputs, target).estimators_

    return _fit_trees(training, generator, grow, 1 / count)


def _fit_trees(training: Training, generator: np.random.Generator, grow: Grow, scale: float) -> TreeFamily:
    """`grow(inputs, centred target, seed)` for every fold, as arrays."""
    grown, base = [], []
    columns = np.arange(training.inputs.shape[1]) if training.grown is None else np.flatnonzero(training.grown)
    inputs = training.inputs[:, columns].astype(np.float32)
    for fold in range(training.folds):
        kept = training.rows_in(fold)
        base.append(training.target[kept].mean())
        seed = int(generator.integers(2**31))
        grown.append(grow(inputs[kept], training.target[kept] - base[-1], seed))
    trees = flatten(grown, scale, base)
    return TreeFamily(replace(trees, feature=columns[trees.feature].astype(np.int32)))


Family = Ridge | Curve | Kernel | Product | TreeFamily
FAMILIES: dict[str, Callable[[Training, np.random.Generator], Family]] = {
    "ridge": fit_ridge, "curve": fit_curve, "kernel": fit_kernel, "product": fit_product, "boosting": fit_boosting,
    "forest": fit_forest,
}  # fmt: skip
