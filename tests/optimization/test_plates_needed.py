"""Plates until a value is reached: a known posterior, both directions, and what no candidate reaches."""

import math

import numpy as np
import pytest

from sciencegen.metrics.warps import fit_warp
from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.misfit import Misfit
from sciencegen.optimization.plates_needed import plates_needed
from tests.optimization.test_forecast import Known

NONE = Misfit()


def of(means, value, batch=10, deviation=1.0, picked=(0,), minimize=False, misfit=NONE, warp=None):
    posterior = Known(means, deviation**2 * np.eye(len(means)), warp=warp)
    posterior.means = lambda rows: posterior.joint(posterior.points(rows)).mean
    rows = np.arange(len(means), dtype=float)[:, None]
    settings = CampaignSettings(batch, minimize=minimize, reach=value, misfit=misfit)
    return plates_needed(rows, np.array(picked), posterior, settings, np.random.default_rng(0))


def test_independent_equal_candidates_give_a_geometric_number_of_plates():
    found = of(np.zeros(400), value=1.6448536)  # each reaches it with a probability of 0.05
    each = 1 - 0.95**10
    assert found.median == math.ceil(math.log(0.5) / math.log(1 - each))
    assert found.lower == 1
    assert found.upper == pytest.approx(math.ceil(math.log(0.05) / math.log(1 - each)), abs=1)
    assert (found.most, found.reached) == (40, 1.0)


def test_what_no_candidate_reaches_takes_more_plates_than_there_are():
    found = of(np.zeros(30), value=50.0)
    assert math.isinf(found.median)
    assert (found.most, found.reached) == (3, 0.0)


@pytest.mark.parametrize(("picked", "plates"), [((7,), 1), ((0,), 1), ((0, 1, 2, 3), 2)])
def test_the_plate_comes_first_and_then_the_best_predictions(picked, plates):
    means = np.zeros(20)
    means[7] = 5.0
    assert of(means, 4.0, batch=4, deviation=0.01, picked=picked).median == plates


def test_minimizing_the_negative_is_the_same():
    means = np.linspace(-1, 1, 50)
    assert of(means, 2.0).median == of(means, -2.0, minimize=True).median


@pytest.mark.parametrize("minimize", [False, True])
def test_items_that_are_worse_than_predicted_take_more_plates(minimize):
    value = -2.0 if minimize else 2.0
    medians = [of(np.zeros(400), value, minimize=minimize, misfit=Misfit(bias)).median for bias in (-0.5, 0.0, 0.5)]
    assert medians == sorted(set(medians))


def test_without_a_value_to_reach_no_plates_are_counted():
    assert of(np.zeros(10), None) is None


@pytest.mark.parametrize("minimize", [False, True])
def test_a_value_beyond_the_end_of_the_scale_is_told(minimize):
    sign, warp = (-1 if minimize else 1), fit_warp("log-from-above", np.linspace(0, 1, 50))
    inside, beyond = (of(np.zeros(50), sign * value, minimize=minimize, warp=warp) for value in (1.005, 1.5))
    assert (inside.beyond, beyond.beyond) == (False, True)
    assert math.isinf(beyond.lower)
