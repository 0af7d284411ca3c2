"""Intervals for what lies beyond the training items."""

from dataclasses import replace

import numpy as np

from sciencegen.prediction import (
    EvaluationPlan,
    PredictorSettings,
    TrainingTables,
    evaluate_predictor,
    fit_predictor,
    load,
    save,
)
from sciencegen.prediction.training_tables import Split
from tests.prediction.known_truth import table

SETTINGS = PredictorSettings(families=("ridge", "kernel"), folds=4)


def lows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The lower half of a table to learn from, and the rest."""
    features, values = table(500, seed)
    low = values <= np.median(values)
    return features[low], values[low], features[~low], values[~low]


def fit(features, values, split):
    return fit_predictor(TrainingTables(features, values, split=split), SETTINGS, np.random.default_rng(0))


def test_intervals_hold_above_all_that_was_seen():
    """More often than those for items like the training ones; not in nine of ten, since the step to come is larger
    here than the rehearsed one."""
    found = {}
    for kind in ("random", "order"):
        hits = []
        for seed in range(3):
            features, values, new, truth = lows(seed)
            split = Split("low-high", "order", values) if kind == "order" else Split()
            prediction = fit(features, values, split).predict(new)
            hits.append(np.mean((prediction.lower <= truth) & (truth <= prediction.upper)))
        found[kind] = np.mean(hits)
    assert found["random"] < 0.6
    assert found["order"] > found["random"] + 0.2


def test_they_are_nowhere_narrower_than_for_items_like_the_known_ones():
    features, values, new, _ = lows(0)
    known = fit(features, values, Split("low-high", "order", values))
    widened = known.predict(new)
    within = replace(known, calibration=replace(known.calibration, extrapolation_errors=None)).predict(new)
    assert np.array_equal(widened.mean, within.mean)
    assert (widened.lower <= within.lower).all()
    assert (widened.upper >= within.upper).all()
    assert (widened.upper - within.upper).mean() > 2 * (within.lower - widened.lower).mean()  # the truth is higher


def test_a_predictor_of_an_order_is_stored_with_what_was_rehearsed(tmp_path):
    features, values, new, _ = lows(0)
    known = fit(features, values, Split("low-high", "order", values))
    save(known, tmp_path / "p")
    before, after = known.predict(new), load(tmp_path / "p").predict(new)
    assert before.upper.tobytes() == after.upper.tobytes()
    assert before.lower.tobytes() == after.lower.tobytes()


def test_evaluation_of_an_order_tests_what_lies_above_all_that_was_learned_from():
    features, values = table(200, 3)
    split = Split("low-high", "order", values)
    found = evaluate_predictor(
        TrainingTables(features, values, split=split), SETTINGS, np.random.default_rng(0), EvaluationPlan(folds=3)
    )
    assert set(found) == {"random", "low-high"}
    tested = found["low-high"]
    assert tested.measured.min() > np.delete(values, tested.row).max()
    assert tested.rows == 100


def test_an_order_with_one_cut_only_is_evaluated_with_intervals_at_random():
    features, values = table(120, 3)
    order = np.repeat([1, 2], [40, 80])  # none of the first 40 lies beyond another
    tables = TrainingTables(features, values, split=Split("mutations", "order", order))
    found = evaluate_predictor(tables, SETTINGS, np.random.default_rng(0), EvaluationPlan(folds=3))
    assert found["mutations"].rows == 80
