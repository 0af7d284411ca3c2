"""Candidates by breeding."""

from dataclasses import replace

import numpy as np

from sciencegen.optimization.candidates import BreedingSettings, Parents, breed
from tests.optimization.word_space import (
    BRED,
    EVERYTHING,
    mutate,
)


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


def test_nothing_excluded_is_bred_and_every_candidate_has_its_source_and_row():
    excluded = {repr(word) for word in EVERYTHING[:50]}
    found = breed(
        BRED, Parents(EVERYTHING[:50], [0.0] * 50), set(excluded), lambda rows: np.zeros(len(rows)),
        BreedingSettings(40, 2, 20), np.random.default_rng(0), {"offered": EVERYTHING[100:103]},
    )  # fmt: skip
    assert not set(found.keys) & excluded
    assert found.sources == ["offered"] * 3 + ["mutation"] * (len(found) - 3)
    assert len(set(found.keys)) == len(found) == sum(map(len, found.rows)) >= 43


def test_the_growth_of_the_candidates_is_reported_up_to_their_number():
    told = []
    space = replace(BRED, draws={"prior": lambda n, generator: EVERYTHING[-n:]}, report=lambda *step: told.append(step))
    found = breed(
        space, Parents(EVERYTHING[:50], [0.0] * 50), set(map(repr, EVERYTHING[:50])), lambda rows: np.zeros(len(rows)),
        BreedingSettings(40, 2, 20, draws=30), np.random.default_rng(0), {"offered": EVERYTHING[100:103]},
    )  # fmt: skip
    assert {(what, total) for what, _, total in told} == {("candidates", 3 + 30 + 2 * 40)}
    counts = [done for _, done, _ in told]
    assert counts == sorted(counts)
    assert (counts[0], len(set(counts)) > 2, counts[-1] <= len(found)) == (3, True, True)


def test_only_items_that_bear_are_parents():
    bred = []
    move = lambda parents, generator: bred.extend(parents) or mutate(parents, generator)  # noqa: E731
    space = replace(BRED, moves={"mutation": move}, may_be_parent=lambda word: word in EVERYTHING[10:20])
    words, settings = EVERYTHING[:50], BreedingSettings(30, 2, parents=50)
    rating = lambda rows: np.zeros(len(rows))  # noqa: E731
    breed(space, Parents(words, [0.0] * 50), set(map(repr, words)), rating, settings, np.random.default_rng(0))
    assert set(map(repr, bred)) == set(map(repr, EVERYTHING[10:20]))
    barren = replace(space, may_be_parent=lambda word: False)
    assert not len(breed(barren, Parents(words, [0.0] * 50), set(), rating, settings, np.random.default_rng(0)))
