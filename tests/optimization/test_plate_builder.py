"""A plate while it fills."""

import math

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.plate import Candidates, PlateBuilder, PlateSettings


def test_impossible_settings_are_refused():
    with pytest.raises(ConfigError, match="Did you mean 'thompson'"):
        PlateSettings("tompson")
    for wrong in ({"maximum_similarity": 0.0}, {"diversity": -1.0}, {"cost_limit": -math.inf}):
        with pytest.raises(ConfigError, match="Expected 0 < maximum_similarity"):
            PlateSettings(**wrong)
    with pytest.raises(ConfigError, match="Expected `sharing`"):
        PlateSettings(sharing=1.5)


MATERIALS = [{"a", "b", "c"}, {"d"}, {"d", "e"}, {"a"}, {"f"}, {"g"}]
VALUES = np.array([10.0, 9.0, 9.5, 7.0, 2.0, -np.inf])  # the median of those that can be picked is 9


def plate(sharing):
    candidates = Candidates(list("uvwxyz"), np.zeros((6, 1)), np.ones(6), materials=list(map(frozenset, MATERIALS)))
    return PlateBuilder(candidates, PlateSettings(sharing=sharing), lambda some, others: np.zeros((1, 1)), 3)


@pytest.mark.parametrize(("sharing", "index"), [(0.0, 0), (0.4, 0), (0.5, 2), (1.0, 1)])
def test_of_nearly_equal_values_the_fewest_further_materials_decide(sharing, index):
    assert plate(sharing).sharing(np.arange(6), VALUES) == index


def test_materials_that_the_plate_uses_count_no_more():
    builder = plate(1.0)
    builder.add(2)
    assert builder.materials == {"d", "e"}
    assert builder.sharing(np.arange(6), np.where(np.arange(6) == 2, -np.inf, VALUES)) == 1
    builder.add(0)
    left = np.where(np.isin(np.arange(6), [0, 2]), -np.inf, VALUES)
    assert builder.sharing(np.arange(6), left) == 1  # of two that need nothing more, the better one


def test_the_best_is_picked_if_nothing_can_be():
    assert plate(1.0).sharing(np.arange(6), np.full(6, -np.inf)) == 0
