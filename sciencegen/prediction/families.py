"""The families of regressors. Each fits one model per fold (model k leaves out fold k) and is stored as arrays.

family.predict(query) -> [item fold]     predictions by each fold's model
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.prediction.columns import ROWS_AT_ONCE, FeatureTable

if TYPE_CHECKING:
    from sklearn.tree import BaseDecisionTree


# Regression trees as flat arrays: fitted by scikit-learn, stored as numbers, evaluated here.


@dataclass(frozen=True)
class Trees:
    """For each fold, the sum of its trees plus its base.

    feature, threshold, value: one entry per node of all trees. below: the child nodes, [0] for items whose feature is
    at most the threshold, else [1]; a leaf is its own child.
    root: first node of each tree. fold: which fold's model each tree belongs to.
    """

    feature: Int[np.ndarray, " node"]
    threshold: Float[np.ndarray, " node"]
    below: Int[np.ndarray, "node 2"]
    value: Float[np.ndarray, " node"]
    root: Int[np.ndarray, " tree"]
    fold: Int[np.ndarray, " tree"]
    base: Float[np.ndarray, " fold"]

    def predict(self, inputs: Float[np.ndarray, "item column"]) -> Float[np.ndarray, "item fold"]:
        """Predictions by each fold's model. All items descend all trees together, until all are in leaves."""
        values, below = inputs.ravel(), self.below.ravel()
        row = np.arange(len(inputs))[:, None] * inputs.shape[1]
        node = np.broadcast_to(self.root, (len(inputs), len(self.root)))
        while True:
            goes_right = values.take(row + self.feature.take(node)) > self.threshold.take(node)
            reached = below.take(2 * node + goes_right)
            if (reached == node).all():
                break
            node = reached
        leaves = self.value[node]
        return self.base + np.stack([leaves[:, self.fold == k].sum(axis=1) for k in range(len(self.base))], axis=1)


def flatten(trees_of_fold: Sequence[Sequence], scale: float, base: Sequence[float]) -> Trees:
    """scikit-learn's trees of each fold as one record. scale: factor of the leaves' values."""
    grown = [(fold, tree.tree_) for fold, trees in enumerate(trees_of_fold) for tree in trees]
    sizes = np.array([tree.node_count for _, tree in grown])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    joined = lambda name: np.concatenate([getattr(tree, name) for _, tree in grown])  # noqa: E731
    start = np.repeat(roots, sizes)  # children are numbered within their tree
    child = np.stack([joined("children_left"), joined("children_right")], axis=1)
    leaf = child[:, :1] < 0
    itself = np.arange(len(child))[:, None]
    return Trees(
        feature=np.where(leaf[:, 0], 0, joined("feature")).astype(np.int32),
        threshold=joined("threshold"),
        below=np.where(leaf, itself, child + start[:, None]).astype(np.int32),
        value=scale * joined("value")[:, 0, 0],
        root=roots.astype(np.int32),
        fold=np.array([fold for fold, _ in grown], dtype=np.int32),
        base=np.asarray(base, dtype=np.float64),
    )


# Distances from items to the training items, for kernels and for the applicability domain.

NEIGHBOURS = 3
"""Number of nearest training items in the distance to the training data; a single one may be an outlier."""
LOCAL = 5
"""Number of nearest training items whose errors describe the surroundings of an item."""
CANDIDATES = 16
"""Nearest reference rows among which those of each fold are looked for; others only if too few of these are left in."""
CLOSEST = 0.05
"""Added to squared distances in the weights of neighbours, so that a copy of the item does not outweigh the others."""


