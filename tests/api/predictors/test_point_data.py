"""Which items a network of properties holds out."""

from types import SimpleNamespace

import numpy as np
import pytest

from sciencegen.api.predictors.points import PointPredictorSettings, _parts, check_parts
from sciencegen.errors import ConfigError, DataError

COUNT = 400


def parts(seed, rare=False):
    items = [SimpleNamespace(numbers=np.array([6, 9 if rare and row % 7 == 0 else 1])) for row in range(COUNT)]
    keys = [str(row // 2) for row in range(COUNT)]
    return _parts(keys, items, np.ones((COUNT, 1)), seed, PointPredictorSettings(held_out=0.4))


def test_items_of_one_identity_stay_together_and_the_seed_alone_decides():
    part = parts(0)
    assert (part[::2] == part[1::2]).all()
    assert np.array_equal(part, parts(0))
    assert not np.array_equal(part, parts(1))
    assert abs((part > 0).mean() - 0.4) < 0.15
    assert set(part.tolist()) == {0, 1, 2}


def test_settings_that_hold_out_nothing_or_most_are_refused():
    for wrong in ({"members": 0}, {"held_out": 0.0}, {"held_out": 0.6}):
        with pytest.raises(ConfigError, match="members >= 1 and held_out"):
            PointPredictorSettings(**wrong)


def test_a_target_without_values_to_test_on_is_named():
    values = np.array([[1.0, 1.0], [1.0, np.nan]])
    check_parts(np.array([0, 2]), values[:, :1], ["a"])
    with pytest.raises(DataError, match="to test on of each target, found none of b"):
        check_parts(np.array([0, 2]), values, ["a", "b"])
