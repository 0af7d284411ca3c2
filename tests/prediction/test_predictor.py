import numpy as np
import pytest

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.prediction import PredictorSettings
from tests.prediction.known_truth import fit, rough_table, table


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


def test_intervals_hold_where_values_of_similar_items_jump():
    features, values, _ = rough_table(300, 0)
    model, (new, truth, rough) = fit(features, values), rough_table(1000, 1)
    prediction = model.predict(new)
    held, width = (prediction.lower <= truth) & (truth <= prediction.upper), prediction.upper - prediction.lower
    assert held[rough].mean() > 0.8
    assert held.mean() == pytest.approx(0.9, abs=0.05)
    assert width[rough].mean() > 2 * width[~rough].mean()


def test_rows_without_features_get_no_prediction(predictor):
    features = table(3, 0)[0]
    features[1] = np.nan
    prediction = predictor.predict(features)
    assert np.isnan(prediction.mean).tolist() == [False, True, False]
    assert not prediction.in_domain[1]


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


def test_latents_alone_and_together_with_features():
    features, values = table(150, 0, noise=0.05)
    known, hidden = features[:, 1:], features[:, :1]
    errors = {}
    for inputs in ("features", "latents", "both"):
        settings = PredictorSettings(families=("ridge", "kernel"), folds=5, inputs=inputs)
        model = fit(known, values, settings=settings, latents=hidden)
        errors[inputs] = np.std(model.predict(known, hidden).mean - values)
    assert errors["both"] < min(errors["features"], errors["latents"])
