"""Messages on the results of a search."""

import pytest

from sciencegen.api.search import beyond, judged_by_intervals, met_by, outside, shortfall
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.objective import Objective
from sciencegen.scoring.oracles import FunctionOracle

SUMMARY = {
    "candidates": 2, "scored": 60, "failed": 3, "feasible": 20, "known": 1, "alike": 17, "maximum_similarity": 0.7,
    "met_by": {"sa <= 3": 50, "logp in 1..3": 22},
}  # fmt: skip


def test_a_shortfall_names_the_goal_that_fewest_meet_and_every_number():
    told = shortfall(SUMMARY, 10)
    assert "Found 2 of 10 candidates" in told
    assert "37 miss a goal ('logp in 1..3' is met by 22, 'sa <= 3' is met by 50)" in told
    for words in (
        "3 could not be scored",
        "1 were known (training data, a predictor's table, or what the search began with)",
        "17 are more than 0.7 similar",
    ):
        assert words in told
    assert told.endswith("Loosen 'logp in 1..3' or raise `maximum_similarity` or raise `budget`.")


def test_a_search_that_finds_nothing_in_a_domain_is_told_where_to_begin():
    told = shortfall(SUMMARY | {"met_by": {"sa <= 3": 50, "x in domain": 0}}, 10)
    assert "Begin in the domain, with the predictor's table as `start` or raise `maximum_similarity`" in told


def test_a_shortfall_says_whose_items_it_counts():
    assert "among 60 scored items, of which" in shortfall(SUMMARY, 10)
    assert "among 60 scored items of the search and its controls" in shortfall(SUMMARY | {"found_by": {}}, 10)


@pytest.mark.parametrize(("name", "remedy"), [("alike", "Raise `maximum_similarity`"), ("known", "Set `novel: false`")])
def test_the_remedy_is_that_of_what_costs_most(name, remedy):
    few = SUMMARY | {"scored": 40, "failed": 0, "feasible": 40, "known": 0, "alike": 0, name: 38}
    assert shortfall(few, 10).split(". ")[-1].startswith(remedy)


def test_goals_are_counted_one_by_one():
    goals = parse_goals(["maximize x", "x <= 4", "y >= 0"])
    oracles = {"x": FunctionOracle("x", float), "y": FunctionOracle("y", lambda item: -item)}
    objective = Objective(goals, oracles, str, 10)
    objective.evaluate(range(10))
    assert met_by(goals, objective.trace, True) == {"x <= 4": 5, "y >= 0": 1}


class Learned(FunctionOracle):
    measured = (-1.0, 2.5)


@pytest.mark.parametrize(("goal", "count"), [("maximize x", 1), ("minimize x", 2), ("x >= 9", 0)])
def test_what_is_predicted_beyond_all_that_was_measured_is_told(goal, count):
    table = {"rank": [1, 2, 3, 4], "x": [3.0, 2.0, -2.0, -3.0]}
    notes = beyond(table, parse_goals([goal]), {"x": Learned("x", float)})
    assert len(notes) == min(count, 1)
    assert not count or notes[0].startswith(f"{count} of 4 candidates are predicted beyond")
    assert not beyond(table, parse_goals([goal]), {"x": FunctionOracle("x", float)})


def test_candidates_outside_a_predictor_are_told_the_best_one_first():
    table = {"rank": [1, 2, 3], "x": [1.0, 2.0, 3.0], "x_in_domain": [False, True, False]}
    (note,) = outside(table)
    assert note.startswith("2 of 3 candidates, the best one too, are unlike all that the predictor 'x' learned from")
    assert outside(table | {"x_in_domain": [True, True, True]}) == []


def test_goals_on_intervals_say_which_end_decides():
    goals = parse_goals(["maximize x", "x <= 4", "x in 1..3", "x >= 1", "minimize y", "y = 2"])
    (note,) = judged_by_intervals(goals, {"x_lower": [1.0], "x_upper": [2.0], "y": [0.0]})
    assert "'maximize x' by x_lower, 'x <= 4' by x_upper, 'x in 1..3' by x_lower and x_upper, 'x >= 1' by x_low" in note
    assert "y" not in note.partition("interval")[2].replace("by", "")
    assert judged_by_intervals(goals, {"x": [1.0]}) == []
