"""Candidates of a plate."""

import numpy as np

from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import (
    BreedingSettings,
    CampaignSettings,
    CampaignSpace,
    CandidatePool,
    CandidateSources,
)
from sciencegen.optimization.targets import one_target
from tests.optimization.word_space import (
    BEST,
    BRED,
    EVERYTHING,
    POOL,
    SPACE,
    features,
    first,
    known,
)


def test_of_candidates_that_the_model_cannot_tell_apart_one_is_proposed():
    blind = CampaignSpace(
        repr, lambda words: features([(*word[:3], 0) for word in words]), SPACE.similarity, moves=BRED.moves
    )
    settings = CampaignSettings(30, surrogate="gp", breeding=BreedingSettings(80, 2, 20))
    plate = next_plate(blind, one_target(known(first(40))), [], settings, np.random.default_rng(0))
    assert len({word[:3] for word in plate.items}) == len(plate.items) == 30


def test_a_first_plate_may_be_of_suggestions():
    plate = next_plate(
        SPACE, one_target([]), [], CampaignSettings(3), np.random.default_rng(0), CandidateSources(suggestions=first(5))
    )
    assert plate.sources == ["offered"] * 3
    assert set(plate.items) < set(first(5))


def test_a_pool_that_is_used_up_gives_what_is_left():
    few = CandidatePool(EVERYTHING[:20], POOL.keys[:20], np.ones(20))
    plate = next_plate(
        SPACE,
        one_target(known(EVERYTHING[:15])),
        [],
        CampaignSettings(12),
        np.random.default_rng(0),
        CandidateSources(few),
    )
    assert sorted(plate.items) == EVERYTHING[15:20]
    asked, settings = known(EVERYTHING[:20]), CampaignSettings(12, surrogate="gp", scale="linear")
    nothing = next_plate(
        SPACE, one_target(asked), [], settings, np.random.default_rng(0), CandidateSources(few), [BEST]
    )
    assert nothing.items == []
    assert np.isfinite(nothing.extra["value"]).all()
    assert nothing.extra["value"].shape == (3, 1)
