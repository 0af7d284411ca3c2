"""Synthetic tables whose truth is known."""

from __future__ import annotations

import numpy as np

from sciencegen.prediction import PredictorSettings

QUICK = PredictorSettings(families=("ridge", "kernel"), folds=5)


def table(rows: int, seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Six dense and four mostly-zero columns, and a curved function of them with noise that differs between items."""
    generator = np.random.default_rng(seed)
    dense = generator.standard_normal((rows, 6))
    counts = generator.poisson(0.15, (rows, 4))
    curve = dense[:, 0] + np.sin(2 * dense[:, 1]) + counts[:, 0]
    return np.hstack([dense, counts]), curve + noise * (0.3 + np.abs(dense[:, 2])) * generator.standard_normal(rows)