@dataclass(frozen=True)
class Query:
    """Items in the form that all families of regressors take.

    inputs: standardized columns. dense, sparse: mean squared difference per column to each reference row, in the
    block of dense columns (descriptors, latents) and of mostly-zero ones (fingerprints); None where a block is empty.
    """

    inputs: Float[np.ndarray, "item column"]
    dense: Float[np.ndarray, "item reference"] | None
    sparse: Float[np.ndarray, "item reference"] | None

    def rows(self, index: np.ndarray) -> Query:
        pick = lambda block: None if block is None else block[index]  # noqa: E731
        return Query(self.inputs[index], pick(self.dense), pick(self.sparse))

    def references(self, index: np.ndarray) -> Query:
        """The same items with only some of the reference rows."""
        pick = lambda block: None if block is None else block[:, index]  # noqa: E731
        return Query(self.inputs, pick(self.dense), pick(self.sparse))


def make_query(
    inputs: Float[np.ndarray, "item column"],
    reference: Float[np.ndarray, "reference column"],
    sparse: Bool[np.ndarray, " column"],
    near: Bool[np.ndarray, " column"] | None = None,
) -> Query:
    """near: the columns that distances use; None: all."""
    columns_used = np.ones_like(sparse) if near is None or not near.any() else near
    block = lambda columns: _mean_squared_difference(inputs[:, columns], reference[:, columns])  # noqa: E731
    return Query(inputs, block(~sparse & columns_used), block(sparse & columns_used))


def _mean_squared_difference(items: np.ndarray, reference: np.ndarray) -> Float[np.ndarray, "item reference"] | None:
    """|a - b|^2 / columns = (|a|^2 + |b|^2 - 2 a.b) / columns."""
    columns = items.shape[1]
    if columns == 0:
        return None
    found = (items**2).sum(axis=1)[:, None] + (reference**2).sum(axis=1)[None]
    found -= 2 * items @ reference.T
    np.maximum(found, 0, out=found)
    found /= columns
    return found


@dataclass(frozen=True)
class Neighbours:
    """The `LOCAL` nearest reference rows of items, nearest first.

    row: their indices. squared: their squared distances, infinite where there are fewer rows.
    """

    row: Int[np.ndarray, "*item near"]
    squared: Float[np.ndarray, "*item near"]

    def distance(self) -> Float[np.ndarray, "*item"]:
        """Root mean squared distance to the nearest `NEIGHBOURS` rows."""
        nearest = self.squared[..., :NEIGHBOURS]
        known = np.isfinite(nearest)
        return np.sqrt(np.where(known, nearest, 0).sum(axis=-1) / known.sum(axis=-1))

    def mean(self, values: Float[np.ndarray, " reference"]) -> Float[np.ndarray, "*item"]:
        """Mean of the values of the rows; near rows have larger weights."""
        weights = 1 / (self.squared + CLOSEST)
        return (weights * values[self.row]).sum(axis=-1) / weights.sum(axis=-1)

    def of(self, *index: np.ndarray) -> Neighbours:
        """The neighbours of some of the items, by indices of the leading axes."""
        return Neighbours(self.row[index], self.squared[index])


def nearest_left_in(query: Query, left_in: Bool[np.ndarray, "reference fold"]) -> Neighbours:
    """The nearest reference rows that the model of fold k was fitted on: neighbours of shape [item fold]."""
    blocks = [block for block in (query.dense, query.sparse) if block is not None]
    squared = np.add.reduce(blocks) / len(blocks)
    candidates = _nearest(squared, CANDIDATES)
    parts = [_left_in(candidates, squared, rows) for rows in left_in.T]
    return Neighbours(np.stack([one.row for one in parts], axis=1), np.stack([one.squared for one in parts], axis=1))


def _left_in(
    candidates: Neighbours, squared: Float[np.ndarray, "item reference"], rows: Bool[np.ndarray, " reference"]
) -> Neighbours:
    """The nearest of `rows`: among the candidates of an item, or among all if too few candidates are left in."""
    own = rows[candidates.row]
    first = np.argsort(~own, axis=1, kind="stable")[:, :LOCAL]
    row, near = (np.take_along_axis(array, first, 1) for array in (candidates.row, candidates.squared))
    lacking = np.flatnonzero(own.sum(axis=1) < LOCAL)
    if len(lacking):
        index = np.flatnonzero(rows)
        others = _nearest(squared[np.ix_(lacking, index)], LOCAL)
        row[lacking], near[lacking] = index[others.row], others.squared
    return Neighbours(row, near)


