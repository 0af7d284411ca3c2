import numpy as np
import pytest

from sciencegen.errors import ConfigError, DataError, ShapeError
from sciencegen.prediction import EvaluationPlan, PredictorSettings, TrainingTables, evaluate_predictor, fit_predictor
from tests.prediction.known_truth import QUICK, table


def fit(features, values, groups=None, settings=QUICK, **more):
    return fit_predictor(TrainingTables(features, values, groups, **more), settings, np.random.default_rng(0))


def test_far_items_are_flagged_and_their_intervals_wider(predictor):
    near, far = table(50, 5)[0], table(50, 5)[0]
    far[:, :6] += 4
    inside, outside = predictor.predict(near), predictor.predict(far)
    assert inside.in_domain.mean() > 0.7
    assert not outside.in_domain.any()
    assert (outside.upper - outside.lower).min() > np.median(inside.upper - inside.lower)


def test_mean_lies_in_its_interval_and_widths_vary(predictor):
    prediction = predictor.predict(table(200, 6)[0])
    assert (prediction.lower <= prediction.mean).all()
    assert (prediction.mean <= prediction.upper).all()
    assert np.std(prediction.upper - prediction.lower) > 0.01


def test_a_prediction_does_not_depend_on_its_companions(predictor):
    features = table(150, 7)[0]
    together = predictor.predict(features)
    alone = [predictor.predict(features[index : index + 1]) for index in (0, 77, 149)]
    assert [one.mean[0] for one in alone] == together.mean[[0, 77, 149]].tolist()
    assert [one.upper[0] for one in alone] == together.upper[[0, 77, 149]].tolist()
    assert len(predictor.predict(features[:0])) == 0


def test_weights_prefer_the_family_that_fits():
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((300, 3))
    curved = fit(inputs, np.sin(3 * inputs[:, 0]))
    assert curved.weights["kernel"] > 0.8
    assert sum(curved.weights.values()) == pytest.approx(1)


def test_rows_without_value_or_features_are_dropped_and_counted():
    features, values = table(80, 0)
    values[:3] = [np.nan, np.inf, -np.inf]
    features[5] = np.nan
    features[6, 2] = np.nan  # one gap is filled
    summary = fit(features, values).summary
    assert summary["dropped"] == {"value": 3, "features": 1}
    assert summary["rows"] == 76


def test_rows_without_features_get_no_prediction(predictor):
    features = table(3, 0)[0]
    features[1] = np.nan
    prediction = predictor.predict(features)
    assert np.isnan(prediction.mean).tolist() == [False, True, False]
    assert not prediction.in_domain[1]


def test_overflowed_descriptors_do_no_harm():
    features, values = table(80, 0)
    features[4, 1], features[9, 3] = 1e300, -np.inf
    prediction = fit(features, values).predict(features)
    assert np.isfinite(prediction.upper - prediction.lower).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(50), "vary"),
        (np.r_[np.arange(9.0), np.full(41, np.nan)], "at least 10 rows"),
        (np.full(50, np.nan), "found 0"),
    ],
)
def test_values_that_teach_nothing_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        fit(table(50, 0)[0], values)


def test_features_that_teach_nothing_are_refused():
    with pytest.raises(DataError, match="constant"):
        fit(np.ones((50, 4)), np.arange(50.0))


def test_shapes_are_checked(predictor):
    features, values = table(50, 0)
    with pytest.raises(ShapeError, match="one value and one group"):
        fit(features, values[:-1])
    with pytest.raises(ShapeError, match="one value and one group"):
        fit(features, values, groups=["a"] * 49)
    with pytest.raises(ShapeError, match="10"):
        predictor.predict(features[:, :-1])
    with pytest.raises(ShapeError, match="features"):
        predictor.predict(latents=features)


@pytest.mark.parametrize(
    "wrong", [{"families": ("rigde",)}, {"inputs": "every"}, {"scale": "ln"}, {"level": 90.0}, {"folds": 1}]
)
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError):
        PredictorSettings(**wrong)


def test_ten_rows_are_enough():
    features, values = table(10, 0)
    prediction = fit(features, values).predict(features)
    assert np.isfinite(prediction.lower).all()


def test_latents_alone_and_together_with_features():
    features, values = table(150, 0, noise=0.05)
    known, hidden = features[:, 1:], features[:, :1]
    errors = {}
    for inputs in ("features", "latents", "both"):
        settings = PredictorSettings(families=("ridge", "kernel"), folds=5, inputs=inputs)
        model = fit(known, values, settings=settings, latents=hidden)
        errors[inputs] = np.std(model.predict(known, hidden).mean - values)
    assert errors["both"] < min(errors["features"], errors["latents"])


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
