"""Distances from items to the training items, for kernels and for the applicability domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

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
    squares = (items**2).sum(axis=1)[:, None] + (reference**2).sum(axis=1)[None]
    return np.maximum(squares - 2 * items @ reference.T, 0) / columns


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


def joined_neighbours(parts: Sequence[Neighbours]) -> Neighbours:
    """The neighbours of the items of all parts, one part after the other."""
    return Neighbours(np.concatenate([one.row for one in parts]), np.concatenate([one.squared for one in parts]))


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
