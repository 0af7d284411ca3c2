"""Latent moves leave the prior as it is and touch only what they may."""

import numpy as np
import pytest

from sciencegen.optimization import evolution as moves

MOVES = {
    "small step": lambda z, other, moving, rng: moves.crank_nicolson_step(z, 0.2, moving, rng),
    "large step": lambda z, other, moving, rng: moves.crank_nicolson_step(z, 0.9, moving, rng),
    "coordinates": moves.exchange_coordinates,
    "segment": moves.exchange_segment,
    "fresh segment": lambda z, other, moving, rng: moves.resample_segment(z, moving, rng),
    "mix": lambda z, other, moving, rng: moves.spherical_mix(z, other, 0.3, moving),
}


@pytest.mark.parametrize("name", MOVES)
def test_the_prior_is_invariant_and_only_moving_coordinates_move(name):
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((2, 20000, 6)).astype(np.float32)
    moving = np.array([True, True, True, True, False, False])
    moved = MOVES[name](first, second, moving, generator)
    assert moved.dtype == np.float32
    assert (moved[:, 4:] == first[:, 4:]).all()
    assert (moved[:, :4] != first[:, :4]).any(0).all()
    assert np.abs(moved.mean(0)).max() < 0.03
    assert np.abs(np.cov(moved.T) - np.eye(6)).max() < 0.04


def test_the_step_is_the_correlation():
    generator = np.random.default_rng(0)
    first = generator.standard_normal((50000, 1)).astype(np.float32)
    moved = moves.crank_nicolson_step(first, 0.6, np.array([True]), generator)
    assert np.mean(first * moved) == pytest.approx(0.8, abs=0.02)  # sqrt(1 - 0.6^2)
