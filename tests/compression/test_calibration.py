"""Scales are fitted to residuals, and fitted experts shorten correlated noise."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.network import FRACTION, OCTAVE, SIGMA_UNIT, shipped_network
from sciencegen.compression.planes import SCALE_ZERO, Writer, calibrated, cell_scale, code_stack, fit_bins, sky_level


def bits(cells: np.ndarray, sigma: float, experts: bool) -> float:
    """Of a pixel."""
    models = calibrated(cells[None], [round(sigma * SIGMA_UNIT)], True, 1 << 22 if experts else 0)
    writer = Writer()
    code_stack(writer, cells[None].copy(), None, models, True, lambda *rest: None, True)
    return 8 * len(writer.content()) / cells.size


@pytest.mark.parametrize("level", [0.0, 0.4, 1234.5, -70000.25])
def test_sky_is_found_beside_sources(level: float) -> None:
    """To a seventh of the noise, in cells as wide as the noise, where the median can't tell it."""
    images = np.random.default_rng(0).normal(level, 1.0, (24, 24, 300))
    images[8:14, 8:14] += 40
    assert sky_level(np.rint(images).astype(np.int64), SIGMA_UNIT) / FRACTION == pytest.approx(level, abs=0.15)


@pytest.mark.parametrize("level", [0.5, 1000.5])
def test_a_sky_between_cells_costs_nothing(level: float) -> None:
    noise = np.random.default_rng(2).normal(size=(24, 24, 400))
    at_zero, between = (np.rint(noise + sky).astype(np.int64) for sky in (0.0, level))
    assert bits(between, 1.0, False) < bits(at_zero, 1.0, False) + 0.01


def test_scale_of_the_noise() -> None:
    assert cell_scale(SIGMA_UNIT) == 0
    assert cell_scale(8 * SIGMA_UNIT) == 3 * OCTAVE


def test_experts_learn_the_correlation_of_noise() -> None:
    """Of noise that alternates along x, which the shipped experts don't know."""
    white = np.random.default_rng(0).normal(size=(16, 33, 400)) * 16
    cells = np.rint(white[:, 1:] - 0.9 * white[:, :-1]).astype(np.int64)
    assert bits(cells, 16.0, True) < bits(cells, 16.0, False) - 0.05


def test_experts_are_kept_where_a_file_is_too_small_for_others() -> None:
    white = np.random.default_rng(0).normal(size=(16, 33, 400)) * 16
    cells = np.rint(white[:, 1:] - 0.9 * white[:, :-1]).astype(np.int64)[None]
    few, many = (calibrated(cells, [16 * SIGMA_UNIT], True, coded)[0].network for coded in (1000, 1 << 22))
    assert np.array_equal(few.experts, shipped_network(0).experts)
    assert not np.array_equal(many.experts, few.experts)


def test_means_of_residuals_are_taken_away() -> None:
    """Of each scale, but not where there are few."""
    bins = np.repeat([SCALE_ZERO, SCALE_ZERO + OCTAVE, SCALE_ZERO + 3 * OCTAVE], [10000, 10000, 20])
    sizes = 16.0 * np.repeat([1, 2, 8], [10000, 10000, 20])
    residuals = sizes * (np.random.default_rng(0).normal(size=len(bins)) + 0.5)
    scale, _, shift = fit_bins(residuals, bins, 16 * SIGMA_UNIT)
    assert shift[bins[[0, 10000, -1]]] / FRACTION == pytest.approx([8, 16, 0], abs=2)
    assert scale[bins[0]] == pytest.approx(cell_scale(16 * SIGMA_UNIT), abs=1)


def test_wrong_scale_is_corrected() -> None:
    cells = np.rint(np.random.default_rng(1).normal(size=(16, 16, 400)) * 16).astype(np.int64)
    assert bits(cells, 8.0, False) < bits(cells, 16.0, False) + 0.05
