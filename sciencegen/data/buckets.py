"""Batches of items of nearly one size, so that dense arrays hold almost no padding."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from sciencegen.errors import ConfigError


def size_bucketed(
    sizes: Int[np.ndarray, " item"], batch_size: int, generator: np.random.Generator | None = None
) -> list[Int[np.ndarray, " batch"]]:
    """Indices of all items in batches of `batch_size` (the last may be smaller), each of nearly equal sizes.

    With a generator both the items of a size and the batches come in random order, and where the cuts fall is drawn
    too; without one the order is that of size, then of the items.
    """
    if batch_size < 1:
        raise ConfigError(f"Expected a batch size of at least 1, got {batch_size}.")
    sizes = np.asarray(sizes)
    if generator is None:
        return np.split(np.argsort(sizes, kind="stable"), range(batch_size, len(sizes), batch_size))
    order = generator.permutation(len(sizes))
    order = order[np.argsort(sizes[order], kind="stable")]
    first = int(generator.integers(1, batch_size + 1))
    batches = np.split(order, range(first, len(sizes), batch_size))
    return [batches[index] for index in generator.permutation(len(batches))]


def padded_fraction(sizes: Int[np.ndarray, " item"], batches: list[Int[np.ndarray, " batch"]]) -> float:
    """The part of all pairs of positions, size² for each item, that padding adds to."""
    sizes = np.asarray(sizes, np.int64)
    computed = sum(len(batch) * int(sizes[batch].max(initial=0)) ** 2 for batch in batches)
    return 1.0 - float((sizes**2).sum()) / computed if computed else 0.0
