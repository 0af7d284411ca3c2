"""How new items differ from the training items, and what is left out to estimate errors on such items.

random    like the training items
groups    of a new group (molecules: a new scaffold); a label for each item, "" for one without a group
parts     with a new part (variants: a mutated position); a set of parts for each item
order     beyond the training items (more mutations, a higher value); a number for each item
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import DataError, unknown_name
from sciencegen.prediction.folds import grouped_folds, joined_groups, row_groups

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


def split_folds(split: Split, inputs: np.ndarray, folds: int, generator: np.random.Generator) -> Folds:
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


def has_cut(split: Split, inputs: np.ndarray, fewest_above: int) -> bool:
    """Whether an order has enough items below and above some cut."""
    order = np.asarray(split.labels, dtype=float)
    return bool(_possible_cuts(order, np.unique(order), inputs, fewest_above).any())


def below_cut(
    split: Split, inputs: np.ndarray, target: Float[np.ndarray, " item"], fewest_above: int
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
    order: Float[np.ndarray, " item"], values: Float[np.ndarray, " value"], inputs: np.ndarray, fewest_above: int
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
