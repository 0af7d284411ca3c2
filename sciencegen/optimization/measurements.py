"""Measurements of a campaign by item: the mean of replicates, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciencegen.optimization.journal import Entry

LEAST_MEASURED = 3
"""Fewest measured items that a model is fitted to."""
FAR = 5.0
"""In standard deviations of one measurement: two replicates differ by more than this in one item of 2,400."""
FEWEST_SPARE = 3
"""Fewest degrees of freedom (replicates of other items beyond the first of each) to estimate this deviation."""


@dataclass(frozen=True)
class Measurement:
    """An item's mean value. error: of the mean, NaN where it is unknown. round: of its first measurement. limits: ends
    of the interval of a censored value, which is the bound then; None for a number. parameters: as in
    `journal.Entry`."""

    text: str
    item: Any
    value: float
    error: float
    replicates: int
    round: int
    limits: tuple[float, float] | None = None
    parameters: str = ""

    def is_hit(self, threshold: float, minimize: bool) -> bool | None:
        """Whether it is at least as good as the threshold; None if its limits leave that open."""
        low, high = self.limits or (self.value, self.value)
        least, most = (-high, -low) if minimize else (low, high)
        wanted = -threshold if minimize else threshold
        return True if least >= wanted else False if most < wanted else None

    def is_reached(self, minimize: bool) -> bool:
        """Whether it is at least as good as its value."""
        low, high = self.limits or (self.value, self.value)
        return high <= self.value if minimize else low >= self.value

    def agrees(self, lower: float, upper: float) -> bool:
        """Whether it may lie in an interval."""
        low, high = self.limits or (self.value, self.value)
        return low <= upper and lower <= high

    @property
    def text_of_value(self) -> str:
        """The value, or its bound: `>5`."""
        if self.limits is None:
            return f"{self.value:.3g}"
        low, high = self.limits
        return f">{low:.3g}" if math.isinf(high) else f"<{high:.3g}" if math.isinf(low) else f"{low:.3g} to {high:.3g}"


def averaged(entries: Sequence[Entry], keys: Sequence[str], items: Sequence[Any]) -> list[Measurement]:
    """One measurement for each key, in order of first appearance.

    value = sum_i y_i / n
    error = max(s / sqrt(n), sqrt(sum_i e_i^2) / n)

    s: the replicates' standard deviation, pooled over all items that have any (it estimates one method's noise better
    than two replicates of one item do). e_i: the stated errors.

    Bounds of an item that has numbers too are left out. Several bounds of one item are its limits; if they exclude each
    other, the mean of their ends counts as a number.
    """
    groups = _groups(keys)
    exact = np.array([not entry.bound for entry in entries], bool)
    values = np.array([entry.value for entry in entries], float)
    stated = np.array([math.nan if entry.value_sd is None else entry.value_sd for entry in entries])
    numbers = {key: [row for row in rows if exact[row]] for key, rows in groups.items()}
    spread = pooled_deviation([values[rows] for rows in numbers.values() if len(rows) > 1])
    found = []
    for key, every in groups.items():
        if not numbers[key]:
            found.append(_censored([entries[row] for row in every], items[every[0]], spread))
            continue
        rows = numbers[key]
        n = len(rows)
        by_spread = spread / math.sqrt(n)
        by_statement = math.sqrt(float(np.square(stated[rows]).sum())) / n if n > 1 else abs(float(stated[rows[0]]))
        value = float(values[rows].mean() if n > 1 else values[rows[0]])  # a mean of one is slow for many items
        known_errors = [error for error in (by_spread, by_statement) if error == error]
        first = entries[every[0]]
        error = max(known_errors) if known_errors else math.nan
        item = items[every[0]]
        found.append(Measurement(first.item, item, value, error, n, first.round, parameters=first.parameters))
    return found


def _groups(keys: Sequence[str]) -> dict[str, list[int]]:
    """The rows of each key."""
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return groups


def _censored(entries: Sequence[Entry], item: Any, spread: float) -> Measurement:
    """The measurement of an item that has only bounds. spread: standard deviation of one measurement, or NaN."""
    ends = [(one.bound, float("nan" if one.value is None else one.value)) for one in entries]
    low = max((value for sign, value in ends if sign == ">"), default=-math.inf)
    high = min((value for sign, value in ends if sign == "<"), default=math.inf)
    stated = [one.value_sd for one in entries if one.value_sd is not None]
    error = max((one for one in (spread, *stated) if one == one), default=math.nan)
    value = (low + high) / 2 if math.isfinite(low) and math.isfinite(high) else low if math.isfinite(low) else high
    limits = (low, high) if low < high else None
    first = entries[0]
    return Measurement(first.item, item, value, error, 1, first.round, limits, first.parameters)


def settled_values(measured: Sequence[Measurement], minimize: bool) -> list[float]:
    """Values that are certainly reached: bounds on the good side don't count as values that good, but as the worst.

    Examples
    --------
    >>> bounded = Measurement("b", "b", 5.0, math.nan, 1, 1, (-math.inf, 5.0))
    >>> known = [Measurement("a", "a", 1.0, math.nan, 1, 1), bounded]
    >>> settled_values(known, minimize=False), settled_values(known, minimize=True)
    ([1.0, 1.0], [1.0, 5.0])
    """
    worst = (max if minimize else min)((one.value for one in measured), default=math.nan)
    return [one.value if one.is_reached(minimize) else worst for one in measured]


def discordant(entries: Sequence[Entry], keys: Sequence[str]) -> list[str]:
    """Keys of items whose replicates differ by more than FAR times the expected error of one measurement.

    The expected error is the greater of the pooled standard deviation of all other items' replicates and the root mean
    square of the item's stated errors. If neither is known, the limit is the standard deviation of all items' means.
    """
    numbers = [row for row, entry in enumerate(entries) if not entry.bound]
    entries, groups = [entries[row] for row in numbers], _groups([keys[row] for row in numbers])
    values = np.array([entry.value for entry in entries], float)
    stated = np.array([math.nan if entry.value_sd is None else entry.value_sd for entry in entries])
    spare = len(values) - len(groups)
    if not spare:
        return []
    squares = {key: float(np.square(values[rows] - values[rows].mean()).sum()) for key, rows in groups.items()}
    total = sum(squares.values())
    among = float(np.std([values[rows].mean() for rows in groups.values()]))
    found = []
    for key, rows in groups.items():
        others = spare - (len(rows) - 1)
        deviations = [math.sqrt(float(np.square(stated[rows]).mean()))]
        if others >= FEWEST_SPARE:
            deviations.append(math.sqrt(max(total - squares[key], 0.0) / others))
        limit = FAR * max((one for one in deviations if one > 0), default=among / FAR)
        if len(rows) > 1 and limit > 0 and float(np.ptp(values[rows])) > limit:
            found.append(key)
    return found


def typical_variance(errors: np.ndarray) -> float:
    """median_i e_i^2, where an error that is not stated counts as 0."""
    return float(np.median(np.nan_to_num(np.square(errors))))


def pooled_deviation(groups: Sequence[np.ndarray]) -> float:
    """sqrt(sum_g (n_g - 1) s_g^2 / sum_g (n_g - 1)); NaN without replicates."""
    squares = sum(float(np.square(group - group.mean()).sum()) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    return math.sqrt(squares / freedom) if freedom else math.nan
