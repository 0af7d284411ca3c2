"""A plate never repeats, keeps its distances and its budget, and goes on past the shortlist."""

import numpy as np
import pytest

from sciencegen.optimization import plate as plates
from sciencegen.optimization.plate import ACQUISITIONS, ByAcquisition, Candidates, PlateSettings
from sciencegen.optimization.posterior import Measured, fit_posterior

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.uniform(-2, 2, (300, 2))
VALUES = -np.square(ROWS - 0.5).sum(1)


def similarity(items, references):
    return np.exp(-np.linalg.norm(ROWS[list(items)][:, None] - ROWS[list(references)][None], axis=2))


@pytest.fixture(scope="module")
def posterior():
    nothing = np.full(40, np.nan)
    measured = Measured(VALUES[:40], nothing)
    return fit_posterior(ROWS[:40], measured, np.random.default_rng(0), surrogate="gp", scale="linear")


def pick(posterior, count=12, costs=None, seed=0, marks=(), materials=(), **settings):
    costs = np.ones(260) if costs is None else costs
    candidates = Candidates(list(range(40, 300)), ROWS[40:], costs, marks, materials)
    picks = ByAcquisition(posterior, ROWS[np.argsort(-VALUES[:40])[:5]], pending=ROWS[:2])
    return picks.pick(candidates, count, PlateSettings(**settings), np.random.default_rng(seed), similarity)


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_plate_has_no_item_twice_and_is_better_than_the_pool(posterior, acquisition):
    places = pick(posterior, acquisition=acquisition)
    assert len(set(places.tolist())) == 12
    assert VALUES[40:][places].mean() > np.quantile(VALUES[40:], 0.8)
    assert (pick(posterior, acquisition=acquisition) == places).all()  # same seed, same plate


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_no_two_of_a_plate_are_more_alike_than_asked(posterior, acquisition):
    places = 40 + pick(posterior, acquisition=acquisition, maximum_similarity=0.75)
    alike = similarity(places, places)[~np.eye(len(places), dtype=bool)]
    assert alike.max() <= 0.75
    assert len(places) == 12
    closest = 40 + pick(posterior, acquisition=acquisition)
    assert similarity(closest, closest)[~np.eye(12, dtype=bool)].max() > 0.75


def test_diversity_spreads_a_plate(posterior):
    def crowding(diversity):
        places = 40 + pick(posterior, acquisition="greedy", diversity=diversity)
        return similarity(places, places)[~np.eye(12, dtype=bool)].mean()

    assert crowding(0.0) > crowding(1.0) > crowding(10.0)


def test_diversity_spreads_items_that_are_all_much_alike(posterior, monkeypatch):
    alike = similarity

    def crowding(diversity):
        places = 40 + pick(posterior, acquisition="greedy", diversity=diversity)
        return alike(places, places)[~np.eye(12, dtype=bool)].mean()

    monkeypatch.setitem(globals(), "similarity", lambda items, references: 0.95 + 0.05 * alike(items, references))
    assert crowding(0.0) - crowding(1.0) > 0.05


def test_no_mark_is_on_more_of_a_plate_than_its_share(posterior):
    marks = [{"good", "any"} if value > np.quantile(VALUES, 0.9) else {"any"} for value in VALUES[40:]]
    good = [own - {"any"} for own in marks]
    shared = lambda share: [place in np.flatnonzero(good) for place in greedy(share)]  # noqa: E731
    greedy = lambda share: pick(posterior, acquisition="greedy", maximum_share=share, marks=good)  # noqa: E731
    assert sum(shared(1.0)) > 6
    assert sum(shared(0.5)) == 6
    assert len(greedy(0.5)) == 12
    assert len(pick(posterior, maximum_share=0.25, marks=marks)) == 3  # all bear it: the plate isn't filled


@pytest.mark.parametrize("acquisition", ["thompson", "ucb", "greedy"])
def test_a_plate_that_shares_needs_fewer_materials(posterior, acquisition):
    generator = np.random.default_rng(2)
    materials = [frozenset(generator.integers(0, 60, 3).tolist()) for _ in range(260)]

    def needed(sharing):
        places = pick(posterior, acquisition=acquisition, sharing=sharing, materials=materials)
        assert len(set(places.tolist())) == 12
        return len(frozenset().union(*(materials[place] for place in places)))

    assert needed(0.0) > needed(0.3) > needed(1.0)
    plain = pick(posterior, acquisition=acquisition)
    assert (pick(posterior, acquisition=acquisition, sharing=0.0, materials=materials) == plain).all()
    assert (pick(posterior, acquisition=acquisition, sharing=1.0) == plain).all()  # nothing is known of materials


def test_a_plate_stays_within_its_cost(posterior):
    costs = np.random.default_rng(1).uniform(1, 5, 260)
    places = pick(posterior, costs=costs, cost_limit=10.0)
    assert 1 <= len(places) < 12
    assert costs[places].sum() <= 10
    left = np.setdiff1d(np.arange(260), places)
    assert costs[places].sum() + costs[left].min() > 10  # nothing more could be afforded


@pytest.mark.long
@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_plate_goes_on_past_the_shortlist_and_ends_with_the_pool(posterior, acquisition, monkeypatch):
    monkeypatch.setattr(plates, "SHORTLIST", 50)
    assert len(set(pick(posterior, count=130, acquisition=acquisition).tolist())) == 130
    assert sorted(pick(posterior, count=1000, acquisition=acquisition).tolist()) == list(range(260))


def test_the_first_plate_keeps_its_order_whatever_its_items_share():
    materials = [frozenset({f"own {place}"}) for place in range(10)] + [frozenset({"common"})] * 30
    candidates = Candidates(list(range(40)), ROWS[:40], np.ones(40), (), materials)
    settings = PlateSettings(sharing=0.2, maximum_similarity=1.0)
    assert plates.first_pickable(candidates, 10, settings, similarity).tolist() == list(range(10))
