"""Measurements of a campaign by item: the mean of replicates, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciencegen.optimization.journal import Entry

FAR = 5.0
"""In standard deviations of one measurement: two replicates differ by more than this in one item of 2,400."""
FEWEST_SPARE = 3
"""Fewest degrees of freedom (replicates of other items beyond the first of each) to estimate this deviation."""


@dataclass(frozen=True)
class Measurement:
    """An item's mean value. error: of the mean, NaN where it is unknown. round: of its first measurement."""

    text: str
    item: Any
    value: float
    error: float
    replicates: int
    round: int


def averaged(entries: Sequence[Entry], keys: Sequence[str], items: Sequence[Any]) -> list[Measurement]:
    """One measurement for each key, in order of first appearance.

    value = sum_i y_i / n
    error = max(s / sqrt(n), sqrt(sum_i e_i^2) / n)

    s: the replicates' standard deviation, pooled over all items that have any (it estimates one method's noise better
    than two replicates of one item do). e_i: the stated errors.
    """
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    values = np.array([entry.value for entry in entries], float)
    stated = np.array([math.nan if entry.value_sd is None else entry.value_sd for entry in entries])
    spread = pooled_deviation([values[rows] for rows in groups.values() if len(rows) > 1])
    found = []
    for rows in groups.values():
        n = len(rows)
        by_spread = spread / math.sqrt(n)
        by_statement = math.sqrt(float(np.square(stated[rows]).sum())) / n if n > 1 else abs(float(stated[rows[0]]))
        value = float(values[rows].mean() if n > 1 else values[rows[0]])  # a mean of one is slow for many items
        known_errors = [error for error in (by_spread, by_statement) if error == error]
        first = entries[rows[0]]
        error = max(known_errors) if known_errors else math.nan
        found.append(Measurement(first.item, items[rows[0]], value, error, n, first.round))
    return found


def discordant(entries: Sequence[Entry], keys: Sequence[str]) -> list[str]:
    """Keys of items whose replicates differ by more than FAR times the expected error of one measurement.

    The expected error is the greater of the pooled standard deviation of all other items' replicates and the root mean
    square of the item's stated errors. If neither is known, the limit is the standard deviation of all items' means.
    """
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
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
