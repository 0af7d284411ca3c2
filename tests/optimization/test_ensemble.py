"""An ensemble leaves a fifth of the points out of each member, and knows where it has no data."""

import numpy as np
import pytest

from sciencegen.optimization.ensemble import MEMBERS, DeepEnsemble
from sciencegen.optimization.feature_rows import fit_encoding


@pytest.fixture(scope="module")
def fitted():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((200, 5))
    targets = rows @ np.array([1.0, -0.5, 0.3, 0.0, 0.0])
    targets = (targets - targets.mean()) / targets.std() + 0.1 * generator.standard_normal(200)
    encoding = fit_encoding(rows)
    points = encoding.points(rows)
    return DeepEnsemble(encoding, points, targets, np.full(200, np.nan), generator), points, targets


def test_left_out_predictions_follow_the_targets_within_their_deviation(fitted):
    ensemble, _, targets = fitted
    left_out = ensemble.left_out()
    assert np.corrcoef(left_out.mean, targets)[0, 1] > 0.9
    residuals = (targets - left_out.mean) / left_out.deviation
    assert 0.6 < residuals.std() < 1.5


def test_marginals_are_the_diagonal_of_the_joint(fitted):
    ensemble, points, _ = fitted
    marginals, joint = ensemble.marginals(points[:30]), ensemble.joint(points[:30])
    assert joint.mean == pytest.approx(marginals.mean)
    assert np.sqrt(np.diag(joint.covariance)) == pytest.approx(marginals.deviation, rel=1e-3)
    assert np.linalg.matrix_rank(joint.covariance - 1e-9 * np.eye(30), tol=1e-6) <= MEMBERS


def test_it_is_less_sure_far_from_its_data(fitted):
    ensemble, points, _ = fitted
    assert ensemble.marginals(4 * points).deviation.mean() > 1.5 * ensemble.marginals(points).deviation.mean()
