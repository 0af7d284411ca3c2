"""Conditions: the range of values requested from a model."""

import numpy as np
import pytest
from pointclouds import DOMAIN

from sciencegen.api.criteria import NEAR, parse_conditions
from sciencegen.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("radius in 1..2", (1, 2)),
        ("radius = 1.5", (1.5, 1.5)),
        ("radius >= 2", (2, 3)),
        ("radius <= 2", (0, 2)),
        ("radius >= 7", (7, 7)),
        ("unknown >= 7", (7, 7)),
    ],
)
def test_a_half_open_range_ends_where_the_data_do(text, expected):
    (condition,) = parse_conditions([text], DOMAIN)
    assert (condition.requested_low, condition.requested_high) == expected
    assert condition.target(np.array([0.0, 0.5, 1.0])).tolist() == [expected[0], np.mean(expected), expected[1]]


def test_an_equality_is_met_within_the_tolerance_of_the_property():
    (condition,) = parse_conditions(["radius = 1"], DOMAIN)
    assert condition.satisfied(1.09)
    assert not condition.satisfied(1.11)


def test_a_column_of_the_model_has_a_tolerance_by_its_spread():
    class Known:
        scales, measures = {"measured": 2.0}, None

    (condition,) = parse_conditions(["measured = 1"], DOMAIN, Known())
    assert condition.goal.high - condition.goal.low == pytest.approx(2 * NEAR * 2.0)


def test_a_property_is_asked_for_once():
    with pytest.raises(ConfigError, match="one condition for radius"):
        parse_conditions(["radius >= 1", "radius <= 2"], DOMAIN)
