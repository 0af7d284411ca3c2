"""The data that a predictor is fitted on: tables of inputs, measured values, groups, and the split to calibrate for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import DataError, ShapeError, unknown_name
from sciencegen.metrics.numbers import Warp, check_magnitude, fit_warp, spearman
from sciencegen.prediction.columns import FeatureBlock, FeatureTable, as_table, mostly_missing
from sciencegen.prediction.families import PENALTIES, leave_one_out, tuning_rows

# The scale on which a target is fitted (metrics/numbers.py): linear; logarithmic, for effects that multiply; or
# saturating, with an end above the best value, for additive effects measured by an assay that saturates.
#
# Predictions and the ends of intervals are transformed back; since scales increase, intervals keep their coverage.

SCALES = ("linear", "log", "saturating", "auto")
SHIFT = 0.05
LARGE = 0.95

Values = Float[np.ndarray, " item"]
Judge = Callable[[Values, Warp, Values], float]
"""(measured values, scale, leave-one-out errors on the scale) -> a score of the scale; larger is better."""


def fit_scale(scale_name: str, values: Values, inputs: np.ndarray | FeatureTable) -> Warp:
    """scale_name: a name in `SCALES`. "auto" compares two scales by the leave-one-out errors of a ridge regression. For
    values of 0 or more: linear and log, by rank correlation. For others, which mostly are logarithms: linear and
    saturating, by likelihood."""
    if scale_name != "auto":
        return log_scale(values) if scale_name == "log" else fit_warp(scale_name, values)
    linear = fit_warp("linear", values)
    if values.min() >= 0:
        return _better(linear, log_scale(values), values, inputs, _rank_agreement)
    return _better(linear, fit_warp("saturating", values), values, inputs, _log_likelihood)


def log_scale(values: Values) -> Warp:
    """Warp t = (log(y + shift) - mean) / deviation, with a shift of 1/20 of the 95% quantile of the values."""
    if values.min() < 0:
        raise DataError(
            f"Expected values of 0 or more for scale=log, found {values.min():g}. Pass scale=linear, or shift them."
        )
    check_magnitude(values)
    shift = SHIFT * float(np.quantile(values, LARGE))
    shift = shift if shift > 0 else SHIFT * float(values.max())
    bent = np.log(values + shift)
    return Warp("log", 0.0, shift, 1.0, float(bent.mean()), float(bent.std()))


def _better(one: Warp, other: Warp, values: Values, inputs: np.ndarray | FeatureTable, judge: Judge) -> Warp:
    """The second scale if `judge` scores it higher by a ridge regression's leave-one-out errors, else the first."""
    rows = tuning_rows(len(values), np.random.default_rng(0))
    centred = (some := inputs[rows]) - some.mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(centred @ centred.T)

    def score(scale: Warp) -> float:
        target = scale.forward(values[rows])
        target = target - target.mean()
        errors = [leave_one_out(eigenvalues, vectors, target, penalty) for penalty in PENALTIES]
        return judge(values[rows], scale, min(errors, key=lambda one: float((one**2).mean())))

    return other if score(other) > score(one) else one


def _rank_agreement(values: Values, scale: Warp, errors: Values) -> float:
    """Spearman correlation of the predictions with the measured values."""
    return spearman(values, scale.forward(values) - errors)


def _log_likelihood(values: Values, scale: Warp, errors: Values) -> float:
    """Log likelihood in nats per value: the density of Gaussian errors on the scale, times the scale's slope."""
    return float(np.log(scale.slope(values)).mean() - 0.5 * np.log((errors**2).mean()))


# Assignment of rows to folds: whole groups, and equal items, are left out together.


def row_groups(features: np.ndarray | FeatureTable) -> Int[np.ndarray, " item"]:
    """One label per distinct row: repeated measurements of one item share it."""
    labels: dict[bytes, int] = {}
    rows = (row for _, part in as_table(features).in_parts() for row in part)
    digests = (blake2b((row + 0.0).tobytes(), digest_size=16).digest() for row in rows)  # -0.0 and 0.0 are one
    return np.array([labels.setdefault(one, len(labels)) for one in digests])


