"""Densities of points: mass, periodicity, and contours that hold the requested shares."""

import numpy as np
import pytest

from sciencegen.report.comparisons import CELLS, density, levels
from sciencegen.report.content import Axis

ANGLE = Axis("angle", low=-180, high=180, periodic=True)
SHARE = Axis("share", low=0, high=1)


def points(count=3000, seed=0):
    return np.random.default_rng(seed).normal(0, 40, (count, 2))


def test_a_periodic_density_keeps_its_mass_and_has_no_edge():
    found = density(np.array([[179.0, 0.0]] * 10), ANGLE, ANGLE)
    assert found.values.sum() == pytest.approx(10)
    ends = found.at(np.array([[-175.0, 0.0], [171.0, 0.0]]))
    assert ends[0] == pytest.approx(ends[1])
    assert ends[0] > 0


def test_shifted_angles_have_the_shifted_density():
    step = 360 / CELLS
    shifted = (points() + 10 * step + 180) % 360 - 180
    first, second = density(points() % 360 - 180, ANGLE, ANGLE), density(shifted, ANGLE, ANGLE)
    assert first.values.sum() == pytest.approx(second.values.sum())
    np.testing.assert_allclose(density((points() + 180) % 360 - 180, ANGLE, ANGLE).values,
                               np.roll(second.values, -10, (0, 1)), atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_a_contour_holds_its_share(share):
    found = density(points(), ANGLE, ANGLE)
    (level,) = levels(found, points(), [share])
    assert (found.at(points()) >= level).mean() == pytest.approx(share, abs=0.02)
    assert (found.at(points(seed=1)) >= level).mean() == pytest.approx(share, abs=0.04)


def test_a_wider_contour_has_a_lower_level():
    assert levels(density(points(), ANGLE, ANGLE), points(), [0.98, 0.9, 0.5]) == sorted(
        levels(density(points(), ANGLE, ANGLE), points(), [0.98, 0.9, 0.5])
    )


def test_points_outside_of_open_axes_have_no_density():
    found = density(np.full((5, 2), 0.99), SHARE, SHARE)
    assert found.at(np.array([[1.01, 0.5], [-0.01, 0.5]])).tolist() == [0, 0]
    assert found.at(np.array([[1.0, 1.0]]))[0] > 0
    x, y, values = found.padded()
    assert (len(x), len(y)) == values.shape == (CELLS + 2, CELLS + 2)
    assert values[0].sum() == values[-1].sum() == values[:, -1].sum() == 0
    assert x[0] == pytest.approx(-x[1])


def test_a_periodic_density_is_continued_by_its_other_end():
    _, _, values = density(points(), ANGLE, SHARE).padded()
    np.testing.assert_array_equal(values[0], values[-2])
    np.testing.assert_array_equal(values[-1], values[1])
