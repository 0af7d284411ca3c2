"""Distances from items to the training items, for kernels and for the applicability domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

NEIGHBOURS = 3
"""Number of nearest training items in the distance to the training data; a single one may be an outlier."""


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


def distance_to_left_in(query: Query, left_in: Bool[np.ndarray, "reference fold"]) -> Float[np.ndarray, "item fold"]:
    """Root mean squared distance to the nearest reference rows that the model of fold k was fitted on, for each k."""
    blocks = [block for block in (query.dense, query.sparse) if block is not None]
    squared = np.add.reduce(blocks) / len(blocks)
    return np.stack([_nearest(squared[:, rows]) for rows in left_in.T], axis=1)


def _nearest(squared: Float[np.ndarray, "item reference"]) -> Float[np.ndarray, " item"]:
    count = min(NEIGHBOURS, squared.shape[1])
    return np.sqrt(np.partition(squared, count - 1, axis=1)[:, :count].mean(axis=1))
