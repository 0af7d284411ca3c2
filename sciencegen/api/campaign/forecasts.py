"""Forecasts of a plate's hits: what is said of the next plate, and how those of earlier plates did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sciencegen.api.campaign.controls import CONTROL
from sciencegen.api.campaign.journal_items import measured_by_key
from sciencegen.optimization.forecast import Forecast, read_forecast
from sciencegen.optimization.journal import Journal
from sciencegen.optimization.misfit import PlateError, plate_error

SHOWN = 3
"""Number of earlier forecasts that a note names."""


@dataclass(frozen=True)
class Outcome:
    """A forecast and what was measured since. hits: among the measured items. pending: items without a value, or with
    a bound that may be a hit or not."""

    round: int
    forecast: Forecast
    hits: int
    pending: int

    @property
    def held(self) -> bool | None:
        """Whether the number of hits is inside its interval; None as long as pending items decide that."""
        lower, upper = self.forecast.lower, self.forecast.upper
        if lower <= self.hits and self.hits + self.pending <= upper:
            return True
        return False if self.hits > upper or self.hits + self.pending < lower else None


def outcomes(journal: Journal, keys: Mapping[str, str], minimize: bool) -> list[Outcome]:
    """The forecasts of a journal by round, of plates with any measured item. keys: text of an item -> its key."""
    known, found = measured_by_key(journal, keys), []
    for number, text in {entry.round: entry.forecast for entry in journal.planned if entry.forecast}.items():
        plate = {keys[one.item] for one in journal.planned if one.round == number and one.source != CONTROL}
        forecast = read_forecast(text, f"the journal's column `forecast`, round {number}")
        if measured := [known[key] for key in plate if key in known]:
            hits = [one.is_hit(forecast.threshold, minimize) for one in measured]
            found.append(Outcome(number, forecast, hits.count(True), len(plate) - len(measured) + hits.count(None)))
    return sorted(found, key=lambda one: one.round)


def plate_errors(journal: Journal, keys: Mapping[str, str], minimize: bool) -> list[PlateError]:
    """How far the measured items of each plate are from what was predicted; bounds don't count. keys: text of an item
    -> its key."""
    known, plates = measured_by_key(journal, keys), dict[int, list[tuple[float, ...]]]()
    for one in journal.planned:
        found = known.get(keys[one.item])
        if found is not None and found.limits is None and one.source != CONTROL:
            ends = [math.nan if end is None else end for end in (one.predicted, one.lower, one.upper)]
            plates.setdefault(one.round, []).append((found.value, *ends))
    numbers = (np.array(rows).T for rows in plates.values())
    errors = [plate_error(values, ends, minimize) for values, *ends in numbers]
    return [one for one in errors if one is not None]


def forecast_notes(forecast: Forecast, past: Sequence[Outcome], target: str, minimize: bool) -> list[str]:
    """Notes on the hits to expect, and on earlier forecasts."""
    sign, better = ("<=", "below") if minimize else (">=", "above")
    found = [
        f"of the plate's {forecast.items} items {forecast.expected:.1f} are expected to be hits ({target} {sign} "
        f"{forecast.threshold:.3g}), {forecast.lower} to {forecast.upper} with a probability of 90%; one is {better} "
        f"the best measured value, {forecast.best:.3g}, with a probability of {forecast.beats_best:.2g}"
    ]
    if not past:
        return found
    decided = [one.held for one in past if one.held is not None]
    last = "; ".join(
        f"round {one.round} {one.forecast.expected:.1f} expected ({one.forecast.lower} to {one.forecast.upper}), "
        f"{one.hits} found" + (f", {one.pending} pending" if one.pending else "")
        for one in past[-SHOWN:]
    )
    return [*found, f"{sum(decided)} of {len(decided)} earlier forecasts of hits held: {last}"]


def forecast_summary(forecast: Forecast | None, past: Sequence[Outcome]) -> dict[str, Any]:
    """The forecast, and a record for each earlier one."""
    return {
        "forecast": None if forecast is None else asdict(forecast),
        "past_forecasts": [
            {"round": one.round, **asdict(one.forecast), "hits": one.hits, "pending": one.pending, "held": one.held}
            for one in past
        ],
    }