def joined_groups(
    first: Sequence[Hashable] | np.ndarray, second: Sequence[Hashable] | np.ndarray
) -> Int[np.ndarray, " item"]:
    """The finest grouping in which rows that share either label are together (connected components)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = labels_as_integers(first), labels_as_integers(second)
    offset = left.max() + 1
    edges = coo_array((np.ones(len(left)), (left, right + offset)), shape=(offset + right.max() + 1,) * 2)
    return connected_components(edges, directed=False)[1][left]


def labels_as_integers(labels: Sequence[Hashable] | np.ndarray) -> Int[np.ndarray, " item"]:
    """0, 1, 2, ... in order of first appearance. Each row with the label "" is a group of its own."""
    numbers: dict[Hashable, int] = {}
    own = ((row,) if label == "" else label for row, label in enumerate(np.asarray(labels).tolist()))
    return np.array([numbers.setdefault(label, len(numbers)) for label in own], dtype=np.int64)


def grouped_folds(
    groups: Sequence[Hashable] | np.ndarray, folds: int, generator: np.random.Generator
) -> Int[np.ndarray, " item"]:
    """Fold number of each row: groups in random order, large ones first, each into the smallest fold so far."""
    labels = labels_as_integers(groups)
    sizes = np.bincount(labels)
    if len(sizes) < 2:
        raise DataError(
            f"Expected at least 2 groups to split {len(labels)} rows by, found {len(sizes)}. Split at random instead."
        )
    order = generator.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(min(folds, len(sizes)), dtype=np.int64)
    fold_of = np.empty(len(sizes), dtype=np.int64)
    for group in order:
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return fold_of[labels]


# How new items differ from the training items, and what is left out to estimate errors on such items.
#
# random    like the training items
# groups    of a new group (molecules: a new scaffold); a label for each item, "" for one without a group
# parts     with a new part (variants: a mutated position); a set of parts for each item
# order     beyond the training items (more mutations, a higher value); a number for each item

KINDS = ("random", "groups", "parts", "order")
BELOW = 0.5
"""Target share of items below the cut of an order. With a higher cut, the measured extrapolation is smaller than that
to new items, and the coverage of intervals is lower (double mutants of GB1: 67%, against 81% with a cut at a half)."""
LEAST_VARIANCE = 0.2
"""Of the targets below the cut, relative to that of all; it is 0.36 for the lower half of a normal distribution."""
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Split:
    """labels: one for each item, as described for each kind above; None for a random split."""

    name: str = "random"
    kind: str = "random"
    labels: Sequence[Any] | np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("kind of split", self.kind, KINDS)

    def of(self, rows: Int[np.ndarray, " row"]) -> Split:
        """The split of some of the items."""
        return self if self.labels is None else Split(self.name, self.kind, [self.labels[row] for row in rows.tolist()])


@dataclass(frozen=True)
class Folds:
    """fold: the fold whose model predicts the item. left_out: the folds whose models leave the item out, that one
    included."""

    fold: Int[np.ndarray, " item"]
    left_out: Bool[np.ndarray, "item fold"]


def split_folds(split: Split, inputs: np.ndarray | FeatureTable, folds: int, generator: np.random.Generator) -> Folds:
    """Folds of a split; equal items share a fold. Those of an order are random: its cut is that of `below_cut`."""
    same = row_groups(inputs)
    if split.kind == "parts":
        return _folds_of_parts(split, same, folds, generator)
    units = joined_groups(split.labels, same) if split.kind == "groups" and split.labels is not None else same
    fold = grouped_folds(units, folds, generator)
    return Folds(fold, fold[:, None] == np.arange(fold.max() + 1))


def _folds_of_parts(split: Split, same: np.ndarray, folds: int, generator: np.random.Generator) -> Folds:
    """Parts are assigned to folds. A fold's model leaves out all items with a part of the fold. An item is predicted by
    a random one of the models that leave it out; an item without parts is left out by one model."""
    labels = [tuple(parts) for parts in split.labels or ()]
    parts = sorted({part for item in labels for part in item}, key=str)
    if len(parts) < 2:
        raise DataError(f"Expected at least 2 {split.name} to split by, found {len(parts)}. Pass `split` random.")
    count = min(folds, len(parts))
    dealt = dict(zip(parts, generator.permutation(len(parts)) % count, strict=True))
    own = generator.integers(count, size=int(same.max()) + 1)[same]
    left_out = np.zeros((len(labels), count), bool)
    for row, item in enumerate(labels):
        left_out[row, [dealt[part] for part in item] or own[row]] = True
    fewest = int((~left_out).sum(axis=0).min())
    if fewest < FEWEST_ROWS:
        raise DataError(
            f"Expected {FEWEST_ROWS} items or more without each of the {split.name}, found {fewest}: nearly every item "
            "has one of those that are left out together. Pass another `split`."
        )
    drawn = generator.random((int(same.max()) + 1, count))[same]
    return Folds(np.where(left_out, drawn, -1.0).argmax(axis=1), left_out)


def has_cut(split: Split, inputs: np.ndarray | FeatureTable, fewest_above: int) -> bool:
    """Whether an order has enough items below and above some cut."""
    order = np.asarray(split.labels, dtype=float)
    return bool(_possible_cuts(order, np.unique(order), inputs, fewest_above).any())


def below_cut(
    split: Split, inputs: np.ndarray | FeatureTable, target: Float[np.ndarray, " item"], fewest_above: int
) -> Bool[np.ndarray, " item"]:
    """The items below the cut of an order: the cut with a share of items below it nearest to BELOW. Cuts below which
    targets vary enough are preferred, since a model of nearly equal targets cannot extrapolate.
    """
    order = np.asarray(split.labels, dtype=float)
    values = np.unique(order)
    possible = _possible_cuts(order, values, inputs, fewest_above)
    if not possible.any():
        raise DataError(
            f"Expected a value of {split.name} with {FEWEST_ROWS} or more different items up to it, to fit on, and "
            f"{fewest_above} or more above it, to measure errors; found none among {len(values)} values "
            f"({values[0]:g} to {values[-1]:g}). Pass another `split`."
        )
    count, variance = _below(order, values, target)
    varied = possible & (variance >= LEAST_VARIANCE * target.var())
    chosen = np.flatnonzero(varied if varied.any() else possible)
    return order <= values[chosen[np.abs(count[chosen] / len(order) - BELOW).argmin()]]


def _possible_cuts(
    order: Float[np.ndarray, " item"],
    values: Float[np.ndarray, " value"],
    inputs: np.ndarray | FeatureTable,
    fewest_above: int,
) -> Bool[np.ndarray, " value"]:
    """Values with enough different items up to them, and enough items beyond them."""
    same = row_groups(inputs)
    lowest = np.full(int(same.max()) + 1, np.inf)
    np.minimum.at(lowest, same, order)
    different = np.searchsorted(np.sort(lowest), values, side="right")
    above = len(order) - np.searchsorted(np.sort(order), values, side="right")
    return (different >= FEWEST_ROWS) & (above >= fewest_above)


def _below(
    order: Float[np.ndarray, " item"], values: Float[np.ndarray, " value"], target: Float[np.ndarray, " item"]
) -> tuple[Int[np.ndarray, " value"], Float[np.ndarray, " value"]]:
    """Number of items up to each value, and the variance of their targets."""
    count = np.searchsorted(np.sort(order), values, side="right")
    ordered = (target - target.mean())[np.argsort(order, kind="stable")]
    mean, squares = (np.cumsum(part)[count - 1] / count for part in (ordered, ordered**2))
    return count, squares - mean**2


INPUTS = {
    "features": ("features",), "latents": ("latents",), "both": ("features", "latents"),
    "scored": ("features", "scores"), "all": ("features", "latents", "scores"),
}  # fmt: skip
"""Tables that a predictor uses, by the setting `inputs`."""


@dataclass(frozen=True)
class TrainingTables:
    """Items with measured values.

    Parameters
    ----------
    features : array [item feature] or FeatureTable, optional
        Required if the settings' `inputs` name it; so are `latents` and `scores`.
    values : array [item]
        Measured values; NaN where there is none.
    groups : sequence, optional
        A label for each item; "" for an item without a group.
    latents : array [item latent], optional
        Of a generative model.
    scores : array [item score], optional
        Of other models.
    blocks : sequence of Block
        Of the features' columns; one block of all by default.
    split : Split, optional
        The split that intervals are calibrated for; by default as the settings' `calibration` says.
    """

    features: np.ndarray | FeatureTable | None
    values: Sequence[float] | np.ndarray
    groups: Sequence[Hashable] | np.ndarray | None = None
    latents: np.ndarray | FeatureTable | None = None
    scores: np.ndarray | FeatureTable | None = None
    blocks: Sequence[FeatureBlock] = ()
    split: Split | None = None

    @property
    def target(self) -> np.ndarray:
        return np.asarray(self.values, dtype=np.float64)

    def inputs(self, names: str) -> dict[str, FeatureTable]:
        """The tables that a setting `inputs` names."""
        return select_inputs(names, self.features, self.latents, self.scores)

    def usable_rows(self, names: str) -> tuple[Bool[np.ndarray, " item"], dict[str, int]]:
        """Rows with a finite value and features, and the number of the others by reason."""
        tables, target = self.inputs(names), self.target
        rows = len(next(iter(tables.values())))
        if target.shape != (rows,) or (self.groups is not None and len(self.groups) != rows):
            found = f"values of shape {target.shape}"
            found += "" if self.groups is None else f" and {len(self.groups)} groups"
            raise ShapeError(f"Expected one value and one group for each of {rows} rows of features, got {found}.")
        no_value = ~np.isfinite(target)
        no_features = np.stack([mostly_missing(array) for array in tables.values()]).any(axis=0) & ~no_value
        return ~(no_value | no_features), {"value": int(no_value.sum()), "features": int(no_features.sum())}

    def take(self, rows: np.ndarray) -> TrainingTables:
        """Some of the items."""
        if np.array_equal(rows, np.arange(len(self.target))):
            return self
        part: Mapping[str, Any] = {
            name: None if table is None else as_table(table).take(rows)
            for name, table in (("features", self.features), ("latents", self.latents), ("scores", self.scores))
        }
        groups = None if self.groups is None else [self.groups[row] for row in rows.tolist()]
        split = None if self.split is None else self.split.of(rows)
        return TrainingTables(values=self.target[rows], groups=groups, blocks=self.blocks, split=split, **part)


def select_inputs(
    inputs: str,
    features: np.ndarray | FeatureTable | None,
    latents: np.ndarray | FeatureTable | None,
    scores: np.ndarray | FeatureTable | None = None,
) -> dict[str, FeatureTable]:
    """The tables that `inputs` names, checked to be tables with equal numbers of rows."""
    tables = {"features": features, "latents": latents, "scores": scores}
    names = INPUTS[inputs]
    selected = {name: as_table(table) for name in names if (table := tables[name]) is not None}
    if set(selected) != set(names):
        raise ShapeError(f"Expected {' and '.join(names)} (inputs={inputs!r}), got {', '.join(selected) or 'neither'}.")
    shapes = {name: values.shape for name, values in selected.items()}
    if any(len(shape) != 2 for shape in shapes.values()) or len({shape[0] for shape in shapes.values()}) > 1:
        raise ShapeError(f"Expected tables (item, column) with equal numbers of items, got shapes {shapes}.")
    return selected
