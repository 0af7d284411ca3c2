"""Heights of CA over the planes of peptide bonds: zero where these are planar, and their gradient."""

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import backbone_of, heights, squared_heights
from tests.domains.proteins.backbones.examples import MIRROR, moved


def twisted(omega: float, size: int = 8) -> np.ndarray:
    """N, CA and C of a chain with this omega, in degrees."""
    phi, psi = np.random.default_rng(0).uniform(-150, 150, (2, size))
    return backbone_of(phi, psi, omega)[:, :3]


@pytest.mark.parametrize("omega", [180.0, 0.0, 160.0, -150.0, 30.0])
def test_the_height_is_the_sine_of_omega(omega):
    assert heights(twisted(omega)) == pytest.approx(1.2405 * np.sin(np.radians(omega)), abs=1e-3)


def test_motions_change_no_height_and_a_mirror_its_sign():
    atoms = twisted(150.0)
    np.testing.assert_allclose(heights(moved(atoms)), heights(atoms), atol=1e-10)
    np.testing.assert_allclose(heights(atoms * MIRROR), -heights(atoms), atol=1e-10)


def test_only_what_is_too_high_counts():
    atoms = twisted(150.0)
    assert squared_heights(atoms, 0.63)[0] == 0
    assert squared_heights(atoms, 0.5)[0] == pytest.approx(7 * (0.6203 - 0.5) ** 2, rel=1e-2)
    assert squared_heights(atoms[:1], 0.0)[0] == 0


@pytest.mark.parametrize("highest", [0.0, 0.4])
def test_the_gradient_is_that_of_finite_differences(highest):
    atoms = twisted(150.0, 4) + np.random.default_rng(1).normal(scale=0.2, size=(4, 3, 3))
    found, step = squared_heights(atoms, highest)[1], 1e-6
    assert np.abs(found).max() > 0.1
    for place in np.ndindex(atoms.shape):
        ends = []
        for sign in (1, -1):
            shifted = atoms.copy()
            shifted[place] += sign * step
            ends.append(squared_heights(shifted, highest)[0])
        assert found[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-5)