def _nearest(squared: Float[np.ndarray, "item reference"], count: int) -> Neighbours:
    """The nearest `count` columns of each row; infinitely far copies of the last column if there are fewer."""
    last = squared.shape[1] - 1
    squared = np.pad(squared, ((0, 0), (0, max(0, count - squared.shape[1]))), constant_values=np.inf)
    near = np.argpartition(squared, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(squared, near, 1), axis=1, kind="stable")
    near = np.take_along_axis(near, order, 1)
    return Neighbours(np.minimum(near, last), np.take_along_axis(squared, near, 1))


# The data that a family of regressors is fitted on, and which items each fold's model leaves out.

TUNING_ROWS = 800
"""Rows on which ridge and kernel settings are chosen: a matrix of this size decomposes in a quarter of a second."""


@dataclass(frozen=True)
class Training:
    """Training data of a family: standardized columns and a standardized target.

    fold: the fold whose model leaves the item out. reference: the rows that distances are measured to and kernels are
    fitted on. sparse: the mostly-zero columns.
    near: the columns that distances and kernels use, grown: those that trees use; None: all. emphasis: the penalty on a
    coefficient is divided by its square. left_out: the folds whose models leave an item out, if there may be several.
    """

    inputs: FeatureTable
    target: Float[np.ndarray, " item"]
    fold: Int[np.ndarray, " item"]
    reference: Int[np.ndarray, " reference"]
    sparse: Bool[np.ndarray, " column"]
    near: Bool[np.ndarray, " column"] | None = None
    grown: Bool[np.ndarray, " column"] | None = None
    emphasis: Float[np.ndarray, " column"] | None = None
    left_out: Bool[np.ndarray, "item fold"] | None = None

    @property
    def folds(self) -> int:
        return int(self.fold.max()) + 1

    @property
    def left_in(self) -> Bool[np.ndarray, "item fold"]:
        """Which items each fold's model is fitted on."""
        return self.fold[:, None] != np.arange(self.folds) if self.left_out is None else ~self.left_out

    def rows_in(self, fold: int) -> Int[np.ndarray, " row"]:
        return np.flatnonzero(self.left_in[:, fold])

    def query(self, rows: Int[np.ndarray, " row"] | slice) -> Query:
        return self.query_of(self.inputs[rows])

    def query_of(self, inputs: Float[np.ndarray, "query column"]) -> Query:
        """The query of items that are not in the training data."""
        return make_query(inputs, self.inputs[self.reference], self.sparse, self.near)


def tuning_rows(count: int, generator: np.random.Generator) -> Int[np.ndarray, " row"]:
    """At most `TUNING_ROWS` of `count` rows, drawn without replacement and in ascending order."""
    return np.sort(generator.permutation(count)[:TUNING_ROWS])


# Two families of Gaussian processes: sums or products of kernels of the dense and the sparse distance.

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
    similarity = _added(reference, length, share)
    del reference, near, similarities  # as large as the matrices of `_solved`
    dual, intercept = _solved(similarity, noise, training)
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

    def choices(block: Float[np.ndarray, "item reference"] | None) -> list[float]:
        """STRENGTHS divided by the median distance between different items."""
        apart = np.empty(0) if block is None else block[block > 1e-9]
        return [strength / float(np.median(apart)) for strength in STRENGTHS] if len(apart) else [0.0]

    dense, sparse = choices(near.dense), choices(near.sparse)
    similarities = {rates: _multiplied(near, *rates) for rates in product(dense, sparse)}
    rates, noise = _tuned(similarities, target[tuning])
    similarity = _multiplied(reference, *rates)
    del reference, near, similarities  # as large as the matrices of `_solved`
    dual, intercept = _solved(similarity, noise, training)
    return Product(dual, intercept, np.array(rates))


