"""Calibration of conditions, if a property or predictor can measure them."""

from types import SimpleNamespace

import pytest

from sciencegen.api.sampling import generation as calibration
from sciencegen.api.sampling.generation import calibrate_one
from sciencegen.config import EvaluateSettings
from sciencegen.errors import ConfigError

MODEL = SimpleNamespace(domain=SimpleNamespace(properties={"logp": SimpleNamespace(tolerance=0.5)}))


class Draws:
    """Four draws of two chunks; the request's `names` are what can be measured of them."""

    def __init__(self, request, few=False):
        self.names = request.names

    def __iter__(self):
        return iter([{name: [1.0, 2.0] for name in self.names}, {name: [3.0, float("nan")] for name in self.names}])


def resolved(model, settings):
    return SimpleNamespace(names=("logp", *settings.predictors))


@pytest.fixture(autouse=True)
def generation(monkeypatch):
    monkeypatch.setattr(calibration, "Generation", Draws)
    monkeypatch.setattr(calibration, "resolve_draws", resolved)


def test_a_domains_property_has_a_hit_rate():
    found = calibrate_one(MODEL, "logp", 2.0, EvaluateSettings())
    assert found["got"] == 2
    assert found["mean_absolute_error"] == pytest.approx(2 / 3)
    assert found["hit_rate"] == pytest.approx(1 / 3)


def test_draws_are_reported():
    seen = []
    calibrate_one(MODEL, "logp", 2.0, EvaluateSettings(draws=4), lambda *told: seen.append(told))
    assert seen == [("draws with logp = 2", done, 4) for done in (0, 2, 4)]


def test_a_users_column_is_judged_by_its_predictor():
    found = calibrate_one(MODEL, "fitness", 2.0, EvaluateSettings(predictors={"fitness": "folder"}))
    assert found["mean_absolute_error"] == pytest.approx(2 / 3)
    assert "hit_rate" not in found


def test_what_nothing_can_measure_is_refused():
    with pytest.raises(ConfigError, match="`predictors` fitness=FOLDER"):
        calibrate_one(MODEL, "fitness", 2.0, EvaluateSettings())
