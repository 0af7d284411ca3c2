"""Assignment of rows to folds: whole groups, and equal items, are left out together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Int

from sciencegen.errors import DataError


def row_groups(features: np.ndarray) -> Int[np.ndarray, " item"]:
    """One label per distinct row: repeated measurements of one item share it."""
    rows = np.ascontiguousarray(features) + 0.0  # -0.0 and 0.0 are one number
    labels: dict[bytes, int] = {}
    return np.array([labels.setdefault(row.tobytes(), len(labels)) for row in rows])


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
