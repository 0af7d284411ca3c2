"""A search says whether its candidates are better than what it was given."""

import pytest
from pointclouds import DOMAIN

from sciencegen.api.search import SHOWN, start_notes, start_rows
from sciencegen.optimization.goals import parse_goal
from sciencegen.optimization.objective import Objective
from sciencegen.scoring.oracles import FunctionOracle, Oracle, Score

CLOUDS = [DOMAIN.items.parse(f"0 0;1 0;0 1;1 1;2 {height}") for height in range(3, 9)]


class Doubtful(Oracle):
    """Scores whose intervals reach 1.5 to both sides."""

    name = "height"

    def score(self, items):
        return [Score(value=item.max(), lower=item.max() - 1.5, upper=item.max() + 1.5) for item in items]


def scored(goals, oracle):
    objective = Objective(goals, {"height": oracle}, DOMAIN.items.key, 10)
    objective.evaluate(CLOUDS)
    return objective.trace


@pytest.mark.parametrize(("cautious", "better"), [(False, 5), (True, 4)])
def test_candidates_are_better_by_the_worse_end(cautious, better):
    goals = [parse_goal("maximize height")]
    trace = scored(goals, Doubtful())
    (row,) = start_rows(DOMAIN, goals, CLOUDS[:1], trace, trace, cautious)
    assert (row["scored"], row["feasible"], row["better"], row["candidates"]) == (True, True, better, 6)
    assert row["better_by_value"] == 5
    (note,) = start_notes([row], ["height"], cautious)
    assert f"has height 3: {better} of 6 candidates are better" in note
    assert ("worse ends of their intervals, 5 by their values" in note) == cautious


def test_every_candidate_is_better_than_a_start_that_misses_a_goal():
    goals = [parse_goal("height >= 5")]
    trace = scored(goals, FunctionOracle("height", lambda item: float(item.max())))
    feasible = [one for one in trace if one.feasible]
    (row,) = start_rows(DOMAIN, goals, CLOUDS[:1], trace, feasible, False)
    assert (row["feasible"], row["better"]) == (False, 4)
    assert "misses a goal: 4 of 4" in start_notes([row], ["height"], False)[0]


def test_starts_that_were_not_scored_or_are_many_are_said():
    (row,) = start_rows(DOMAIN, [], CLOUDS[:1], [], [], False)
    assert "was not scored" in start_notes([row], [], False)[0]
    assert len(start_notes([row] * SHOWN, [], False)) == SHOWN
    (note,) = start_notes([row] * (SHOWN + 1), [], False)
    assert note.startswith(f"of {SHOWN + 1} starts 0 are worse")
