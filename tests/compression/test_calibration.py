"""Scales are fitted to residuals, and fitted experts shorten correlated noise."""

from __future__ import annotations

import numpy as np

from sciencegen.compression.calibration import calibrated, cell_scale
from sciencegen.compression.network import OCTAVE, SIGMA_UNIT
from sciencegen.compression.planes import code_stack
from sciencegen.compression.symbols import Writer


def bits(cells: np.ndarray, sigma: float, experts: bool) -> float:
    """Of a pixel."""
    models = calibrated(cells[None], [round(sigma * SIGMA_UNIT)], True, experts)
    writer = Writer()
    code_stack(writer, cells[None].copy(), None, models, True, lambda *rest: None, True)
    return 8 * len(writer.content()) / cells.size


def test_scale_of_the_noise() -> None:
    assert cell_scale(SIGMA_UNIT) == 0
    assert cell_scale(8 * SIGMA_UNIT) == 3 * OCTAVE


def test_experts_learn_the_correlation_of_noise() -> None:
    """Of noise that alternates along x, which the shipped experts don't know."""
    white = np.random.default_rng(0).normal(size=(16, 33, 400)) * 16
    cells = np.rint(white[:, 1:] - 0.9 * white[:, :-1]).astype(np.int64)
    assert bits(cells, 16.0, True) < bits(cells, 16.0, False) - 0.05


def test_wrong_scale_is_corrected() -> None:
    cells = np.rint(np.random.default_rng(1).normal(size=(16, 16, 400)) * 16).astype(np.int64)
    assert bits(cells, 8.0, False) < bits(cells, 16.0, False) + 0.05