def _multiplied(query: Query, dense: float, sparse: float) -> Float[np.ndarray, "item reference"]:
    blocks = [(rate, block) for rate, block in ((dense, query.dense), (sparse, query.sparse)) if block is not None]
    total = np.zeros_like(blocks[0][1])
    for rate, block in blocks:
        total -= rate * block
    return np.exp(total, out=total)


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
        matrix = similarity[np.ix_(kept, kept)]
        matrix.flat[:: len(kept) + 1] += noise
        dual[kept, k] = np.linalg.solve(matrix, target[kept] - intercept[k])
    return dual, intercept


# Two families of additive models: a ridge regression, and one followed by an increasing curve.

PENALTIES = np.logspace(-1, 5, 13)
SEGMENTS = 12
ENDS = (0.003, 0.997)
"""Quantiles of the sums between which the knots lie."""
ROWS_PER_SEGMENT = 15
ROUNDS = 5
LEAST_SLOPE = 0.05
"""Of the curve, whose mean slope is near 1: every segment still ranks items."""
SMOOTHNESS = 0.01
"""Penalty on the squared change of slope between neighbouring segments, relative to the mean squared error."""
LONGEST_STEP = 2.0
"""Greatest change of an item's sum in one round, in standard deviations."""


@dataclass(frozen=True)
class Ridge:
    """y = x . weights + intercept (Hoerl & Kennard 1970), with the penalty chosen by leave-one-out error."""

    weights: Float[np.ndarray, "column fold"]
    intercept: Float[np.ndarray, " fold"]

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        return query.inputs @ self.weights + self.intercept


def fit_ridge(training: Training, generator: np.random.Generator) -> Ridge:
    """A ridge regression for each fold, with one penalty for all."""
    inputs = emphasized(training)
    models = ridge_by_fold(inputs, training, ridge_penalty(inputs, training.target, generator))
    weights, intercept = zip(*models, strict=True)
    return Ridge(_unemphasized(np.stack(weights, axis=1), training), np.array(intercept))


def emphasized(training: Training) -> FeatureTable:
    """The columns times their emphasis, so that a common penalty is smaller for emphasized columns."""
    if training.emphasis is None:
        return training.inputs
    places = np.flatnonzero(training.emphasis != 1)
    return training.inputs.with_columns(places, training.inputs.columns(places) * training.emphasis[places])


def _unemphasized(weights: Float[np.ndarray, "column fold"], training: Training) -> Float[np.ndarray, "column fold"]:
    return weights if training.emphasis is None else weights * training.emphasis[:, None]


def ridge_penalty(inputs: FeatureTable, target: np.ndarray, generator: np.random.Generator) -> float:
    """The one of `PENALTIES` with the least leave-one-out error over `TUNING_ROWS` rows."""
    from sklearn.linear_model import RidgeCV

    tuning = tuning_rows(len(target), generator)
    return float(RidgeCV(PENALTIES).fit(inputs[tuning], target[tuning]).alpha_)


def ridge_by_fold(inputs: FeatureTable, training: Training, penalty: float) -> Iterator[tuple[np.ndarray, float]]:
    """Coefficients and intercept of each fold's ridge regression.

    Of many rows, sums of squares and products are formed once; those of the rows that a fold leaves out are taken away.
    """
    from scipy.linalg import solve
    from sklearn.linear_model import Ridge as RidgeRegression

    target = training.target
    if len(inputs) <= ROWS_AT_ONCE:
        for kept in map(training.rows_in, range(training.folds)):
            model = RidgeRegression(penalty).fit(inputs[kept], target[kept])
            yield model.coef_, float(model.intercept_)
        return
    whole = _moments(inputs, target)
    for left_in in training.left_in.T:
        takes_away = 2 * left_in.sum() > len(target)
        rows = np.flatnonzero(~left_in if takes_away else left_in)
        found = _moments(inputs.take(rows), target[rows])
        products, sums = (
            np.subtract(one, own, out=own) if takes_away else own for one, own in zip(whole, found, strict=True)
        )
        count, mean = sums[0], sums[1:] / sums[0]
        products -= count * np.outer(mean[1:], mean)
        products[np.arange(len(products)), np.arange(len(products)) + 1] += penalty
        coefficients = solve(products[:, 1:], products[:, 0], assume_a="pos")
        yield coefficients, float(mean[0] - mean[1:] @ coefficients)


