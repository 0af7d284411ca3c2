import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.prediction import PredictorOracle
from sciencegen.scoring.oracles import Oracle
from tests.prediction.known_truth import table

FEATURES = table(40, 11)[0]


def look_up(items):
    return np.stack(
        [np.full(10, np.nan) if item == "broken" else FEATURES[item % 40] + item // 40 * 6 for item in items]
    )


def test_scores_hold_the_prediction_and_its_interval(predictor):
    oracle = PredictorOracle("y", predictor, look_up, unit="kcal/mol", direction="minimize")
    assert isinstance(oracle, Oracle)
    expected = predictor.predict(FEATURES)
    scores = oracle.score(list(range(40)))
    assert [score.value for score in scores] == expected.mean.tolist()
    assert [(score.lower, score.upper) for score in scores] == list(zip(expected.lower, expected.upper, strict=True))
    assert oracle.score([]) == []


@pytest.mark.parametrize("bound", ["lower", "upper"])
def test_a_bound_can_be_the_value(predictor, bound):
    for score in PredictorOracle("y", predictor, look_up, bound=bound).score([0, 1, 2]):
        assert score.value == getattr(score, bound)


def test_items_outside_the_domain_are_flagged_or_fail(predictor):
    flagging = PredictorOracle("y", predictor, look_up)
    failing = PredictorOracle("y", predictor, look_up, outside="fail")
    assert [score.in_domain for score in flagging.score(range(40))] == predictor.predict(FEATURES).in_domain.tolist()
    assert flagging.score([40])[0].in_domain is False
    assert not flagging.score([40])[0].failed
    score = failing.score([40])[0]
    assert score.failed
    assert "domain" in score.failure


def test_an_item_without_features_is_a_failure_and_harms_no_other(predictor):
    scores = PredictorOracle("y", predictor, look_up).score([0, "broken", 1])
    assert [score.failed for score in scores] == [False, True, False]


def test_unknown_options_are_refused(predictor):
    with pytest.raises(ConfigError, match="lower"):
        PredictorOracle("y", predictor, look_up, bound="worst")
