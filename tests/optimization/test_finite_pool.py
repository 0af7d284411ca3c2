"""Noisy expected improvement over a finite set."""

import numpy as np
import pytest
from scipy.stats import norm

from sciencegen.optimization.gaussian_process import FinitePool, log_noisy_improvement
from sciencegen.optimization.normals import JointNormal


def test_noisy_improvement_of_one_point_over_a_sure_best_is_the_closed_form():
    means, deviations, best = np.array([-0.2, 0.0, 0.5, 2.0]), np.array([0.5, 1.0, 2.0, 0.3]), 0.4
    covariance = np.diag([*np.square(deviations), 1e-10])
    pool = FinitePool(JointNormal(np.array([*means, best]), covariance, 0.1))
    found = log_noisy_improvement(pool, np.arange(4), [4], 4096, 0)
    z = (means - best) / deviations
    expected = np.log(deviations * (z * norm.cdf(z) + norm.pdf(z)))
    assert found == pytest.approx(expected, abs=0.05)


def test_what_is_picked_already_improves_no_more():
    joint = JointNormal(np.zeros(4), np.array([[1, 0.95, 0, 0], [0.95, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1e-8]]), 0.1)
    alone = log_noisy_improvement(FinitePool(joint), np.arange(3), [3], 512, 0)
    beside = log_noisy_improvement(FinitePool(joint), np.arange(3), [3, 0], 512, 0)
    assert alone == pytest.approx(np.full(3, alone[0]), abs=0.1)
    assert beside[2] > beside[1] > beside[0]  # the free one, the neighbour of the picked one, itself
