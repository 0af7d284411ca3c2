import numpy as np
import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.prediction import PredictorSettings, TrainingTables, fit_predictor
from sciencegen.prediction.conformal import (
    cross_validated_interval,
    fit_difficulty,
    fit_difficulty_quantile,
    ranks,
    required_rows,
)
from tests.prediction.known_truth import table


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_intervals_cover_as_often_as_stated(level):
    """Pooled over fits; the band is four standard errors of the fits' own coverages and of the binomial."""
    hits = []
    for seed in range(4):
        features, values = table(200, seed)
        settings = PredictorSettings(families=("ridge", "kernel"), folds=5, level=level)
        predictor = fit_predictor(TrainingTables(features, values), settings, np.random.default_rng(seed))
        new, truth = table(500, 100 + seed)
        prediction = predictor.predict(new)
        hits.append(np.mean((prediction.lower <= truth) & (truth <= prediction.upper)))
    # given its calibration rows a fit's coverage is Beta distributed with variance level (1 - level) / (rows + 2)
    deviation = np.sqrt(level * (1 - level) * (1 / 202 + 1 / 500) / 4)
    assert abs(np.mean(hits) - level) < 4 * deviation


def test_interval_of_one_perfectly_wrong_model_is_the_order_statistic():
    residuals = np.arange(1.0, 20.0)  # 19 rows: 0.9 * 20 = the 18th smallest
    lower, upper = cross_validated_interval(np.zeros((1, 2)), np.ones((1, 2)), residuals, np.arange(19) % 2, level=0.9)
    assert (lower[0], upper[0]) == (-18, 18)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_required_rows_is_the_fewest_that_give_an_interval(level):
    rows = required_rows(level)
    low, high = ranks(level, rows)
    assert 0 <= low <= high < rows
    with pytest.raises(DataError, match="at least"):
        ranks(level, rows - 1)


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        required_rows(level)


def test_difficulty_finds_what_errors_depend_on_and_is_never_zero():
    causes = np.random.default_rng(0).uniform(0, 1, (500, 2))
    coefficients = fit_difficulty(2 * causes[:, 1], causes)
    assert coefficients[2] > 1
    assert coefficients[1] < 0.2
    assert coefficients[0] > 0


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_a_share_of_errors_lies_below_the_quantile_of_difficulty(level):
    generator = np.random.default_rng(0)
    causes = generator.uniform(0, 1, (2000, 3)) * [1, 1e-3, 10]
    errors = 1e-4 * (1 + 3 * causes[:, 0]) * np.abs(generator.standard_normal(2000))
    found = fit_difficulty_quantile(errors, causes, level)
    assert (found >= 0).all()
    assert np.mean(errors <= found[0] + causes @ found[1:]) == pytest.approx(level, abs=0.01)
    assert found[1] > 2 * found[0] > 20 * found[3]

    def loss(coefficients):
        left = errors - coefficients[0] - causes @ coefficients[1:]
        return np.maximum(level * left, (level - 1) * left).mean()

    others = [np.maximum(found * generator.uniform(0.9, 1.1, 4), 0) for _ in range(50)]
    assert loss(found) <= min(map(loss, others))


def test_perfect_predictions_have_a_difficulty():
    assert fit_difficulty_quantile(np.zeros(30), np.zeros((30, 2)), 0.9)[0] > 0


def test_intervals_are_wider_for_harder_items():
    features, values = table(250, 1, noise=1.0)
    settings = PredictorSettings(families=("ridge", "kernel"), folds=5)
    predictor = fit_predictor(TrainingTables(features, values), settings, np.random.default_rng(0))
    far = features.copy()
    far[:, :6] *= 1.7
    widths = [
        np.mean(np.ptp([p.lower, p.upper], axis=0)) for p in (predictor.predict(features), predictor.predict(far))
    ]
    assert widths[1] > 1.2 * widths[0]
