"""Estimates of the noise, and its entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sciencegen.compression.grids import noise_floor, noise_of


@pytest.mark.parametrize("sigma", [0.5, 3.0, 200.0])
def test_noise_is_found_beside_bright_sources(sigma: float) -> None:
    images = np.random.default_rng(0).normal(100, sigma, (20, 40, 40))
    images[:, 15:25, 15:25] += 1000 * sigma * np.hanning(10)[:, None] * np.hanning(10)
    assert noise_of(images) == pytest.approx(sigma, rel=0.06)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.6, 4.0, 13.0])
@pytest.mark.parametrize("unit", [1.0, 0.37])
def test_noise_of_coarse_numbers_is_found(sigma: float, unit: float) -> None:
    """Whose median difference is a whole number of steps."""
    images = unit * np.rint(np.random.default_rng(1).normal(0.3, sigma, (40, 40, 40)))
    assert noise_of(images) == pytest.approx(sigma * unit, rel=0.03)


def test_noise_of_odd_images() -> None:
    assert noise_of(np.zeros((2, 8, 8))) == 0
    assert noise_of(np.full((2, 8, 8), np.nan)) == 0
    assert noise_of(np.ones((2, 8, 2))) == 0


def test_floor_is_the_entropy_of_rounded_noise() -> None:
    rounded = np.rint(np.random.default_rng(0).normal(0, 2, 1_000_000))
    _, counts = np.unique(rounded, return_counts=True)
    shares = counts / counts.sum()
    assert noise_floor(2.0) == pytest.approx(-(shares * np.log2(shares)).sum(), abs=0.003)
    assert noise_floor(64.0) == pytest.approx(math.log2(64 * math.sqrt(2 * math.pi * math.e)), abs=1e-4)
    assert noise_floor(0.0) == 0
