"""A table of series and images whose laws are known, for tests."""

from __future__ import annotations

import numpy as np

from sciencegen.domains.tables import rows
from sciencegen.domains.tables.rows import cells_of


def columns(count: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """image [row y x] of 0 to 12, wave [row time channel] with a gap, spikes [row time], mask [row y x] of 0 or 1, and
    a number and a category."""
    generator = np.random.default_rng(seed)
    kind, phase = generator.integers(0, 2, count), generator.uniform(0, 6.28, count)
    image = np.zeros((count, 5, 6), np.int64)
    image[:, 1:4, 1:3] = 12 * kind[:, None, None]
    image[:, 2:, 3:] += generator.integers(0, 5, (count, 3, 3))
    angle = phase[:, None] + np.arange(7) / 2
    wave = np.stack([np.sin(angle), 100 + 20 * np.cos(angle)], -1).round(4)
    wave[0, 2, 0] = np.nan
    spikes = generator.poisson(np.exp(1 + np.sin(angle)))
    return {
        "image": image, "wave": wave, "spikes": spikes, "mask": (image[:, :, ::2] > 6).astype(np.int64),
        "phase": phase.round(3), "kind": np.array(["a", "b"])[kind],
    }  # fmt: skip


def items(count: int = 40, seed: int = 0) -> list[rows.TableRow]:
    found = columns(count, seed)
    cells = {name: cells_of(one) if one.ndim > 1 else one.tolist() for name, one in found.items()}
    return [{name: one[at] for name, one in cells.items()} for at in range(count)]


def texts(count: int = 40, seed: int = 0) -> list[str]:
    return [rows.text(row) for row in items(count, seed)]
