"""Normal distributions: their draws and their density."""

import numpy as np
import pytest

from sciencegen.optimization.normals import JointNormal, draws_of, log_density


def test_draws_follow_the_posterior():
    generator = np.random.default_rng(0)
    root = generator.standard_normal((4, 4))
    joint = JointNormal(np.array([0.0, 1.0, 2.0, -1.0]), root @ root.T, 0.1)
    draws = draws_of(joint, 60_000, generator)
    scale = np.sqrt(np.diag(joint.covariance))
    assert (np.abs(draws.mean(0) - joint.mean) < 4 * scale / np.sqrt(60_000)).all()
    assert np.cov(draws.T) == pytest.approx(joint.covariance, abs=0.03 * np.square(scale).max())


def test_a_singular_covariance_is_drawn_from_too():
    joint = JointNormal(np.zeros(3), np.ones((3, 3)), 0.1)
    draws = draws_of(joint, 10, np.random.default_rng(0))
    assert np.ptp(draws, axis=1).max() < 1e-2


def test_the_density_is_the_normals():
    from scipy.stats import norm

    values = np.array([-1.0, 0.0, 3.0])
    assert log_density(values, 0.5, 2.0) == pytest.approx(norm(0.5, 2.0).logpdf(values))