def _moments(inputs: FeatureTable, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X' (y X) and 1' (1 y X)."""
    products, sums = np.zeros((inputs.shape[1], inputs.shape[1] + 1)), np.zeros(inputs.shape[1] + 2)
    for place, part in inputs.in_parts():
        products[:, 0] += part.T @ target[place]
        products[:, 1:] += part.T @ part
        sums += [len(part), target[place].sum(), *part.sum(axis=0)]
    return products, sums


@dataclass(frozen=True)
class Curve:
    """y = g(x . weights + intercept), with g increasing, linear between knots and logarithmic beyond them.

    For effects that are additive on another scale than the measured one (global epistasis, Otwinowski et al. 2018).
    """

    weights: Float[np.ndarray, "column fold"]
    intercept: Float[np.ndarray, " fold"]
    knots: Float[np.ndarray, "knot fold"]
    heights: Float[np.ndarray, "knot fold"]

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        sums = query.inputs @ self.weights + self.intercept
        curves = zip(sums.T, self.knots.T, self.heights.T, strict=True)
        return np.stack([on_curve(one, knots, heights)[0] for one, knots, heights in curves], axis=1)


def fit_curve(training: Training, generator: np.random.Generator) -> Curve:
    """Sums and their curve for each fold, with one penalty for all: that of a ridge regression."""
    inputs = emphasized(training)
    penalty = ridge_penalty(inputs, training.target, generator)
    models = []
    for fold, start in enumerate(ridge_by_fold(inputs, training, penalty)):
        kept = training.rows_in(fold)
        models.append(_fit_one(inputs.take(kept), training.target[kept], penalty, *start))
    weights, intercept, knots, heights = zip(*models, strict=True)
    columns = [np.stack(parts, axis=1) for parts in (weights, knots, heights)]
    return Curve(_unemphasized(columns[0], training), np.array(intercept), *columns[1:])


def _fit_one(
    inputs: FeatureTable, target: np.ndarray, penalty: float, weights: np.ndarray, intercept: float
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Gauss-Newton from a ridge regression: alternately fit the curve to the sums, and the sums with the slope s there.

    y ~ g(sum) + s (new sum - sum), so that new sum ~ sum + (y - g) / s with weight s^2
    """
    for _ in range(ROUNDS):
        sums = inputs.times(weights) + intercept
        reached, slope = on_curve(sums, *rising_curve(sums, target))
        step = np.clip((target - reached) / slope, -LONGEST_STEP, LONGEST_STEP)
        weights, intercept = weighted_ridge(inputs, sums + step, slope**2, penalty, weights)
    knots, heights = rising_curve(inputs.times(weights) + intercept, target)
    return weights, intercept, knots, heights


def rising_curve(
    sums: Float[np.ndarray, " item"], target: Float[np.ndarray, " item"]
) -> tuple[Float[np.ndarray, " knot"], Float[np.ndarray, " knot"]]:
    """Knots and heights of the least-squares curve, by non-negative least squares on its slopes.

    There are always SEGMENTS segments, so that all folds fit in one array; with few items, segments share slopes.
    """
    from scipy.optimize import nnls

    start, end = np.quantile(sums, ENDS)
    knots = np.linspace(start, max(end, start + 1e-9), SEGMENTS + 1)
    segments = max(1, min(SEGMENTS, len(sums) // ROWS_PER_SEGMENT))
    owner = np.arange(SEGMENTS) * segments // SEGMENTS
    inside = np.clip(sums[:, None] - knots[:-1], 0, np.diff(knots))
    inside[:, 0] += np.minimum(sums - knots[0], 0)
    inside[:, -1] += np.maximum(sums - knots[-1], 0)
    design = inside @ (owner[:, None] == np.arange(segments))
    constant = np.ones((len(sums), 1))
    bends = np.sqrt(SMOOTHNESS * len(sums)) * np.diff(np.eye(segments), axis=0)
    matrix = np.block([[constant, -constant, design], [np.zeros((segments - 1, 2)), bends]])
    aim = np.concatenate([target - LEAST_SLOPE * design.sum(axis=1), np.zeros(segments - 1)])
    found, _ = nnls(matrix, aim)
    slopes = found[2:][owner] + LEAST_SLOPE
    return knots, found[0] - found[1] + np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))])


