"""Schedules of the learning rate."""

import numpy as np
import pytest

from sciencegen.training import TrainingSettings
from sciencegen.training.schedules import FALLS, learning_rate
from sciencegen.training.settings import SCHEDULES


def rates_of(schedule, final_rate=0.1, steps=1000):
    settings = TrainingSettings(steps=steps, warmup_steps=100, final_rate=final_rate, schedule=schedule)
    return np.array([learning_rate(step, settings) for step in range(steps + 1)])


def test_the_table_has_the_names_of_the_settings():
    assert tuple(FALLS) == SCHEDULES


@pytest.mark.parametrize("schedule", FALLS)
def test_the_rate_rises_to_one_and_falls_to_its_final_share(schedule):
    rates = rates_of(schedule)
    assert rates[:99] == pytest.approx((np.arange(99) + 1) / 100, rel=0.12)
    assert rates.max() == pytest.approx(1, abs=0.11)
    assert (np.diff(rates[150:]) <= 0).all()
    assert rates[-1] == pytest.approx(1 if schedule == "constant" else 0.1)


def test_known_values():
    assert rates_of("cosine", 0.0)[500] == pytest.approx(0.5)
    assert rates_of("linear", 0.0)[[250, 500, 750]] == pytest.approx([0.75, 0.5, 0.25])
    assert rates_of("wsd", 0.0)[[200, 800, 900]] == pytest.approx([1, 1, 0.5])
    assert (rates_of("constant", 0.0)[100:] == 1).all()
