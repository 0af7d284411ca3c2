"""Intervals that hold where a plate is picked, not of all items alone."""

import numpy as np
import pytest

from sciencegen.optimization.surprise import Surprise


def test_a_model_that_knows_itself_is_believed():
    generator = np.random.default_rng(0)
    known = Surprise(generator.standard_normal(2000), generator.standard_normal(2000))
    told = known.deviation(np.linspace(-1, 1, 9), np.full(9, 0.3))
    assert told == pytest.approx(0.3, rel=0.15)
    assert (told >= 0.3).all()


def test_where_it_was_twice_as_far_off_as_it_said_it_is_twice_as_unsure():
    generator = np.random.default_rng(0)
    mean, surprise = generator.standard_normal(4000), generator.standard_normal(4000)
    known = Surprise(mean, np.where(mean > 0.5, 2 * surprise, surprise))
    low, high = known.deviation(np.array([-1.5, 1.8]), np.ones(2))
    assert low == pytest.approx(1, rel=0.1)
    assert high == pytest.approx(2, rel=0.1)


def test_beyond_all_that_was_predicted_it_is_unsure_by_so_much_more():
    known = Surprise(np.linspace(-1, 1, 50), np.zeros(50))
    assert known.deviation(np.array([1.0, 4.0, -5.0]), np.full(3, 0.1)) == pytest.approx(np.hypot(0.1, [0, 3, 4]))


def test_a_handful_of_items_is_enough():
    assert np.isfinite(Surprise(np.zeros(3), np.ones(3)).deviation(np.array([0.0, 9.0]), np.ones(2))).all()
