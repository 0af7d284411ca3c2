"""The summary of a search says how many classes its candidates are from, and what the limit costs."""

from dataclasses import replace

import pytest
from pointclouds import DOMAIN

from sciencegen.api.search import class_counts, class_notes, diversity_filter, variety_of
from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.selection import select
from sciencegen.scoring.oracles import FunctionOracle

CLOUDS = [DOMAIN.items.parse(f"0 0;1 0;0 1;1 1;2 {height}") for height in range(3, 13)]


def height(cloud):
    return float(cloud.max())


def pairs(clouds):
    """A class for two neighbouring heights; none for the lowest."""
    return ["" if height(one) < 4 else f"about {height(one) // 2 * 2:g}" for one in clouds]


KINDS = replace(DOMAIN, similarity=replace(DOMAIN.similarity, classes={"pairs": pairs}))


@pytest.fixture
def trace():
    objective = Objective(
        parse_goals(["maximize height"]), {"height": FunctionOracle("height", height)}, DOMAIN.items.key, 20
    )
    objective.evaluate(CLOUDS)
    return objective.trace


def test_a_domain_without_classes_has_no_limit_and_refuses_one():
    assert diversity_filter(DOMAIN, None) is diversity_filter(DOMAIN, 1) is None
    with pytest.raises(ConfigError, match="no classes"):
        diversity_filter(DOMAIN, 0.5)


def test_a_domain_with_classes_has_a_limit_unless_it_is_1():
    assert diversity_filter(KINDS, None).share == 0.1
    assert diversity_filter(KINDS, 0.5).share == 0.5
    assert diversity_filter(KINDS, 1) is None


def test_classes_are_counted_without_items_of_none():
    assert class_counts(KINDS, CLOUDS[:4]) == {"pairs": {"count": 2, "largest": "about 4", "size": 2}}
    assert class_counts(KINDS, []) == {"pairs": {"count": 0, "largest": "", "size": 0}}
    assert class_counts(DOMAIN, CLOUDS) == {}


def summary_of(goals, picked, best, share, n=None):
    found = variety_of(KINDS, goals, picked, best, share, n or len(picked))
    return {"candidates": len(picked), "variety": found}


def test_notes_give_the_classes_and_the_means_with_and_without_the_limit(trace):
    goals = parse_goals(["maximize height"])
    best, picked = trace[-4:], [trace[-1], trace[-2], trace[-3], trace[-6]]
    summary = summary_of(goals, picked, best, 0.5)
    assert summary["variety"]["passed_over"] == 1
    assert summary["variety"]["means"] == {"height": {"limited": 10.0, "unlimited": 10.5}}
    classes, cost = class_notes(summary)
    assert classes == "4 candidates over 3 pairs; the largest hold 2 (about 10)"
    assert cost == "keeping each class within 50% passed over 1 of the best 4: mean height 10 instead of 10.5"
    assert class_notes(summary | {"candidates": 0}) == class_notes({"candidates": 4}) == []


def test_a_note_says_that_a_class_holds_more_than_its_share_where_there_are_no_others(trace):
    (note,) = class_notes(summary_of([], trace[1:3], trace[1:3], 0.5))
    assert note.endswith("above the limit of 1, since too few others meet the goals")


def test_the_limit_is_a_share_of_the_requested_candidates_not_of_those_found(trace):
    (note,) = class_notes(summary_of([], trace[1:3], trace[1:3], 0.5, n=4))
    assert "above the limit" not in note


def test_without_a_limit_the_best_are_picked(trace):
    assert [one.key for one in select(trace, 3, KINDS.similarity.matrix)] == [one.key for one in trace[:-4:-1]]
