"""Held-out figures."""

import numpy as np
import pytest

from sciencegen.prediction import EvaluationPlan, PredictorSettings, TrainingTables, evaluate_predictor
from sciencegen.prediction.evaluation import summarize
from sciencegen.prediction.predictor import Prediction
from tests.prediction.known_truth import QUICK, table


def test_evaluation_finds_the_signal_and_beats_the_mean():
    features, values = table(200, 0)
    groups = [f"{k % 20}" for k in range(200)]
    result = evaluate_predictor(
        TrainingTables(features, values, groups), QUICK, np.random.default_rng(0), EvaluationPlan(folds=4)
    )
    assert set(result) == {"random", "grouped"}
    for evaluation in result.values():
        assert sorted(evaluation.row) == list(range(200))
        assert np.array_equal(evaluation.measured, values[evaluation.row])
        assert evaluation.rmse < 0.6 * evaluation.baseline_rmse
        assert abs(evaluation.coverage - 0.9) < 0.08
        assert evaluation.baseline_rmse == pytest.approx(values.std(), rel=0.05)
        assert not any(isinstance(value, np.ndarray) for value in evaluation.figures().values())


def test_evaluation_by_groups_is_harder_where_groups_matter():
    generator = np.random.default_rng(0)
    groups = np.arange(160) // 8
    centres = generator.standard_normal((20, 3))
    features = centres[groups] + 0.05 * generator.standard_normal((160, 3))
    values = generator.standard_normal(20)[groups] + 0.05 * generator.standard_normal(160)
    settings = PredictorSettings(families=("kernel",), folds=5, calibration="random")
    result = evaluate_predictor(
        TrainingTables(features, values, groups), settings, generator, EvaluationPlan(repeats=2)
    )
    assert result["grouped"].rmse > 2 * result["random"].rmse


def test_without_groups_there_is_no_grouped_split():
    features, values = table(60, 0)
    tables, plan = TrainingTables(features, values), EvaluationPlan(repeats=1)
    assert set(evaluate_predictor(tables, QUICK, np.random.default_rng(0), plan)) == {"random"}


def test_intervals_are_counted_apart_where_most_rows_have_one_value():
    measured = np.array([0.0] * 8 + [1.0, 2.0])
    low, high = np.zeros(10) - 0.5, np.array([0.5] * 9 + [2.5])
    told = Prediction(np.zeros(10), low, high, np.ones(10, bool), np.zeros(10))
    found = summarize("random", measured, told, np.zeros(10), 0.9, np.arange(10))
    assert (found.commonest, found.others, found.coverage_of_others) == (pytest.approx(0.8), 2, 0.5)
    assert "80% of 10 rows have the value 0; 90% intervals hold 50% of the 2 rows" in found.notes[0]
    assert not summarize("random", np.arange(10.0), told, np.zeros(10), 0.9, np.arange(10)).notes
