"""The budget counts distinct scored items and nothing else; failures are failures."""

import math

import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.objective import Objective, ScoringOptions, resolve_oracles
from sciencegen.scoring.oracles import FunctionOracle, Score


class Recorder:
    name, unit, direction = "x", "", None

    def __init__(self, fail=()):
        self.asked, self.fail = [], set(fail)

    def score(self, items):
        self.asked += items
        if self.fail.intersection(items):
            raise RuntimeError("broken")
        return [Score(float(item)) for item in items]


def make(oracle, budget=10, goals=("maximize x",), **settings):
    return Objective(parse_goals(goals), {"x": oracle}, str, budget, ScoringOptions(**settings))


def test_duplicates_and_known_items_spend_nothing():
    oracle = Recorder()
    objective = make(oracle, budget=4)
    first = objective.evaluate([1, 2, 1, 1])
    second = objective.evaluate([2, 3])
    assert objective.remaining == 1
    assert oracle.asked == [1, 2, 3]
    assert first[0] is first[2]
    assert first[1] is second[0]
    assert [(e.call, e.key, e.scalar) for e in objective.trace] == [(1, "1", 1.0), (2, "2", 2.0), (3, "3", 3.0)]


def test_the_budget_ends_in_the_middle_of_a_batch():
    oracle = Recorder()
    objective = make(oracle, budget=3)
    results = objective.evaluate([5, 5, 6, 7, 8, 5])
    assert [None if e is None else e.item for e in results] == [5, 5, 6, 7, None, 5]
    assert objective.exhausted
    assert objective.evaluate([9, 6])[0] is None
    assert objective.evaluate([6])[0].scalar == 6.0
    assert oracle.asked == [5, 6, 7]


def test_an_exception_fails_the_guilty_item_alone():
    objective = make(Recorder(fail=[2]))
    one, two, three = objective.evaluate([1, 2, 3])
    assert two.failure == "x: RuntimeError: broken"
    assert not two.feasible
    assert two.scalar == -math.inf
    assert one.feasible
    assert three.feasible
    assert len(objective.trace) == 3  # a failed call is a call


def test_infinite_values_are_failures():
    objective = Objective(parse_goals(["maximize x"]), {"x": FunctionOracle("x", lambda item: math.inf)}, str, 5)
    assert "finite" in objective.evaluate([1])[0].failure


def test_errors_raised_on_purpose_end_the_run():
    class Wrong(Recorder):
        def score(self, items):
            raise ConfigError("no column")

    with pytest.raises(ConfigError, match="no column"):
        make(Wrong()).evaluate([1, 2])


def test_a_run_in_which_everything_fails_stops_with_the_reason():
    objective = make(Recorder(fail=range(100)), budget=100, give_up_after=5)
    objective.evaluate([1, 2, 3])
    with pytest.raises(DataError, match="broken"):
        objective.evaluate([4, 5])


def test_wrong_number_of_scores_is_caught():
    class Short(Recorder):
        def score(self, items):
            return super().score(items)[:-1]

    with pytest.raises(DataError, match="Expected 2 scores"):
        make(Short()).evaluate([1, 2])


def test_feasibility_and_scalar():
    objective = make(Recorder(), goals=["minimize x", "x >= 2", "x in 0..10"])
    low, fine, high = objective.evaluate([1, 4, 15])
    assert [e.feasible for e in (low, fine, high)] == [False, True, False]
    assert fine.gains == (-4.0,)
    assert low.violation == pytest.approx(0.5)
    assert high.violation == pytest.approx(0.5)
    assert low.scalar == pytest.approx(-1.5)
    assert fine.values == {"x": 4.0}


def test_cautious_scores_use_the_interval():
    class Uncertain(Recorder):
        def score(self, items):
            return [Score(float(item), item - 1.0, item + 1.0) for item in items]

    assert make(Uncertain(), cautious=True).evaluate([3])[0].gains == (2.0,)
    assert make(Uncertain()).evaluate([3])[0].gains == (3.0,)
    assert not make(Uncertain(), goals=["x <= 3.5"], cautious=True).evaluate([3])[0].feasible


def test_scoring_may_run_elsewhere_and_progress_is_told():
    seen = []
    elsewhere = lambda oracle, items: list(reversed(oracle.score(list(reversed(items)))))  # noqa: E731
    objective = make(Recorder(), score_batch=elsewhere, progress=lambda o: seen.append(len(o.trace)))
    assert [e.scalar for e in objective.evaluate([1, 2])] == [1.0, 2.0]
    objective.evaluate([1, 3])
    objective.evaluate([3])
    assert seen == [2, 3]


def test_each_name_is_resolved_once():
    asked = []

    def resolve(name):
        asked.append(name)
        return FunctionOracle(name, float)

    goals = parse_goals(["maximize x", "x <= 3", "similarity to C=O >= 0.4"])
    assert list(resolve_oracles(goals, resolve)) == asked == ["x", "similarity to C=O"]


def test_impossible_objectives_are_refused():
    with pytest.raises(ConfigError, match="without oracle"):
        Objective(parse_goals(["maximize y"]), {}, str, 5)
    with pytest.raises(ConfigError, match="at least 1"):
        make(Recorder(), budget=0)
