"""The interface of oracles: one score for each item of a batch; and oracles made of others."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from sciencegen.items import Direction, Refusal


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one item. If scoring failed, `value` is None and `failure` is the reason.

    in_domain: whether the item is of the kind that the oracle was made for; None if that is unknown.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    failure: str | None = None
    in_domain: bool | None = None

    @property
    def failed(self) -> bool:
        return self.value is None


LONGEST_REASON = 200
"""Of a failure, in characters."""


def failed_by(error: Exception) -> Score:
    r"""The score of an item on which an oracle raised an exception; its reason is one short line.

    Examples
    --------
    >>> failed_by(ValueError("expected a molecule,\n  got an array")).failure
    'ValueError: expected a molecule, got an array'
    """
    return Score(None, failure=shortened(f"{type(error).__name__}: {error}"))


def shortened(reason: str) -> str:
    """A reason as one line of at most `LONGEST_REASON` characters."""
    line = " ".join(reason.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 3]}..."


ANNOTATIONS = ("lower", "upper", "in_domain")
"""Fields of a score other than its value: the columns `<name>_lower`, `<name>_upper`, `<name>_in_domain`."""


def beside(name: str, score: Score) -> dict[str, float | bool | None]:
    """The columns that annotate a value: `<name>_lower`, `<name>_upper`, `<name>_in_domain`."""
    return {f"{name}_lower": score.lower, f"{name}_upper": score.upper, f"{name}_in_domain": score.in_domain}


def cells_of(name: str, score: Score) -> dict[str, float | bool | None]:
    """The value's column and those of `beside`."""
    return {name: score.value, **beside(name, score)}


@runtime_checkable
class Oracle(Protocol):
    """Scores a batch; `unit` is "" for a pure number and `direction` is None if neither direction is better."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def direction(self) -> Direction | None: ...

    def score(self, items: Sequence[Any]) -> list[Score]: ...


@runtime_checkable
class LearnedOracle(Protocol):
    """An oracle that was fitted on measured values."""

    @property
    def measured(self) -> tuple[float, float] | None:
        """The least and the greatest value that it was fitted on, None if these are unknown."""


def measured_range(oracle: Oracle) -> tuple[float, float] | None:
    """The least and the greatest value that an oracle was fitted on, None if these are unknown."""
    return oracle.measured if isinstance(oracle, LearnedOracle) else None


def within_measured(value: float, lower: float, upper: float, measured: Sequence[float] | None) -> tuple[float, float]:
    """The ends of an interval; one that is wider than the measured range is cut to it, and then still holds the value.

    Examples
    --------
    >>> within_measured(0.5, -3.0, 4.0, (0.0, 1.0)), within_measured(1.5, 1.2, 1.8, (0.0, 1.0))
    ((0.0, 1.0), (1.2, 1.8))
    """
    if measured is None or upper - lower <= measured[1] - measured[0]:
        return lower, upper
    return max(lower, min(measured[0], value)), min(upper, max(measured[1], value))


class PredictionTally:
    """Counts of a predictor's scores, for notes. measured: the range of its training values, if that is known."""

    def __init__(self, name: str, measured: Sequence[float] | None) -> None:
        self.name, self.measured = name, measured
        self.known = self.outside = self.whole = 0

    def look(self, scores: Iterable[Score]) -> None:
        for one in scores:
            if one.value is None:
                continue
            self.known += 1
            self.outside += one.in_domain is False
            if self.measured is not None and one.lower is not None and one.upper is not None:
                low, high = self.measured
                self.whole += one.upper - one.lower >= high - low or (one.lower <= low and one.upper >= high)

    @property
    def notes(self) -> list[str]:
        """On intervals that say nothing, and on items that are mostly outside of the domain."""
        found = []
        if 2 * self.outside > self.known:
            found.append(
                f"{self.outside} of {self.known} items are outside the domain of the predictor '{self.name}' (column "
                f"{self.name}_in_domain): its values and intervals have no guarantee there"
            )
        if self.whole and self.measured is not None:
            found.append(
                f"for {self.whole} of {self.known} items the interval of '{self.name}' would be wider than all that "
                f"was measured, and is cut to it ({self.measured[0]:.3g} to {self.measured[1]:.3g}): nothing is known "
                "of these"
            )
        return found


def tally_notes(tallies: Mapping[str, PredictionTally]) -> list[str]:
    """The notes of all predictors."""
    return [note for one in tallies.values() for note in one.notes]


@runtime_checkable
class ProgramOracle(Protocol):
    """An oracle that runs a program.

    Its scores are worth a file: `identity` names them there. `wave` is the number of items after which they are stored.
    """

    @property
    def identity(self) -> str: ...

    @property
    def wave(self) -> int: ...


Scored = Callable[[int], None]
"""Called during a call of an oracle with the number of items that it has scored since the last time."""


def not_reported(count: int) -> None:
    """A `Scored` that does nothing."""


