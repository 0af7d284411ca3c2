"""Campaigns find known optima, ask nothing twice, and are the same for the same seed."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.optimization.acquisition import ACQUISITIONS
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.campaign_settings import CampaignSettings, exploration_at
from sciencegen.optimization.candidate_sources import CandidatePool, CandidateSources
from sciencegen.optimization.feature_rows import SiteRows
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.plate_builder import PlateSettings
from sciencegen.optimization.proposers import BreedingSettings, CampaignSpace, Parents, breed

KINDS, SITES = 6, 4
LETTERS = np.linspace(-1, 1, KINDS)[:, None] * 1.5
EVERYTHING = list(itertools.product(range(KINDS), repeat=SITES))  # 1,296 words
BEST = (5, 0, 4, 2)


def fitness(word):
    """Main effects and an interaction of two sites, its only greatest value at BEST; skewed as measurements are."""
    wrong = sum(abs(a - b) for a, b in zip(word, BEST, strict=True)) + 0.7 * abs(word[0] - BEST[0]) * abs(word[2] - 4)
    return float(np.exp(-0.5 * wrong))


def features(words):
    return SiteRows(np.array(words, np.uint8).reshape(-1, SITES), LETTERS)


def mutate(parents, generator):
    children = []
    for parent in parents:
        child = list(parent)
        child[generator.integers(SITES)] = int(generator.integers(KINDS))
        children.append(tuple(child))
    return children


SPACE = CampaignSpace(repr, features, lambda some, others: np.zeros((len(some), len(others))))
BRED = CampaignSpace(repr, features, SPACE.similarity, moves={"mutation": mutate})
POOL = CandidatePool(EVERYTHING, [repr(word) for word in EVERYTHING], np.ones(len(EVERYTHING)))
FROM_POOL = CandidateSources(POOL)


def known(words):
    return [Measurement(repr(word), word, fitness(word), np.nan, 1, 1) for word in words]


def first(count=24, seed=0):
    return [EVERYTHING[place] for place in np.random.default_rng(seed).choice(len(EVERYTHING), count, replace=False)]


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_the_optimum_of_a_finite_pool_is_found(acquisition):
    asked = [word for word in first() if word != BEST]
    settings = CampaignSettings(12, surrogate="gp", plate=PlateSettings(acquisition))
    for number in range(4):
        plate = next_plate(SPACE, known(asked), [], settings, np.random.default_rng(number), FROM_POOL)
        assert len(plate.items) == 12
        assert not set(plate.items) & set(asked)
        asked += plate.items
    assert BEST in asked  # 72 of 1,296 asked


def test_so_it_is_by_moves_alone():
    asked = [word for word in first() if word != BEST]
    settings = CampaignSettings(12, surrogate="gp", breeding=BreedingSettings(60, 2, 20))
    for number in range(4):
        plate = next_plate(BRED, known(asked), [], settings, np.random.default_rng(number))
        assert not set(plate.items) & set(asked)
        assert set(plate.sources) == {"mutation"}
        asked += plate.items
    assert BEST in asked


def test_exploration_falls_to_the_last_round():
    falling = [exploration_at(number, 5) for number in range(2, 6)]
    assert falling == sorted(falling, reverse=True)
    assert (falling[0], falling[-1]) == (1.7, 1.0)
    assert exploration_at(9, 5) == exploration_at(2, 2) == exploration_at(1, 1) == 1.0
    assert exploration_at(1, 5) == 1.7


def test_less_may_be_better():
    asked = first(60)
    mirrored = [Measurement(one.text, one.item, -one.value, one.error, 1, 1) for one in known(asked)]
    settings = CampaignSettings(12, surrogate="gp", minimize=True)
    plate = next_plate(SPACE, mirrored, [], settings, np.random.default_rng(0), FROM_POOL)
    same = next_plate(
        SPACE, known(asked), [], CampaignSettings(12, surrogate="gp"), np.random.default_rng(0), FROM_POOL
    )
    assert plate.items == same.items
    assert plate.predicted == pytest.approx(-same.predicted)
    assert plate.lower == pytest.approx(-same.upper)
    assert (plate.lower <= plate.predicted).all()
    assert (plate.predicted <= plate.upper).all()


def test_what_waits_for_its_value_and_what_is_not_accepted_is_not_proposed():
    waiting = [BEST, (5, 0, 4, 1)]
    odd = CampaignSpace(repr, features, SPACE.similarity, accept=lambda words: [word[1] % 2 == 0 for word in words])
    settings = CampaignSettings(40, surrogate="gp")
    plate = next_plate(odd, known(first(60)), waiting, settings, np.random.default_rng(0), FROM_POOL)
    assert not set(plate.items) & set(waiting)
    assert all(word[1] % 2 == 0 for word in plate.items)


def test_the_same_seed_gives_the_same_plate_and_another_another():
    def plate(seed):
        return next_plate(BRED, known(first(40)), [], CampaignSettings(10), np.random.default_rng(seed))

    one, again, other = plate(0), plate(0), plate(1)
    assert one.items == again.items
    assert (one.predicted == again.predicted).all()
    assert one.items != other.items


def test_a_first_plate_is_random_and_predicts_nothing():
    plate = next_plate(SPACE, [], [BEST], CampaignSettings(30), np.random.default_rng(0), FROM_POOL)
    assert len(set(plate.items)) == 30
    assert BEST not in plate.items
    assert np.isnan(plate.predicted).all()
    around = next_plate(BRED, [], [], CampaignSettings(10), np.random.default_rng(0), CandidateSources(start=[BEST]))
    assert around.items[0] == BEST
    assert around.sources == ["start", *["mutation"] * 9]


def test_a_first_plate_keeps_what_a_plate_may_cost_and_how_alike_its_items_may_be():
    """Alike: words that begin with the same letter."""
    alike = lambda some, others: np.array([[float(a[0] == b[0]) for b in others] for a in some])  # noqa: E731
    space = CampaignSpace(repr, features, alike)
    dear = CandidatePool(POOL.items, POOL.keys, np.full(len(EVERYTHING), 3.0))

    def plate(**limits):
        settings = CampaignSettings(30, plate=PlateSettings(**limits))
        return next_plate(space, [], [], settings, np.random.default_rng(0), CandidateSources(dear)).items

    assert len(plate(cost_limit=10.0)) == 3
    assert len(plate(maximum_similarity=0.5)) == KINDS
    assert len(plate(diversity=1.0)) == 30


def test_of_candidates_that_the_model_cannot_tell_apart_one_is_proposed():
    blind = CampaignSpace(
        repr, lambda words: features([(*word[:3], 0) for word in words]), SPACE.similarity, moves=BRED.moves
    )
    settings = CampaignSettings(30, surrogate="gp", breeding=BreedingSettings(80, 2, 20))
    plate = next_plate(blind, known(first(40)), [], settings, np.random.default_rng(0))
    assert len({word[:3] for word in plate.items}) == len(plate.items) == 30


@pytest.mark.parametrize("asked", [[], first(60)], ids=["first", "later"])
@pytest.mark.parametrize("pool", [POOL, None], ids=["pool", "made"])
def test_no_mark_is_on_more_of_a_plate_than_its_share_wherever_items_come_from(asked, pool):
    marked = replace(BRED, marks=lambda words: [set(enumerate(word)) - set(enumerate(BEST)) for word in words])
    settings = CampaignSettings(8, surrogate="gp", scale="linear", plate=PlateSettings(maximum_share=0.25))
    plate = next_plate(marked, known(asked), [], settings, np.random.default_rng(0), CandidateSources(pool, [BEST]))
    assert len(plate.items) == 8
    counts = Counter(mark for marks in marked.marks(plate.items) for mark in marks)
    assert max(counts.values()) <= 2


def test_no_mark_is_on_more_of_the_parents_than_its_share():
    bred = []
    move = lambda parents, generator: bred.extend(parents) or mutate(parents, generator)  # noqa: E731
    space = replace(BRED, moves={"mutation": move}, marks=lambda words: [{word[0]} for word in words])
    words, settings = EVERYTHING[:300], BreedingSettings(30, 1, parents=8)  # best first: 216 begin alike
    hopes = -np.arange(300.0)
    for share, kinds in ((1.0, {0}), (0.5, {0, 1})):
        bred.clear()
        breed(space, Parents(words, hopes, share), set(map(repr, words)), lambda rows: np.zeros(len(rows)), settings,
              np.random.default_rng(0))  # fmt: skip
        assert {word[0] for word in bred} == kinds


def test_a_first_plate_may_be_of_suggestions():
    plate = next_plate(
        SPACE, [], [], CampaignSettings(3), np.random.default_rng(0), CandidateSources(suggestions=first(5))
    )
    assert plate.sources == ["offered"] * 3
    assert set(plate.items) < set(first(5))


def test_a_pool_that_is_used_up_gives_what_is_left():
    few = CandidatePool(EVERYTHING[:20], POOL.keys[:20], np.ones(20))
    plate = next_plate(
        SPACE, known(EVERYTHING[:15]), [], CampaignSettings(12), np.random.default_rng(0), CandidateSources(few)
    )
    assert sorted(plate.items) == EVERYTHING[15:20]
    asked, settings = known(EVERYTHING[:20]), CampaignSettings(12, surrogate="gp", scale="linear")
    nothing = next_plate(SPACE, asked, [], settings, np.random.default_rng(0), CandidateSources(few), [BEST])
    assert nothing.items == []
    assert np.isfinite(nothing.extra).all()
    assert nothing.extra.shape == (3, 1)


def test_extra_items_are_predicted_and_change_no_pick():
    settings = CampaignSettings(6, surrogate="gp", scale="linear")
    alone, asked = (
        next_plate(SPACE, known(first()), [], settings, np.random.default_rng(0), FROM_POOL, extra)
        for extra in ([], [first()[0], BEST])
    )
    assert alone.items == asked.items
    assert alone.extra.shape == (3, 0)
    median, lower, upper = asked.extra
    assert (lower < median).all()
    assert (median < upper).all()
    assert lower[0] <= fitness(first()[0]) <= upper[0]