def on_curve(
    sums: Float[np.ndarray, " item"], knots: Float[np.ndarray, " knot"], heights: Float[np.ndarray, " knot"]
) -> tuple[Float[np.ndarray, " item"], Float[np.ndarray, " item"]]:
    """The curve's height and its slope at each sum.

    Beyond the knots it is logarithmic: there are few data, and assays saturate. With excess e, last slope s and the
    distance w between knots:    height + s w log(1 + e / w)
    """
    segment = np.clip(np.searchsorted(knots, sums) - 1, 0, len(knots) - 2)
    slope, inside = (np.diff(heights) / np.diff(knots))[segment], np.clip(sums, knots[0], knots[-1])
    width, beyond = knots[1] - knots[0], sums - inside
    reached = inside + np.sign(beyond) * width * np.log1p(np.abs(beyond) / width)
    return heights[segment] + slope * (reached - knots[segment]), slope / (1 + np.abs(beyond) / width)


def weighted_ridge(
    inputs: FeatureTable,
    target: Float[np.ndarray, " item"],
    weight: Float[np.ndarray, " item"],
    penalty: float,
    start: Float[np.ndarray, " column"],
    steps: int = 60,
    tolerance: float = 1e-6,
) -> tuple[Float[np.ndarray, " column"], float]:
    """Coefficients and intercept, by conjugate gradients from `start`: X' W X is never formed.

    (Xc' W Xc + penalty) v = Xc' W (y - mean y), where Xc is X minus its weighted mean
    """
    share = weight / weight.sum()
    centred = lambda values: values - share @ values  # noqa: E731
    applied = lambda vector: inputs.summed(weight * centred(inputs.times(vector))) + penalty * vector  # noqa: E731
    scale = np.add.reduce([weight[place] @ part**2 for place, part in inputs.in_parts()]) + penalty
    found = start.copy()
    aim = inputs.summed(weight * centred(target))
    left = aim - applied(found)
    towards = preconditioned = left / scale
    for _ in range(steps):
        if left @ left <= (tolerance**2) * (aim @ aim):
            break
        moved = applied(towards)
        length = (left @ preconditioned) / (towards @ moved)
        found, before = found + length * towards, left @ preconditioned
        left = left - length * moved
        preconditioned = left / scale
        towards = preconditioned + (left @ preconditioned) / before * towards
    return found, float(share @ target - share @ inputs.times(found))


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
    for fold in range(training.folds):
        kept = training.rows_in(fold)
        inputs = np.empty((len(kept), len(columns)), np.float32)
        for place, part in training.inputs.take(kept).in_parts():
            inputs[place] = part[:, columns]
        base.append(training.target[kept].mean())
        seed = int(generator.integers(2**31))
        grown.append(grow(inputs, training.target[kept] - base[-1], seed))
    trees = flatten(grown, scale, base)
    return TreeFamily(replace(trees, feature=columns[trees.feature].astype(np.int32)))


Family = Ridge | Curve | Kernel | Product | TreeFamily
FAMILIES: dict[str, Callable[[Training, np.random.Generator], Family]] = {
    "ridge": fit_ridge, "curve": fit_curve, "kernel": fit_kernel, "product": fit_product, "boosting": fit_boosting,
    "forest": fit_forest,
}  # fmt: skip
