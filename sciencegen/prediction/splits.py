"""How new items will differ from those learned from: what is left out to learn what predictions are worth there.

random    like the others
groups    of another group (molecules: another scaffold); a label for each item, "" for one that is alone
parts     with a part that none had (variants: a mutated position); a set of parts for each item
order     beyond the others (more mutations, a higher value); a number for each item
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
"""Share of the items that are to lie below the cut of an order. With a higher cut the measured step is smaller than
the one to come: intervals held less often (of double mutants of GB1, 67% against 81% at a half)."""
LEAST_VARIANCE = 0.2
"""Of the targets below the cut, as a share of that of all; of a normal distribution's lower half it is 0.36."""
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Split:
    """labels: one for each item, as its kind says; None of a random one."""

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
    """fold: which fold's model is asked for an item. left_out: the fold models that leave it out, that one among
    them."""

    fold: Int[np.ndarray, " item"]
    left_out: Bool[np.ndarray, "item fold"]


def split_folds(split: Split, inputs: np.ndarray, folds: int, generator: np.random.Generator) -> Folds:
    """Folds for the random kind, groups and parts; equal items never stand on both sides. An order has its cut."""
    same = row_groups(inputs)
    if split.kind == "parts":
        return _folds_of_parts(split, same, folds, generator)
    units = joined_groups(split.labels, same) if split.kind == "groups" and split.labels is not None else same
    fold = grouped_folds(units, folds, generator)
    return Folds(fold, fold[:, None] == np.arange(fold.max() + 1))


def _folds_of_parts(split: Split, same: np.ndarray, folds: int, generator: np.random.Generator) -> Folds:
    """Parts are dealt to folds. An item is out of every fold's model that leaves one of its parts out, and asked of one
    of these, drawn; an item without parts is out of one."""
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
    """Of an order, the items on the lower side: with the cut that leaves nearest half of them there, among those below
    which targets still vary, if there are any: from items that are all alike nothing is learned that could go on.
    """
    order = np.asarray(split.labels, dtype=float)
    values = np.unique(order)
    possible = _possible_cuts(order, values, inputs, fewest_above)
    if not possible.any():
        raise DataError(
            f"Expected items of different {split.name} to learn from the lower and judge by the higher, found "
            f"{len(values)} ({values[0]:g} to {values[-1]:g}), none with {FEWEST_ROWS} different items or more up to "
            f"it and {fewest_above} or more beyond. Pass another `split`."
        )
    count, variance = _below(order, values, target)
    varied = possible & (variance >= LEAST_VARIANCE * target.var())
    chosen = np.flatnonzero(varied if varied.any() else possible)
    return order <= values[chosen[np.abs(count[chosen] / len(order) - BELOW).argmin()]]


def _possible_cuts(
    order: Float[np.ndarray, " item"], values: Float[np.ndarray, " value"], inputs: np.ndarray, fewest_above: int
) -> Bool[np.ndarray, " value"]:
    """Up to which values there are enough different items, and beyond which there are enough."""
    same = row_groups(inputs)
    lowest = np.full(int(same.max()) + 1, np.inf)
    np.minimum.at(lowest, same, order)
    different = np.searchsorted(np.sort(lowest), values, side="right")
    above = len(order) - np.searchsorted(np.sort(order), values, side="right")
    return (different >= FEWEST_ROWS) & (above >= fewest_above)


def _below(
    order: Float[np.ndarray, " item"], values: Float[np.ndarray, " value"], target: Float[np.ndarray, " item"]
) -> tuple[Int[np.ndarray, " value"], Float[np.ndarray, " value"]]:
    """Of the items up to each value their number, and the variance of their targets."""
    count = np.searchsorted(np.sort(order), values, side="right")
    ordered = (target - target.mean())[np.argsort(order, kind="stable")]
    mean, squares = (np.cumsum(part)[count - 1] / count for part in (ordered, ordered**2))
    return count, squares - mean**2