@runtime_checkable
class ReportingOracle(Protocol):
    """An oracle whose calls may take long. `reporting(scored)` is the same oracle, which calls `scored` meanwhile; None
    if it can't."""

    def reporting(self, scored: Scored) -> Oracle | None: ...


@runtime_checkable
class ParallelOracle(Protocol):
    """An oracle that uses several cores by itself. `on_threads(n)` is the same oracle on n of them; 0 is all."""

    def on_threads(self, threads: int) -> Oracle: ...


class OracleAround:
    """A wrapper of another oracle, with its name, unit and direction."""

    oracle: Oracle

    @property
    def name(self) -> str:
        return self.oracle.name

    @property
    def unit(self) -> str:
        return self.oracle.unit

    @property
    def direction(self) -> Direction | None:
        return self.oracle.direction

    @property
    def measured(self) -> tuple[float, float] | None:
        """The least and the greatest value that it was fitted on, None if these are unknown."""
        return measured_range(self.oracle)


@dataclass(frozen=True)
class FunctionOracle:
    """An oracle from a function `item -> float`; an exception is recorded as the item's failure."""

    name: str
    function: Callable[[Any], float]
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Any]) -> list[Score]:
        return [self._score_one(item) for item in items]

    def _score_one(self, item: Any) -> Score:
        signal.siginterrupt(signal.SIGINT, True)  # a search by RDKit may have left it so that no wait is interrupted
        try:
            value = float(self.function(item))
        except Exception as error:  # third-party code: the error is recorded as the item's failure
            return failed_by(error)
        return Score(value) if value == value else Score(None, failure="not a number")


@dataclass(frozen=True)
class ArrayOracle:
    """An oracle from a function of many items at once, `items -> [item]`; NaN means that the item failed. unknown: the
    usual reason, if there is one."""

    name: str
    function: Callable[[Sequence[Any]], Float[np.ndarray, " item"]]
    unit: str = ""
    direction: Direction | None = None
    unknown: str = ""

    def score(self, items: Sequence[Any]) -> list[Score]:
        values = np.asarray(self.function(items), float).tolist()
        why = f"can't be computed: {self.unknown}" if self.unknown else "can't be computed"
        return [Score(value) if value == value else Score(None, failure=why) for value in values]


@dataclass(frozen=True)
class ProbabilityOracle(OracleAround):
    """A regressor of labels 0 and 1 as a classifier: the probability of 1, without the interval of the label.

    Examples
    --------
    >>> from sciencegen.scoring.oracles import FunctionOracle, ProbabilityOracle
    >>> oracle = ProbabilityOracle(FunctionOracle("active", lambda item: item))
    >>> [score.value for score in oracle.score([-0.1, 0.4, 1.2])]
    [0.0, 0.4, 1.0]
    """

    oracle: Oracle

    @property
    def direction(self) -> Direction | None:
        return "maximize"

    def score(self, items: Sequence[Any]) -> list[Score]:
        return [
            one if one.value is None else Score(min(max(one.value, 0.0), 1.0), in_domain=one.in_domain)
            for one in self.oracle.score(items)
        ]


def with_annotations(names: Sequence[str], annotated: Collection[str]) -> list[str]:
    """Columns of a table of scores.

    Examples
    --------
    >>> with_annotations(["qed", "fitness"], annotated=["fitness"])
    ['qed', 'fitness', 'fitness_lower', 'fitness_upper', 'fitness_in_domain']
    """
    annotations = {name: [f"{name}_{part}" for part in ANNOTATIONS] for name in annotated}
    return [column for name in names for column in (name, *annotations.get(name, ()))]


# Applies an oracle that was trained on observed items (with blur and noise) to items without blur and noise.


SEED = 0
"""Seed of the noise of observations, together with the item's identity: equal items get equal scores."""


class ForwardModel(Protocol):
    """How an instrument observed the training items."""

    def observed(self, items: Sequence[Any], seed: int) -> list[Any]:
        """The observation of each item, or a Refusal; an item that is observed already is returned unchanged."""


@dataclass(frozen=True)
class ForwardModelOracle(OracleAround):
    """Scores the observation of each item, since an oracle trained on observed items is valid only for these.

    Parameters
    ----------
    oracle : Oracle
        Trained on observed items.
    observing : ForwardModel
        Makes observations of the same kind.

    Examples
    --------
    >>> from sciencegen.scoring.oracles import FunctionOracle
    >>> class Offset:
    ...     def observed(self, items, seed):
    ...         return [item + 1 for item in items]
    >>> ForwardModelOracle(FunctionOracle("twice", lambda x: 2 * x), Offset()).score([3])[0].value
    8.0
    """

    oracle: Oracle
    observing: ForwardModel

    def score(self, items: Sequence[Any]) -> list[Score]:
        observations = self.observing.observed(items, SEED)
        reasons = [one.reason if isinstance(one, Refusal) else None for one in observations]
        found = iter(self.oracle.score([one for one, why in zip(observations, reasons, strict=True) if why is None]))
        return [next(found) if why is None else Score(None, failure=why) for why in reasons]
