"""The sum of squared violations of distances, and its gradient."""

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.relaxation import DistanceLimits, squared_violations

POINTS = np.array([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 5]])
LIMITS = DistanceLimits(np.array([[0, 1], [0, 2], [3, 0]]), np.array([1.0, 4.0, 1.0]), np.array([2.5, 6.0, 3.0]))
"""The first distance, 2, lies within its limits; 3 is 1 too short, and 5 is 2 too long."""


def test_distances_outside_their_limits_count():
    assert squared_violations(POINTS, LIMITS)[0] == pytest.approx(1**2 + 2**2)
    assert squared_violations(POINTS, LIMITS, scale=0.5)[0] == pytest.approx(4 * 5)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_gradient_is_that_of_finite_differences(scale):
    points = POINTS + np.random.default_rng(0).normal(scale=0.1, size=POINTS.shape)
    found, step = squared_violations(points, LIMITS, scale)[1], 1e-6
    for place in np.ndindex(points.shape):
        ends = []
        for sign in (1, -1):
            shifted = points.copy()
            shifted[place] += sign * step
            ends.append(squared_violations(shifted, LIMITS, scale)[0])
        assert found[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-5)
