"""The items of each step's batch, which depend only on (seed, step), so that a resumed run has the same batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sciencegen.errors import ConfigError

BLOCK_BATCHES = 50
"""Number of batches whose items are sorted by length together: little padding, but a random order of batches."""


def batch_order(
    count: int, batch_size: int, seed: int, start: int = 0, lengths: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Endless batches of item numbers from step `start` on. Each epoch is a new permutation; a rest is dropped.

    lengths: [item]; if given, items of similar length share a batch (sorted in blocks of BLOCK_BATCHES batches).
    """
    batch_size = min(batch_size, count)
    per_epoch = count // batch_size
    step = start
    while True:
        epoch, offset = divmod(step, per_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(count)[: per_epoch * batch_size]
        batches = order.reshape(per_epoch, batch_size)
        if lengths is not None:
            batches = _sorted_blocks(batches, lengths, np.random.default_rng([seed, epoch, 1]))
        for index in range(offset, per_epoch):
            yield batches[index]
        step = (epoch + 1) * per_epoch


def weighted_order(weights: np.ndarray, batch_size: int, seed: int, start: int = 0) -> Iterator[np.ndarray]:
    """Endless batches of item numbers drawn with replacement, with probabilities in proportion to `weights` [item]."""
    upper = np.cumsum(weights)
    if not (np.isfinite(upper).all() and len(upper) and upper[-1] > 0 and (weights >= 0).all()):
        raise ConfigError("Expected weights of 0 or more, some of them above 0, to draw items by; got others.")
    step = start
    while True:
        uniform = np.random.default_rng([seed, step]).random(batch_size)
        yield np.searchsorted(upper, uniform * upper[-1], side="right").clip(max=len(upper) - 1)
        step += 1


def _sorted_blocks(batches: np.ndarray, lengths: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    blocks = []
    for start in range(0, len(batches), BLOCK_BATCHES):
        block = batches[start : start + BLOCK_BATCHES]
        items = block.ravel()
        by_length = items[np.argsort(lengths[items], kind="stable")].reshape(block.shape)
        blocks.append(by_length[generator.permutation(len(block))])
    return np.concatenate(blocks)
