import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from sciencegen.metrics.numbers import REGRESSION_METRICS, r2, spearman

PEERS = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "r2": r2_score,
    "spearman": lambda measured, predicted: spearmanr(measured, predicted).statistic,
}


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    measured = np.round(generator.normal(size=60), 1)
    return measured, measured + 0.5 * generator.normal(size=60)


@pytest.mark.parametrize("name", REGRESSION_METRICS)
def test_agrees_with_the_libraries(name, pair):
    assert REGRESSION_METRICS[name](*pair) == pytest.approx(PEERS[name](*pair))


def test_a_perfect_prediction_and_the_mean(pair):
    measured, _ = pair
    assert [metric(measured, measured) for metric in REGRESSION_METRICS.values()] == pytest.approx([0, 0, 1, 1])
    assert r2(measured, np.full_like(measured, measured.mean())) == pytest.approx(0)
    assert np.isnan(r2(np.ones(3), np.arange(3.0)))
    assert np.isnan(spearman(np.ones(3), np.arange(3.0)))


def test_spearman_sees_only_the_order(pair):
    measured, predicted = pair
    assert spearman(measured, np.exp(predicted)) == pytest.approx(spearman(measured, predicted))
    assert spearman(measured, -measured) == pytest.approx(-1)
