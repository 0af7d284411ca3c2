"""Campaigns find known optima, ask nothing twice, and are the same for the same seed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import (
    BreedingSettings,
    CampaignSettings,
    CampaignSpace,
    CandidatePool,
    CandidateSources,
)
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.plate import ACQUISITIONS, PlateSettings
from sciencegen.optimization.posterior import WIDER, PlateError
from sciencegen.optimization.targets import one_target
from tests.optimization.word_space import (
    BEST,
    BRED,
    EVERYTHING,
    FROM_POOL,
    KINDS,
    POOL,
    SPACE,
    features,
    first,
    fitness,
    known,
)

MARKS = {"noisy-ei": (), "ucb": pytest.mark.long}
"""Of the acquisitions; the others are slow tests. `test_plate.py` compares the plates of each with the pool."""


@pytest.mark.parametrize(
    "acquisition", [pytest.param(one, marks=MARKS.get(one, pytest.mark.slow)) for one in ACQUISITIONS]
)
def test_the_optimum_of_a_finite_pool_is_found(acquisition):
    asked = [word for word in first() if word != BEST]
    settings = CampaignSettings(12, surrogate="gp", plate=PlateSettings(acquisition))
    for number in range(4):
        plate = next_plate(SPACE, one_target(known(asked)), [], settings, np.random.default_rng(number), FROM_POOL)
        assert len(plate.items) == 12
        assert not set(plate.items) & set(asked)
        asked += plate.items
    assert BEST in asked  # 72 of 1,296 asked


@pytest.mark.long
def test_so_it_is_by_moves_alone():
    asked = [word for word in first() if word != BEST]
    settings = CampaignSettings(12, surrogate="gp", breeding=BreedingSettings(60, 2, 20))
    for number in range(4):
        plate = next_plate(BRED, one_target(known(asked)), [], settings, np.random.default_rng(number))
        assert not set(plate.items) & set(asked)
        assert set(plate.sources) == {"mutation"}
        asked += plate.items
    assert BEST in asked


def test_less_may_be_better():
    asked = first(60)
    mirrored = [Measurement(one.text, one.item, -one.value, one.error, 1, 1) for one in known(asked)]
    settings = CampaignSettings(12, surrogate="gp")
    plate = next_plate(SPACE, one_target(mirrored, minimize=True), [], settings, np.random.default_rng(0), FROM_POOL)
    same = next_plate(
        SPACE, one_target(known(asked)), [], CampaignSettings(12, surrogate="gp"), np.random.default_rng(0), FROM_POOL
    )
    assert plate.items == same.items
    (median, lower, upper), mirror = plate.predicted["value"], same.predicted["value"]
    assert median == pytest.approx(-mirror[0])
    assert lower == pytest.approx(-mirror[2])
    assert (lower <= median).all()
    assert (median <= upper).all()


def test_what_waits_for_its_value_and_what_is_not_accepted_is_not_proposed():
    waiting = [BEST, (5, 0, 4, 1)]
    odd = CampaignSpace(repr, features, SPACE.similarity, accept=lambda words: [word[1] % 2 == 0 for word in words])
    settings = CampaignSettings(40, surrogate="gp")
    plate = next_plate(odd, one_target(known(first(60))), waiting, settings, np.random.default_rng(0), FROM_POOL)
    assert not set(plate.items) & set(waiting)
    assert all(word[1] % 2 == 0 for word in plate.items)


@pytest.mark.long
def test_the_same_seed_gives_the_same_plate_and_another_another():
    def plate(seed):
        return next_plate(BRED, one_target(known(first(40))), [], CampaignSettings(10), np.random.default_rng(seed))

    one, again, other = plate(0), plate(0), plate(1)
    assert one.items == again.items
    assert (one.predicted["value"] == again.predicted["value"]).all()
    assert one.items != other.items


def test_a_first_plate_is_random_and_predicts_nothing():
    plate = next_plate(SPACE, one_target([]), [BEST], CampaignSettings(30), np.random.default_rng(0), FROM_POOL)
    assert len(set(plate.items)) == 30
    assert BEST not in plate.items
    assert np.isnan(plate.predicted["value"]).all()
    around = next_plate(
        BRED, one_target([]), [], CampaignSettings(10), np.random.default_rng(0), CandidateSources(start=[BEST])
    )
    assert around.items[0] == BEST
    assert around.sources == ["start", *["mutation"] * 9]


def test_a_first_plate_keeps_what_a_plate_may_cost_and_how_alike_its_items_may_be():
    """Alike: words that begin with the same letter."""
    alike = lambda some, others: np.array([[float(a[0] == b[0]) for b in others] for a in some])  # noqa: E731
    space = CampaignSpace(repr, features, alike)
    dear = CandidatePool(POOL.items, POOL.keys, np.full(len(EVERYTHING), 3.0))

    def plate(**limits):
        settings = CampaignSettings(30, plate=PlateSettings(**limits))
        return next_plate(space, one_target([]), [], settings, np.random.default_rng(0), CandidateSources(dear)).items

    assert len(plate(cost_limit=10.0)) == 3
    assert len(plate(maximum_similarity=0.5)) == KINDS
    assert len(plate(diversity=1.0)) == 30


@pytest.mark.parametrize("asked", [[], first(60)], ids=["first", "later"])
@pytest.mark.parametrize("pool", [POOL, None], ids=["pool", "made"])
def test_no_mark_is_on_more_of_a_plate_than_its_share_wherever_items_come_from(asked, pool):
    marked = replace(BRED, marks=lambda words: [set(enumerate(word)) - set(enumerate(BEST)) for word in words])
    settings = CampaignSettings(8, surrogate="gp", scale="linear", plate=PlateSettings(maximum_share=0.25))
    plate = next_plate(
        marked, one_target(known(asked)), [], settings, np.random.default_rng(0), CandidateSources(pool, [BEST])
    )
    assert len(plate.items) == 8
    counts = Counter(mark for marks in marked.marks(plate.items) for mark in marks)
    assert max(counts.values()) <= 2


@pytest.mark.parametrize("scale", ["linear", "log-from-above"])
def test_a_plate_names_its_scale(scale):
    settings = CampaignSettings(3, surrogate="gp", scale=scale)
    plate = next_plate(SPACE, one_target(known(first())), [], settings, np.random.default_rng(0), FROM_POOL)
    model = plate.models["value"]
    assert (model.warp.name, model.name) == (scale, f"gp {scale}")
    assert next_plate(SPACE, one_target([]), [], settings, np.random.default_rng(0), FROM_POOL).models == {}


def test_extra_items_are_predicted_and_change_no_pick():
    settings = CampaignSettings(6, surrogate="gp", scale="linear")
    alone, asked = (
        next_plate(SPACE, one_target(known(first())), [], settings, np.random.default_rng(0), FROM_POOL, extra)
        for extra in ([], [first()[0], BEST])
    )
    assert alone.items == asked.items
    assert alone.extra == {}
    median, lower, upper = asked.extra["value"]
    assert (lower < median).all()
    assert (median < upper).all()
    assert lower[0] <= fitness(first()[0]) <= upper[0]


def test_intervals_of_picked_items_are_wider_than_those_of_others():
    settings = CampaignSettings(6, surrogate="gp", scale="linear")
    plate = next_plate(SPACE, one_target(known(first())), [], settings, np.random.default_rng(0), FROM_POOL)
    again = next_plate(
        SPACE, one_target(known(first())), [], settings, np.random.default_rng(0), FROM_POOL, plate.items
    )
    (median, lower, upper), picked = again.extra["value"], plate.predicted["value"]
    assert picked[0] == pytest.approx(median)
    assert picked[2] - picked[1] == pytest.approx(WIDER * (upper - lower))


def test_the_errors_of_earlier_plates_move_the_forecast():
    expected = [
        next_plate(
            SPACE, one_target(known(first())), [],
            CampaignSettings(6, surrogate="gp", scale="linear", earlier=[PlateError(error, 96)]),
            np.random.default_rng(0), FROM_POOL,
        ).forecast.expected
        for error in (1.0, 0.0, -1.0)
    ]  # fmt: skip
    assert expected == sorted(set(expected), reverse=True)


@pytest.mark.parametrize("space", [SPACE, BRED])
def test_every_step_of_a_plate_is_reported(space):
    told = []
    watched = replace(space, report=lambda *step: told.append(step))
    settings = CampaignSettings(4, surrogate="gp", scale="linear", breeding=BreedingSettings(20, 1, 20))
    sources = FROM_POOL if space is SPACE else CandidateSources()
    plate = next_plate(watched, one_target(known(first(30))), [], settings, np.random.default_rng(0), sources)
    made = f"testing {len(POOL.items):,} candidates" if space is SPACE else "candidates"
    steps = list(dict.fromkeys(what for what, _, _ in told))
    assert steps == ["fitting a model to 30 measured items", made, f"picking 4 of {plate.candidate_count:,} candidates"]
    same = next_plate(space, one_target(known(first(30))), [], settings, np.random.default_rng(0), sources)
    assert same.items == plate.items
