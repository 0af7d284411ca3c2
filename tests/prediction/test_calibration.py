"""Weights and residuals come of predictions that the items had no part in."""

import numpy as np
import pytest

from sciencegen.prediction.columns import as_table
from sciencegen.prediction.families import FAMILIES, LOCAL, Neighbours, Training
from sciencegen.prediction.fitting import calibrate, family_weights, out_of_fold
from sciencegen.prediction.predictor import PredictorSettings
from tests.prediction.known_truth import table


@pytest.fixture(scope="module")
def training():
    features, values = table(120, 0)
    target = (values - values.mean()) / values.std()
    return Training(as_table(features), target, np.arange(120) % 4, np.arange(120), np.arange(10) >= 6)


def test_an_items_prediction_is_its_own_folds(training):
    families = {"ridge": FAMILIES["ridge"](training, np.random.default_rng(0))}
    held_out, neighbours = out_of_fold(families, training)
    each = families["ridge"].predict(training.query(slice(None)))
    assert held_out[0] == pytest.approx(each[np.arange(120), training.fold])
    assert (training.fold[neighbours.row] != training.fold[:, None]).all()
    assert (neighbours.distance() > 0).all()


def test_weights_sum_to_one_and_go_to_the_better_family():
    target = np.random.default_rng(0).standard_normal(500)
    noise = np.random.default_rng(1).standard_normal(500)
    weights = family_weights(np.stack([target + 0.1 * noise, noise]), target)
    assert sum(weights) == pytest.approx(1)
    assert weights[0] > 0.9
    assert family_weights(np.zeros((2, 4)), np.ones(4)) == pytest.approx([0.5, 0.5])


def test_residuals_are_errors_over_their_difficulty_and_a_share_lies_inside(training):
    generator = np.random.default_rng(0)
    predictions = training.target + 0.3 * generator.standard_normal((2, 120))
    squared = np.sort(generator.uniform(0.01, 1, (120, LOCAL)), axis=1)
    neighbours = Neighbours(generator.integers(0, 120, (120, LOCAL)), squared)
    settings = PredictorSettings(domain=0.9, reference_rows=50)
    found = calibrate(predictions, neighbours, [0.5, 0.5], training, settings, generator)
    assert len(found.residuals) == len(found.folds) == 50
    assert (neighbours.distance() <= found.border).mean() == pytest.approx(0.9, abs=0.02)
    assert (found.difficulty >= 0).all()
    assert (found.residuals <= 1).mean() == pytest.approx(settings.level, abs=0.06)
    assert len(found.difficulty) == 4
    beyond = calibrate(predictions, neighbours, [0.5, 0.5], training, settings, generator, "order")
    assert (beyond.reference_errors, len(beyond.difficulty)) == (None, 3)
    assert found.reference_errors == pytest.approx(np.abs(training.target - predictions.mean(0)))
