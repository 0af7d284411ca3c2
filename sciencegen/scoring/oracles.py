"""What an oracle is: a batch of items in, one score each out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from sciencegen.items import Direction


@dataclass(frozen=True, slots=True)
class Score:
    """One judgement. A failure is a failure, never a score: `value` is None then and `failure` says why.

    in_domain: whether the item is of the kind that the oracle was made for; None where that is unknown.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    failure: str | None = None
    in_domain: bool | None = None

    @property
    def failed(self) -> bool:
        return self.value is None


ANNOTATIONS = ("lower", "upper", "in_domain")
"""Fields of a score beside its value: the columns `<name>_lower`, `<name>_upper`, `<name>_in_domain` of a table."""


def beside(name: str, score: Score) -> dict[str, float | bool | None]:
    """The columns of what may be said of a value: `<name>_lower`, `<name>_upper`, `<name>_in_domain`."""
    return {f"{name}_lower": score.lower, f"{name}_upper": score.upper, f"{name}_in_domain": score.in_domain}


def cells_of(name: str, score: Score) -> dict[str, float | bool | None]:
    """The value's column and those of `beside`."""
    return {name: score.value, **beside(name, score)}


@runtime_checkable
class Oracle(Protocol):
    """Scores a batch; `unit` is "" for a pure number and `direction` is None where neither end is better."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def direction(self) -> Direction | None: ...

    def score(self, items: Sequence[Any]) -> list[Score]: ...


@runtime_checkable
class LearnedOracle(Protocol):
    """An oracle that learned from measured values."""

    @property
    def measured(self) -> tuple[float, float] | None:
        """The least and the greatest value that it learned from, None where these are unknown."""


def measured_range(oracle: Oracle) -> tuple[float, float] | None:
    """The least and the greatest value that an oracle learned from, None where these are unknown."""
    return oracle.measured if isinstance(oracle, LearnedOracle) else None


@runtime_checkable
class IdentifiedOracle(Protocol):
    """An oracle with an identity of its own in a cache."""

    @property
    def identity(self) -> str: ...


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
        """The least and the greatest value that it learned from, None where these are unknown."""
        return measured_range(self.oracle)


@dataclass(frozen=True)
class FunctionOracle:
    """An oracle of one function `item -> float`; an exception in it is that item's failure."""

    name: str
    function: Callable[[Any], float]
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Any]) -> list[Score]:
        return [self._score_one(item) for item in items]

    def _score_one(self, item: Any) -> Score:
        try:
            value = float(self.function(item))
        except Exception as error:  # an oracle may be third-party code: its error belongs to this item
            return Score(None, failure=f"{type(error).__name__}: {error}")
        return Score(value) if value == value else Score(None, failure="not a number")


@dataclass(frozen=True)
class ArrayOracle:
    """An oracle of a function of many items at once, `items -> [item]`; NaN is an item's failure."""

    name: str
    function: Callable[[Sequence[Any]], Float[np.ndarray, " item"]]
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Any]) -> list[Score]:
        values = np.asarray(self.function(items), float).tolist()
        return [Score(value) if value == value else Score(None, failure="can't be computed") for value in values]


def with_annotations(names: Sequence[str], annotated: Collection[str]) -> list[str]:
    """Columns of a table of scores.

    Examples
    --------
    >>> with_annotations(["qed", "fitness"], annotated=["fitness"])
    ['qed', 'fitness', 'fitness_lower', 'fitness_upper', 'fitness_in_domain']
    """
    annotations = {name: [f"{name}_{part}" for part in ANNOTATIONS] for name in annotated}
    return [column for name in names for column in (name, *annotations.get(name, ()))]
