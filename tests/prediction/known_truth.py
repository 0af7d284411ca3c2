"""Synthetic tables whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sciencegen.prediction import Predictor, PredictorSettings, TrainingTables, fit_predictor

QUICK = PredictorSettings(families=("ridge", "kernel"), folds=5)


def table(rows: int, seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Six dense and four mostly-zero columns, and a curved function of them with noise that differs between items."""
    generator = np.random.default_rng(seed)
    dense = generator.standard_normal((rows, 6))
    counts = generator.poisson(0.15, (rows, 4))
    curve = dense[:, 0] + np.sin(2 * dense[:, 1]) + counts[:, 0]
    return np.hstack([dense, counts]), curve + noise * (0.3 + np.abs(dense[:, 2])) * generator.standard_normal(rows)


def rough_table(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, values, and which items lie where values jump: in one of 16 places, none of them far from others."""
    generator = np.random.default_rng(seed)
    places = np.random.default_rng(0).uniform(-3, 3, (16, 4))
    place = generator.integers(0, 16, rows)
    features = places[place] + 0.2 * generator.standard_normal((rows, 4))
    rough = place < 3
    return features, places[place, 0] + np.where(rough, 1.5, 0.3) * generator.standard_normal(rows), rough


def fit(
    features: np.ndarray,
    values: np.ndarray,
    groups: Sequence[str] | None = None,
    settings: PredictorSettings = QUICK,
    **more: Any,
) -> Predictor:
    return fit_predictor(TrainingTables(features, values, groups, **more), settings, np.random.default_rng(0))
