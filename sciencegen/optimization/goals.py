"""Goals as text: `maximize qed`, `sa <= 3`, `logp in 1..3`, `similarity to CCO >= 0.4`, and `fitness in domain`
(the item is like the training items of a predictor).

The left side names an oracle and is kept unchanged; the domain resolves it. `goals` and `where` share
this grammar; a condition is a goal that isn't `maximize` or `minimize`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sciencegen.errors import ConfigError
from sciencegen.items import Direction
from sciencegen.scoring.oracles import Score

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_OBJECTIVE = re.compile(r"^(?P<direction>maximi[sz]e|minimi[sz]e)\s+(?P<name>\S.*)$", re.IGNORECASE)
_RANGE = re.compile(rf"^(?P<name>\S.*?)\s+in\s+(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})$", re.IGNORECASE)
_MISWRITTEN_RANGE = re.compile(
    rf"^(?P<name>\S.*?)\s+in\s+[\[(]?(?P<low>{_NUMBER})\s*(?:-|–|to|,|:|;)\s*(?P<high>{_NUMBER})[\])]?$", re.IGNORECASE
)
"""A range as other notations write it."""
_BETWEEN = re.compile(rf"^(?P<low>{_NUMBER})\s*<=\s*(?P<name>\S.*?)\s*<=\s*(?P<high>{_NUMBER})$")
_BOUND = re.compile(rf"^(?P<name>\S.*?)\s*(?P<sign><=|>=)\s*(?P<bound>{_NUMBER})$")
_EQUAL = re.compile(
    rf"^(?P<name>\S.*?)\s*(?<![<>=!])=\s*(?P<bound>{_NUMBER})(?:\s*(?:\+-|\+/-|±)\s*(?P<tolerance>{_NUMBER}))?$"
)
_NO_NUMBER = re.compile(r"^[^<>=!]*[^<>=!\s]\s*(?P<sign><=|>=|=)\s*(?P<rest>[^<>=!\s].*)$")
"""A comparison with something else than a number."""
_CLASS = re.compile(r"(?P<column>[^<>=!]*[^<>=!\s])\s*=\s*(?P<text>[^<>=!]*[^<>=!\s])")
_NUMBER_ASKED = re.compile(rf"{_NUMBER}(\s*(\+-|\+/-|±).*)?")
"""A number, perhaps with a tolerance."""
_IN_DOMAIN = re.compile(r"^(?P<name>\S.*?)\s+in\s+domain$", re.IGNORECASE)
_ROUNDING = 1e-9
"""Half-width of an `=` without a tolerance: exact, up to the rounding of decimal input."""

CONDITIONS = "'NAME <= 3', 'NAME >= 1', 'NAME in 1..3' or 'NAME = 2'"
GRAMMAR = f"'maximize NAME', 'minimize NAME', {CONDITIONS}, 'NAME in domain'"


@dataclass(frozen=True)
class Goal:
    """An objective (`direction` given) or a constraint low <= value <= high.

    text: as the user wrote it. name: the oracle expression, unchanged.
    scale: typical size of a difference in this quantity; gains and violations are divided by it before they are summed.
    in_domain: whether the goal is that the item is like the oracle's training items, whatever its value.
    """

    text: str
    name: str
    direction: Direction | None = None
    low: float = -math.inf
    high: float = math.inf
    scale: float = 1.0
    in_domain: bool = False

    @property
    def is_objective(self) -> bool:
        return self.direction is not None

    @property
    def is_constraint(self) -> bool:
        """Whether the value must lie in [low, high]."""
        return not (self.is_objective or self.in_domain)

    def gain(self, value: float) -> float:
        """The value with the sign that makes larger better."""
        return -value if self.direction == "minimize" else value

    def violation(self, value: float) -> float:
        """Distance to [low, high] in units of `scale`; 0 where the constraint holds."""
        return max(self.low - value, value - self.high, 0.0) / self.scale

    def violation_of(self, score: Score, cautious: bool = False) -> float:
        """The violation of a score's value, or of the worse end of its interval; 1 for an item outside the domain."""
        if self.in_domain:
            return float(score.in_domain is False)
        return self.violation(self.value_of(score, cautious))

    def value_of(self, score: Score, cautious: bool) -> float:
        return self.cautious_value(score) if cautious else float("nan" if score.value is None else score.value)

    def satisfied(self, value: float) -> bool:
        """Whether a value meets the constraint. NaN never does; any other value meets an objective."""
        return self.low <= value <= self.high

    def cautious_value(self, score: Score) -> float:
        """The end of the score's interval that is worse for this goal; the value itself if there is no interval."""
        value = math.nan if score.value is None else score.value
        lower = value if score.lower is None else score.lower
        upper = value if score.upper is None else score.upper
        if self.is_objective:
            return upper if self.direction == "minimize" else lower
        return max((lower, upper), key=self.violation)


def desirability(goals: Sequence[Goal], scores: Mapping[str, Score], cautious: bool = False) -> float:
    """The objectives' gains minus the constraints' violations, each divided by its goal's scale.

    Parameters
    ----------
    goals : sequence of Goal
    scores : mapping
        The score of each goal's name.
    cautious : bool
        Whether each goal is scored by the worse end of its score's interval.

    Returns
    -------
    float
        NaN where a score failed.

    Examples
    --------
    >>> goals = parse_goals(["maximize qed", "sa <= 4"])
    >>> desirability(goals, {"qed": Score(0.9), "sa": Score(5.0)})
    0.65
    """
    if any(scores[goal.name].failed for goal in goals):
        return math.nan
    gains = [goal.gain(goal.value_of(scores[goal.name], cautious)) / goal.scale for goal in goals if goal.is_objective]
    others = [goal.violation_of(scores[goal.name], cautious) for goal in goals if not goal.is_objective]
    return sum(gains) - sum(others, 0.0)


