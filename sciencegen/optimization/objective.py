"""The objective: goals, their oracles, a budget of distinct scored items, and the trace of evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.optimization.goals import Goal
from sciencegen.scoring.oracles import Oracle, Score, failed_by

Item = Any
ScoreBatch = Callable[[Oracle, Sequence[Item]], list[Score]]


@dataclass(frozen=True)
class Evaluation:
    """One distinct item, scored.

    call: which oracle call it was, from 1. scores: by oracle name. gains: one per objective, larger is better.
    violation: sum over constraints, each in its own scale; infinite where an oracle failed.
    scalar: gains in their scales minus the violation; for plots and area under the curve, -inf where failed.
    """

    call: int
    key: str
    item: Item
    scores: Mapping[str, Score]
    gains: tuple[float, ...]
    violation: float
    scalar: float
    failure: str | None = None

    @property
    def feasible(self) -> bool:
        """Every constraint is met and no oracle failed."""
        return self.failure is None and self.violation == 0.0

    @property
    def values(self) -> dict[str, float | None]:
        return {name: score.value for name, score in self.scores.items()}


class AllFailed(DataError):
    """No item could be scored. trace: what was tried, each with its failure."""

    def __init__(self, trace: Sequence[Evaluation]) -> None:
        self.trace = tuple(trace)
        super().__init__(
            f"Expected at least one score, all {len(trace)} scored items failed; the first: {trace[0].failure}. "
            "Test your own program or function on a small file, and a built-in oracle with `sciencegen score`."
        )


def resolve_oracles(goals: Sequence[Goal], resolve: Callable[[str], Oracle]) -> dict[str, Oracle]:
    """The oracle of every name in the goals, each resolved once."""
    return {name: resolve(name) for name in dict.fromkeys(goal.name for goal in goals)}


def score_here(oracle: Oracle, items: Sequence[Item]) -> list[Score]:
    """One score for each item, computed in this process."""
    return oracle.score(items)


@dataclass(frozen=True)
class ScoringOptions:
    """How an objective calls its oracles.

    Parameters
    ----------
    cautious : bool
        Whether each goal is scored by the worse end of an oracle's interval.
    score_batch : callable
        (oracle, items) -> scores; it may run the oracle elsewhere, in parallel.
    progress : callable, optional
        Called with the objective after each batch.
    give_up_after : int
        If the first items, this many or more, all fail, the run ends with an error.
    """

    cautious: bool = False
    score_batch: ScoreBatch = score_here
    progress: Callable[[Objective], None] | None = None
    give_up_after: int = 100


class Objective:
    """Scores items against goals until `budget` distinct ones have been scored; scoring an item again is free.

    Parameters
    ----------
    goals : sequence of Goal
    oracles : mapping
        The oracle of each goal's name.
    key : callable
        item -> its identity.
    budget : int
        Number of distinct items.
    options : ScoringOptions, optional

    Attributes
    ----------
    trace : list of Evaluation
        In the order of scoring.

    Raises
    ------
    ConfigError
        If a goal has no oracle or the budget is below 1.

    Examples
    --------
    >>> from sciencegen.optimization.goals import parse_goals
    >>> from sciencegen.scoring.oracles import FunctionOracle
    >>> goals = parse_goals(["maximize length", "length <= 4"])
    >>> objective = Objective(goals, {"length": FunctionOracle("length", len)}, key=str, budget=10)
    >>> short, long = objective.evaluate(["CCO", "CCCCCO"])
    >>> short.feasible, long.feasible, long.violation, objective.remaining
    (True, False, 0.5, 8)
    """

    def __init__(
        self,
        goals: Sequence[Goal],
        oracles: Mapping[str, Oracle],
        key: Callable[[Item], str],
        budget: int,
        options: ScoringOptions | None = None,
    ) -> None:
        missing = [goal.name for goal in goals if goal.name not in oracles]
        if missing or not goals:
            raise ConfigError(
                f"Expected goals and an oracle for each, got {len(goals)} goals; without oracle: {missing}."
            )
        if budget < 1:
            raise ConfigError(f"Expected a budget of at least 1 scored item, got {budget}.")
        self.goals, self.oracles, self.key, self.budget = tuple(goals), dict(oracles), key, budget
        self.options = options or ScoringOptions()
        self.trace: list[Evaluation] = []
        self._by_key: dict[str, Evaluation] = {}

    @property
    def objectives(self) -> tuple[Goal, ...]:
        return tuple(goal for goal in self.goals if goal.is_objective)

    @property
    def constraints(self) -> tuple[Goal, ...]:
        return tuple(goal for goal in self.goals if not goal.is_objective)

    @property
    def remaining(self) -> int:
        return self.budget - len(self.trace)

    @property
    def exhausted(self) -> bool:
        return self.remaining <= 0

    def is_scored(self, item: Item) -> bool:
        return self.key(item) in self._by_key

    def evaluate(self, items: Sequence[Item]) -> list[Evaluation | None]:
        """One evaluation per item, in order; None for items beyond the budget."""
        keys = [self.key(item) for item in items]
        fresh: dict[str, Item] = {}
        for key, item in zip(keys, items, strict=True):
            if key not in self._by_key and len(fresh) < self.remaining:
                fresh.setdefault(key, item)
        if fresh:
            self._record(list(fresh), list(fresh.values()))
        return [self._by_key.get(key) for key in keys]

    def _record(self, keys: Sequence[str], items: Sequence[Item]) -> None:
        columns = {name: score_safely(oracle, items, self.options.score_batch) for name, oracle in self.oracles.items()}
        for row, (key, item) in enumerate(zip(keys, items, strict=True)):
            evaluation = self._judge(key, item, {name: column[row] for name, column in columns.items()})
            self.trace.append(evaluation)
            self._by_key[key] = evaluation
        self.check_scores(self.options.give_up_after)
        if self.options.progress:
            self.options.progress(self)

    def _judge(self, key: str, item: Item, scores: Mapping[str, Score]) -> Evaluation:
        call = len(self.trace) + 1
        failures = [f"{name}: {score.failure or 'no value'}" for name, score in scores.items() if score.failed]
        if failures:
            return Evaluation(call, key, item, scores, (), math.inf, -math.inf, "; ".join(failures))
        cautious = self.options.cautious
        gains = tuple(goal.gain(goal.value_of(scores[goal.name], cautious)) for goal in self.objectives)
        violation = sum((goal.violation_of(scores[goal.name], cautious) for goal in self.constraints), 0.0)
        scaled = sum(gain / goal.scale for gain, goal in zip(gains, self.objectives, strict=True))
        return Evaluation(call, key, item, scores, gains, violation, scaled - violation)

    def check_scores(self, least: int = 1) -> None:
        """Raise an error if `least` or more items were scored and every one failed."""
        if len(self.trace) >= least and all(evaluation.failure is not None for evaluation in self.trace):
            raise AllFailed(self.trace)


def score_safely(oracle: Oracle, items: Sequence[Item], score_batch: ScoreBatch = score_here) -> list[Score]:
    """One score per item whatever the oracle does: after an exception, items are retried one by one and may fail.

    Errors that this package raises on purpose (a wrong command, incompatible weights) end the run.
    """
    try:
        scores = list(score_batch(oracle, items))
    except SciencegenError:
        raise
    except Exception as error:  # third-party code: the error is recorded as the item's failure
        if len(items) == 1:
            return [failed_by(error)]
        return [score for item in items for score in score_safely(oracle, [item], score_batch)]
    if len(scores) != len(items):
        raise DataError(
            f"Expected {len(items)} scores from oracle '{oracle.name}', got {len(scores)}. Return one for each item."
        )
    return [_finite(score) for score in scores]


def _finite(score: Score) -> Score:
    if score.value is not None and not math.isfinite(score.value):
        return Score(None, failure=f"not a finite number: {score.value}")
    return score


# The measure of sample efficiency: area under the curve of the average of the best k (Gao et al. 2022, PMO).


def auc_top_k(trace: Sequence[Evaluation], k: int = 10, budget: int = 10_000, every: int = 100) -> float:
    """`area_under_top_k` of the scalars of a trace; a failed item uses a call and adds no value."""
    return area_under_top_k([e.scalar for e in trace], k, budget, every)


def area_under_top_k(values: Sequence[float], k: int = 10, budget: int = 10_000, every: int = 100) -> float:
    """Mean over the budget of the average of the best k values so far, by PMO's rule (Gao et al. 2022, section 3.2).

    The average is taken every `every` calls and at the end, joined by the trapezoidal rule from 0 at call 0, and
    stays constant from the last call to the budget. If there are fewer than k values, all of them are averaged.
    """
    values = list(values)[:budget]
    if not values:
        return 0.0
    calls = [*range(every, len(values), every), len(values)]
    curve = np.array([0.0] + [_top_mean(values[:call], k) for call in calls])
    area = np.sum(np.diff([0, *calls]) * (curve[1:] + curve[:-1]) / 2)
    return float((area + (budget - len(values)) * curve[-1]) / budget)


def top_k_curve(trace: Sequence[Evaluation], k: int = 10, every: int = 100) -> tuple[list[int], list[float]]:
    """Calls and the average of the best k feasible scalars at each, for plots; NaN before the first."""
    values = [e.scalar if e.feasible else -np.inf for e in trace]
    calls = [*range(every, len(values), every), len(values)] if values else []
    return calls, [_top_mean(values[:call], k, empty=np.nan) for call in calls]


def _top_mean(values: Sequence[float], k: int, empty: float = 0.0) -> float:
    finite = np.array(values)[np.isfinite(values)]
    return float(np.sort(finite)[-k:].mean()) if len(finite) else empty
