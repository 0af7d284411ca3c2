"""Two families of Gaussian processes: sums or products of kernels of the dense and the sparse distance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from sciencegen.prediction.geometry import Query
from sciencegen.prediction.task import Training, tuning_rows

LENGTHS = (0.5, 1.0, 1.5, 2.0, 4.0)
NOISES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
SPARSE_SHARES = (0.0, 0.25, 0.5)
STRENGTHS = (0.3, 0.8, 2.0)
"""The kernel of two items at the median distance is exp(-strength)."""


@dataclass(frozen=True)
class Kernel:
    """Gaussian-process mean y = k(x) . dual + intercept (Rasmussen & Williams 2006, eq. 2.25).

    k = (1 - share) exp(-d_dense / 2 length^2) + share exp(-d_sparse / 2 length^2), d the mean squared differences.
    `dual` is zero in the rows that a fold's model leaves out.
    """

    dual: Float[np.ndarray, "reference fold"]
    intercept: Float[np.ndarray, " fold"]
    length: Float[np.ndarray, ""]
    share: Float[np.ndarray, ""]

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        return _added(query, float(self.length), float(self.share)) @ self.dual + self.intercept


def fit_kernel(training: Training, generator: np.random.Generator) -> Kernel:
    """Length, share and noise of least leave-one-out error on `TUNING_ROWS` rows; then each fold's coefficients."""
    reference = training.query(training.reference)
    target = training.target[training.reference]
    tuning = tuning_rows(len(target), generator)
    near = reference.rows(tuning).references(tuning)
    shares = [0.0] if near.sparse is None else [1.0] if near.dense is None else SPARSE_SHARES
    similarities = {(length, share): _added(near, length, share) for length in LENGTHS for share in shares}
    (length, share), noise = _tuned(similarities, target[tuning])
    dual, intercept = _solved(_added(reference, length, share), noise, training)
    return Kernel(dual, intercept, np.array(length), np.array(share))


def _added(query: Query, length: float, share: float) -> Float[np.ndarray, "item reference"]:
    exponential = lambda block: np.exp(block * (-0.5 / length**2))  # noqa: E731
    if query.dense is None or share == 1:
        return exponential(query.sparse)
    if query.sparse is None or share == 0:
        return exponential(query.dense)
    return (1 - share) * exponential(query.dense) + share * exponential(query.sparse)


@dataclass(frozen=True)
class Product:
    """The same with k = exp(-rate_dense d_dense - rate_sparse d_sparse): items are similar if both distances are small.

    For one-hot columns of several sites and descriptors of their letters, k is a product over the sites: two items are
    less similar with each site in which they differ, and the more the letters differ.
    """

    dual: Float[np.ndarray, "reference fold"]
    intercept: Float[np.ndarray, " fold"]
    rates: Float[np.ndarray, "2"]
    """Of the dense and of the sparse distance."""

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        return _multiplied(query, *self.rates.tolist()) @ self.dual + self.intercept


def fit_product(training: Training, generator: np.random.Generator) -> Product:
    """Rates and noise of least leave-one-out error on `TUNING_ROWS` rows; then each fold's coefficients."""
    reference = training.query(training.reference)
    target = training.target[training.reference]
    tuning = tuning_rows(len(target), generator)
    near = reference.rows(tuning).references(tuning)
    dense, sparse = (_rates(block) for block in (near.dense, near.sparse))
    similarities = {rates: _multiplied(near, *rates) for rates in product(dense, sparse)}
    rates, noise = _tuned(similarities, target[tuning])
    dual, intercept = _solved(_multiplied(reference, *rates), noise, training)
    return Product(dual, intercept, np.array(rates))


def _rates(block: Float[np.ndarray, "item reference"] | None) -> list[float]:
    """STRENGTHS divided by the median distance between different items."""
    apart = np.empty(0) if block is None else block[block > 1e-9]
    return [strength / float(np.median(apart)) for strength in STRENGTHS] if len(apart) else [0.0]


def _multiplied(query: Query, dense: float, sparse: float) -> Float[np.ndarray, "item reference"]:
    blocks = [(rate, block) for rate, block in ((dense, query.dense), (sparse, query.sparse)) if block is not None]
    return np.exp(-sum(rate * block for rate, block in blocks))


def _tuned(similarities: dict, target: Float[np.ndarray, " item"]) -> tuple:
    """The key and the noise with the least leave-one-out error."""
    centred = target - target.mean()
    best: tuple = (np.inf, next(iter(similarities)), NOISES[0])
    for key, similarity in similarities.items():
        eigenvalues, vectors = np.linalg.eigh(similarity)
        for noise in NOISES:
            errors = leave_one_out(eigenvalues, vectors, centred, noise)
            best = min(best, (float((errors**2).mean()), key, noise))
    return best[1:]


def leave_one_out(
    eigenvalues: Float[np.ndarray, " item"], vectors: Float[np.ndarray, "item item"], target: np.ndarray, noise: float
) -> Float[np.ndarray, " item"]:
    """Leave-one-out errors, e_i = [K^-1 y]_i / [K^-1]_ii (Rasmussen & Williams 2006, eq. 5.12)."""
    inverse = 1 / (np.maximum(eigenvalues, 0) + noise)
    return (vectors @ (vectors.T @ target * inverse)) / (vectors**2 @ inverse)


def _solved(
    similarity: Float[np.ndarray, "reference reference"], noise: float, training: Training
) -> tuple[Float[np.ndarray, "reference fold"], Float[np.ndarray, " fold"]]:
    """Each fold's dual coefficients and intercept."""
    target, left_in = training.target[training.reference], training.left_in[training.reference]
    dual, intercept = np.zeros(left_in.shape), np.zeros(left_in.shape[1])
    for k in range(left_in.shape[1]):
        kept = np.flatnonzero(left_in[:, k])
        intercept[k] = target[kept].mean()
        matrix = similarity[np.ix_(kept, kept)] + noise * np.eye(len(kept))
        dual[kept, k] = np.linalg.solve(matrix, target[kept] - intercept[k])
    return dual, intercept
