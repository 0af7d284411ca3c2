"""Replays make the plates of real campaigns, measure nothing twice, and begin alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.errors import DataError
from sciencegen.optimization import backtest
from sciencegen.optimization.backtest import METHODS, best_scale, landscape_of, replay
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import CampaignSettings, exploration_at
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.plate import PlateSettings
from sciencegen.optimization.posterior import PICKED, misfit_after, plate_error
from sciencegen.optimization.targets import one_target
from tests.optimization.word_space import EVERYTHING, FROM_POOL, SPACE, features, fitness, known

BATCH, ROUNDS, SEED = 12, 3, (5, 1)
LANDSCAPE = landscape_of(SPACE, known(EVERYTHING))


def settings_of(number):
    plate = PlateSettings(exploration=exploration_at(number, ROUNDS))
    return CampaignSettings(BATCH, surrogate="gp", scale="linear", plate=plate)


@pytest.fixture
def plates(monkeypatch):
    """The places on each plate that a replay asks for."""
    found = []

    def noting(*arguments):
        found.append(next_plate(*arguments))
        return found[-1]

    monkeypatch.setattr(backtest, "next_plate", noting)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_no_item_is_measured_twice(method, plates):
    rounds = list(replay(LANDSCAPE, method, settings_of, ROUNDS, SEED))
    places = [place for plate in plates for place in plate.items]
    assert [one.measured for one in rounds] == [BATCH * number for number in range(1, ROUNDS + 1)]
    assert len(set(places)) == len(places) == BATCH * ROUNDS
    values = [fitness(EVERYTHING[place]) for place in places]
    assert [one.best for one in rounds] == [max(values[: BATCH * number]) for number in range(1, ROUNDS + 1)]


def test_the_first_plate_is_that_of_all_methods(plates):
    for method in METHODS:
        next(replay(LANDSCAPE, method, settings_of, ROUNDS, SEED))
    next(replay(LANDSCAPE, "random", settings_of, ROUNDS, (5, 2)))
    assert len({tuple(plate.items) for plate in plates[:-1]}) == 1
    assert plates[-1].items != plates[0].items


def test_plates_are_those_of_a_campaign(plates):
    """Of one over the items themselves, by the function that `propose` calls."""
    list(replay(LANDSCAPE, "propose", settings_of, ROUNDS, SEED))
    replayed = [[EVERYTHING[place] for place in plate.items] for plate in plates]
    asked: list[tuple[int, ...]] = []
    for number, words in enumerate(replayed, start=1):
        generator = np.random.default_rng((*SEED, number))
        assert next_plate(SPACE, one_target(known(asked)), [], settings_of(number), generator, FROM_POOL).items == words
        asked += words


def test_each_plate_learns_from_the_errors_of_those_before(monkeypatch):
    earlier, made = [], []

    def noting(*arguments):
        earlier.append(arguments[3].earlier)
        made.append(next_plate(*arguments))
        return made[-1]

    monkeypatch.setattr(backtest, "next_plate", noting)
    list(replay(LANDSCAPE, "propose", settings_of, ROUNDS, SEED))
    values = [fitness(EVERYTHING[place]) for place in made[1].items]
    error = plate_error(values, made[1].predicted["value"], False)
    assert earlier == [(), (), (error,)]
    misfits = [misfit_after(errors) for errors in earlier]
    assert misfits[:2] == [PICKED, PICKED]
    assert misfits[2] != PICKED


def test_intervals_are_compared_with_the_values_of_plates_that_have_some(plates):
    held = {method: [one.held for one in replay(LANDSCAPE, method, settings_of, ROUNDS, SEED)] for method in METHODS}
    assert {method: np.isfinite(shares).tolist() for method, shares in held.items()} == {
        "propose": [False, True, True], "greedy": [False, True, True], "one-shot": [False, False, True],
        "random": [False, False, False],
    }  # fmt: skip
    values = np.array([fitness(EVERYTHING[place]) for place in plates[1].items])
    _, lower, upper = plates[1].predicted["value"]
    assert held["propose"][1] == np.mean((lower <= values) & (values <= upper))


def test_a_campaign_that_minimizes_is_the_mirror_of_one_that_maximizes(plates):
    mirrored = landscape_of(SPACE, [replace(one, value=-one.value) for one in known(EVERYTHING)], minimize=True)
    up = list(replay(LANDSCAPE, "propose", settings_of, ROUNDS, SEED))
    down = list(replay(mirrored, "propose", settings_of, ROUNDS, SEED))
    assert [plate.items for plate in plates[:ROUNDS]] == [plate.items for plate in plates[ROUNDS:]]
    assert [one.best for one in down] == [-one.best for one in up]


@pytest.mark.long
def test_a_model_finds_more_than_chance():
    best = {method: [list(replay(LANDSCAPE, method, settings_of, ROUNDS, (seed,)))[-1].best for seed in range(4)]
            for method in ("propose", "random")}  # fmt: skip
    assert np.mean(best["propose"]) > np.mean(best["random"]) + 0.1


def test_features_are_computed_once():
    calls = []

    def counted(words):
        calls.append(len(words))
        return features(words)

    landscape = landscape_of(replace(SPACE, features=counted), known(EVERYTHING[:60]))
    for method in METHODS:
        list(replay(landscape, method, settings_of, 2, SEED))
    assert calls == [60]


@pytest.mark.parametrize("method", ["propose", "greedy"])
def test_values_that_are_equal_so_far_make_the_next_plate_random(method):
    """`propose` refuses them and asks for another plate without measurements."""
    flat = [Measurement(one.text, one.item, 1.0, np.nan, 1, 1) for one in known(EVERYTHING[:40])]
    rounds = list(replay(landscape_of(SPACE, flat), method, settings_of, 2, SEED))
    assert [one.measured for one in rounds] == [12, 24]
    assert np.isnan([one.held for one in rounds]).all()


def test_marks_limit_a_plate():
    marked = replace(SPACE, marks=lambda words: [{word[0]} for word in words])
    limited = CampaignSettings(6, plate=PlateSettings(maximum_share=0.5))
    landscape = landscape_of(marked, known([word for word in EVERYTHING if word[0] < 1]))
    (first,) = list(replay(landscape, "random", lambda number: limited, 1, SEED))
    assert first.measured == 3


@pytest.mark.parametrize("minimize", [False, True])
def test_the_best_value_is_1_and_the_order_is_kept(minimize):
    for shift in (-9.0, 3.0):
        values = np.random.default_rng(0).normal(size=99) + shift
        scale = best_scale(values, minimize)
        fractions = np.array([scale.fraction(value) for value in values])
        assert fractions.max() == 1
        assert np.argsort(fractions).tolist() == np.argsort(-values if minimize else values).tolist()
        assert scale.is_median == (minimize or shift < 0)


def test_without_better_items_than_the_median_there_is_no_scale():
    with pytest.raises(DataError, match="nothing to find"):
        best_scale(np.array([0.0, 0.0, -1.0]))
