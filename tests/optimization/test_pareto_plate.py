"""Plates for several targets: where they look, what they avoid, and what they do with gaps."""

import numpy as np
import pytest

from sciencegen.errors import DataError
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace, CandidatePool, CandidateSources
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.targets import Targets

PLACES = np.linspace(0, 1, 101)
SPACE = CampaignSpace(
    key=str,
    features=lambda items: np.array([[PLACES[item], PLACES[item] ** 2] for item in items]).reshape(len(items), 2),
    similarity=lambda some, others: np.zeros((len(some), len(others))),
)
POOL = CandidatePool(range(101), [str(item) for item in range(101)], np.ones(101))
GOALS = ("maximize up", "maximize down")
"""Each item is on the Pareto front: one target rises as the other falls."""
VALUES = {"up": PLACES, "down": 1 - PLACES**2, "hill": -np.square(PLACES - 0.5)}
MEASURED = range(0, 101, 7)


def known(name, items=MEASURED):
    return [Measurement(str(item), item, float(VALUES[name][item]), np.nan, 1, 1) for item in items]


def plate(goals, count=6, measured=None, pending=()):
    names = {goal.name for goal in parse_goals(goals)}
    settings = CampaignSettings(count, surrogate="gp", scale="linear")
    values = {name: known(name) for name in names} if measured is None else measured
    targets = Targets(parse_goals(goals), values)
    return next_plate(SPACE, targets, pending, settings, np.random.default_rng(0), CandidateSources(POOL), [0])


def test_a_plate_spreads_over_the_front_and_holds_nothing_known():
    found = plate(GOALS)
    assert len(set(found.items)) == 6
    assert not set(found.items) & set(MEASURED)
    assert np.diff(sorted(found.items)).min() >= 4
    for name in ("up", "down"):
        assert found.predicted[name][0] == pytest.approx(VALUES[name][found.items], abs=0.02)
        assert (found.predicted[name][1] <= found.predicted[name][2]).all()
        assert found.extra[name][0] == pytest.approx(VALUES[name][:1], abs=0.02)
    assert found.feasible.tolist() == [1.0] * 6


def test_minimizing_the_negative_is_the_same():
    mirrored = [Measurement(one.text, one.item, -one.value, np.nan, 1, 1) for one in known("down")]
    found = plate(("maximize up", "minimize down"), measured={"up": known("up"), "down": mirrored})
    assert found.items == plate(GOALS).items
    assert found.predicted["down"][0] == pytest.approx(-VALUES["down"][found.items], abs=0.02)


def test_a_constraint_keeps_the_plate_where_it_is_met():
    found = plate((*GOALS, "up >= 0.6"))
    assert min(found.items) >= 58
    assert (found.feasible > 0.5).all()
    alone = plate(("maximize hill", "up >= 0.6"), count=3)
    assert 58 <= min(alone.items) <= max(alone.items) <= 75


def test_a_constraint_that_nothing_measured_meets_still_gives_a_plate():
    found = plate((*GOALS, "up >= 1.5"), count=3)
    assert len(found.items) == 3
    assert max(found.feasible) < 0.5


def test_items_that_lack_a_target_are_predicted_and_count():
    every = {"up": known("up"), "down": known("down", list(MEASURED)[::2])}
    found = plate(GOALS, measured=every)
    assert not set(found.items) & set(MEASURED)
    assert found.predicted["down"][0] == pytest.approx(VALUES["down"][found.items], abs=0.05)


def test_pending_items_are_not_picked_again():
    first = plate(GOALS, count=3).items
    assert not set(first) & set(plate(GOALS, count=3, pending=first).items)


def test_without_measurements_the_plate_is_random_and_predicts_nothing():
    found = plate(GOALS, measured={"up": [], "down": []})
    assert len(found.items) == 6
    assert np.isnan(found.predicted["up"]).all()
    assert np.isnan(found.feasible).all()


def test_three_objectives_and_equal_seeds():
    goals = (*GOALS, "maximize hill")
    assert plate(goals).items == plate(goals).items


def test_a_target_with_too_few_values_is_named():
    with pytest.raises(DataError, match="of the target 'down'"):
        plate(GOALS, measured={"up": known("up"), "down": known("down", [0, 7])})
