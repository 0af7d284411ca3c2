"""Numbers and goals as text."""

import math

import numpy as np
import pytest

from sciencegen.report.text import decimals, goal_text, number, within


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0.5, None, "0.5"),
        (-2.25, 1, "−2.2"),
        (12345, None, "12\u202f345"),
        (-0.0001, 2, "0.00"),
        (1.5e-7, None, "1.5e−07"),
        (None, None, "–"),
        (math.nan, 2, "–"),
        (math.inf, None, "–"),
        (np.float64(0.25), None, "0.25"),
        (True, None, "–"),
    ],
)
def test_numbers_read_well(value, places, text):
    assert number(value, places) == text


def test_one_precision_per_column():
    assert decimals([1, 2, 3]) == 0
    assert decimals([0.5, 0.6]) == 1
    assert decimals([0.94838, 0.94808]) == 3
    assert decimals([306.21, 299.37]) == 1
    assert decimals([1.234567e-5, 2.3e-5]) == 7
    assert decimals([]) == 0


def test_wishes_in_words():
    assert goal_text((1, 3)) == "1 to 3"
    assert goal_text((None, 3)) == "≤ 3"
    assert goal_text((0.9, None)) == "≥ 0.9"
    assert goal_text(None, "maximize") == "maximize"
    assert within(3.0, (1, 3))
    assert not within(math.nan, (None, 3))