INDICATOR = ":"
"""`city:Oslo` is 1 where the city is Oslo, 0 where it is another, and missing where it is unknown."""


def indicator(column: str, category: str) -> str:
    """The name of the number that says whether a column of texts holds a category."""
    return f"{column}{INDICATOR}{category}"


def class_as_number(text: str) -> str:
    """A condition on a column of texts as one on the number of the class; others are unchanged.

    Examples
    --------
    >>> class_as_number("city = Oslo"), class_as_number("age = 40")
    ('city:Oslo = 1', 'age = 40')
    """
    found = _CLASS.fullmatch(text.strip())
    if found is None or _NUMBER_ASKED.fullmatch(found["text"]):
        return text
    return f"{indicator(found['column'], found['text'])} = 1"


def parse_goal(
    text: str,
    tolerances: Mapping[str, float] | None = None,
    scales: Mapping[str, float] | None = None,
    expected: str = f"a goal like {GRAMMAR}",
) -> Goal:
    """Parse a goal. tolerances: half-width of `=` by name (`= 2.5 +- 0.2` overrides it). scales: see `Goal.scale`."""
    stripped = " ".join(text.split())
    if match := _OBJECTIVE.match(stripped):
        direction: Direction = "maximize" if match["direction"].lower().startswith("max") else "minimize"
        name = match["name"]
        return Goal(text, name, direction, scale=(scales or {}).get(name, 1.0))
    if match := _IN_DOMAIN.match(stripped):
        return Goal(text, match["name"], in_domain=True)
    name, low, high = _parse_interval(text, stripped, tolerances or {}, expected)
    return Goal(text, name, None, low, high, (scales or {}).get(name) or _default_scale(low, high))


def parse_condition(
    text: str, tolerances: Mapping[str, float] | None = None, scales: Mapping[str, float] | None = None
) -> Goal:
    """Parse a goal that must be a constraint (`where`)."""
    goal = parse_goal(text, tolerances, scales, f"a condition like {CONDITIONS}")
    if goal.is_objective or goal.in_domain:
        raise ConfigError(f"Expected a condition such as '{goal.name} >= 1' or '{goal.name} in 1..3', got '{text}'.")
    return goal


def parse_goals(
    texts: Sequence[str], tolerances: Mapping[str, float] | None = None, scales: Mapping[str, float] | None = None
) -> list[Goal]:
    """Parse several goals; each objective may occur once, and constraints on one oracle must have a common value."""
    goals = [parse_goal(text, tolerances, scales) for text in texts]
    if not goals:
        raise ConfigError(f"Expected at least one goal, got none. Pass `goals` with {GRAMMAR}.")
    objectives = [goal.name for goal in goals if goal.is_objective]
    twice = sorted({name for name in objectives if objectives.count(name) > 1})
    if twice:
        raise ConfigError(f"Expected each objective once, got {', '.join(twice)} more than once. Remove all but one.")
    check_consistent([goal for goal in goals if goal.is_constraint])
    return goals


def target_names(goals: Sequence[Goal]) -> list[str]:
    """The names of goals, each once.

    Examples
    --------
    >>> target_names(parse_goals(["maximize a", "minimize b", "a >= 1"]))
    ['a', 'b']
    """
    return list(dict.fromkeys(goal.name for goal in goals))


def check_consistent(constraints: Sequence[Goal]) -> None:
    """Raise an error for two constraints on one oracle that no value can meet together."""
    for one, other in combinations(constraints, 2):
        if one.name == other.name and max(one.low, other.low) > min(one.high, other.high):
            raise ConfigError(
                f"Expected goals that one value of {one.name} can meet, got '{one.text}' and '{other.text}', which "
                "exclude each other. Remove or change one of them."
            )


def _parse_interval(
    text: str, stripped: str, tolerances: Mapping[str, float], expected: str
) -> tuple[str, float, float]:
    if match := _RANGE.match(stripped) or _BETWEEN.match(stripped):
        low, high = float(match["low"]), float(match["high"])
        if low > high:
            raise ConfigError(
                f"Expected a range from low to high, got '{text}'. Write '{match['name']} in {high:g}..{low:g}'."
            )
        return match["name"], low, high
    if match := _BOUND.match(stripped):
        bound = float(match["bound"])
        return (match["name"], -math.inf, bound) if match["sign"] == "<=" else (match["name"], bound, math.inf)
    if match := _EQUAL.match(stripped):
        bound, tolerance = float(match["bound"]), match["tolerance"]
        width = abs(float(tolerance)) if tolerance else tolerances.get(match["name"], 0.0)
        width = max(width, _ROUNDING)
        return match["name"], bound - width, bound + width
    raise ConfigError(f"Expected {expected}, got '{text}'. {_remedy(stripped)}".strip())


def _remedy(stripped: str) -> str:
    """How to write what was probably meant, "" if that isn't known."""
    if match := _MISWRITTEN_RANGE.match(stripped):
        low, high = sorted((match["low"], match["high"]), key=float)
        return f"Write '{match['name']} in {low}..{high}'."
    if match := _NO_NUMBER.match(stripped):
        return f"A number is expected after '{match['sign']}', found '{match['rest'][:40]}'."
    return "Strict '<' and '>' aren't known: use '<=' or '>='." if re.search(r"[<>](?!=)", stripped) else ""


def _default_scale(low: float, high: float) -> float:
    """The width of a range, else the magnitude of the bound, so that violations are relative."""
    if math.isfinite(low) and math.isfinite(high) and high - low > 1e-6:
        return high - low
    bound = abs(low) if math.isfinite(low) else abs(high)
    return bound if bound > 1e-6 else 1.0
