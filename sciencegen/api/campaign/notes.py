"""Notes on a plate for the user to read before it is measured, and its summary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Bool

from sciencegen.api.campaign.journal_items import CONTROL, count_unread, measured_by_key, rejected, values_by_key
from sciencegen.api.science import align
from sciencegen.api.search import IN_DOMAIN
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.items import Item
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.forecast import Forecast, default_threshold, read_forecast
from sciencegen.optimization.journal import Entry, Journal
from sciencegen.optimization.measurements import Measurement, pooled_deviation, settled_values
from sciencegen.optimization.posterior import PlateError, plate_error

# Notes on what was measured.


def without_value(proposed: int, listed: int) -> list[str]:
    """Notes on items without a value: those of plates, and those that only a measured table lists."""
    kinds = [(proposed, "proposed item", "", " again"), (listed, "item", " of the measured tables", "")]
    return [
        f"{count} {what}{place} has no value yet and is not proposed{again}"
        if count == 1
        else f"{count} {what}s{place} have no value yet and are not proposed{again}"
        for count, what, place, again in kinds
        if count
    ]


LOOKED_AT = 1000
"""Items of a pool, the first ones."""


def implausible_notes(science: Domain, pool: Sequence[Item]) -> list[str]:
    """A note on items that a user has given and that are left out as implausible."""
    items, plausible = pool[:LOOKED_AT], None if science.moves is None else science.moves.plausible
    odd = [] if plausible is None else [one for one in items if not plausible(one)]
    if science.moves is None or not odd:
        return []
    text = science.items.text(odd[0])
    groups = [name.partition(" [")[0] for name in science.moves.implausible_groups(text)]
    return [
        f"{len(odd)} of {'the first ' if len(items) < len(pool) else ''}{len(items)} items of the pool are left out as "
        f"implausible, such as {text}{' (' + ', '.join(groups) + ')' if groups else ''}; --allow-implausible takes them"
    ]


def contradictions(names: Sequence[str]) -> list[str]:
    """A warning that replicates of these items contradict each other, or []."""
    if not names:
        return []
    shown = ", ".join(name[:60] for name in names[:5]) + (" ..." if len(names) > 5 else "")
    return [
        f"Replicates of {len(names)} measured item{'s' if len(names) > 1 else ''} differ far beyond the error of a "
        f"measurement: {shown}. Their mean lies between values that can't both be right; check them."
    ]


def unread_notes(
    science: Domain, waiting: Sequence[Item], refused: Sequence[Refused], journal: str | None, target: str,
    reference: Reference | None,
) -> list[str]:  # fmt: skip
    """A note on pending items that have a value which is no number. refused: rows of the measured tables."""
    listed = [] if journal is None else list(rejected(journal))
    texts = [(science.items.text(item), "") for item in waiting]
    count = count_unread(science, texts, [*refused, *listed], target, reference)
    place = " or ".join([f"{journal}.rejects.csv"] * bool(listed) + ["the measured tables"] * bool(refused))
    has, not_used = ("has", "it is not used") if count == 1 else ("have", "they are not used")
    note = f"{count} of the items without a value {has} an entry in {place} that is no number: {not_used}"
    return [note] if count else []


def front_notes(front: int, whole: int, lacking: int, known: int) -> list[str]:
    """Notes on the Pareto front of several targets. front: items on it, of those with all targets that meet the
    constraints (whole). lacking: of the known items those that lack a target."""
    found = []
    if known and not whole:
        found.append("no measured item has all targets and meets the constraints: the plate is picked by predictions")
    elif whole:
        found.append(f"{front} of {whole} measured items with all targets that meet the constraints are on the front")
    if lacking:
        found.append(f"{lacking} of {known} measured items lack a target; its model predicts them")
    return found


# Forecasts of a plate's hits: what is said of the next plate, and how those of earlier plates did.

SHOWN_FORECASTS = 3
"""Number of earlier forecasts that a note names."""


@dataclass(frozen=True)
class ForecastOutcome:
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


def outcomes(journal: Journal, keys: Mapping[str, str], minimize: bool) -> list[ForecastOutcome]:
    """The forecasts of a journal by round, of plates with any measured item. keys: text of an item -> its key."""
    known, found = measured_by_key(journal, keys), []
    for number, text in {entry.round: entry.forecast for entry in journal.planned if entry.forecast}.items():
        plate = {one.run(keys) for one in journal.planned if one.round == number and one.source != CONTROL}
        forecast = read_forecast(text, f"the journal's column `forecast`, round {number}")
        if measured := [known[key] for key in plate if key in known]:
            hits = [one.is_hit(forecast.threshold, minimize) for one in measured]
            found.append(
                ForecastOutcome(number, forecast, hits.count(True), len(plate) - len(measured) + hits.count(None))
            )
    return sorted(found, key=lambda one: one.round)


def plate_errors(journal: Journal, keys: Mapping[str, str], minimize: bool) -> list[PlateError]:
    """How far the measured items of each plate are from what was predicted; bounds don't count. keys: text of an item
    -> its key."""
    known, plates = measured_by_key(journal, keys), dict[int, list[tuple[float, ...]]]()
    for one in journal.planned:
        found = known.get(one.run(keys))
        if found is not None and found.limits is None and one.source != CONTROL:
            ends = [math.nan if end is None else end for end in (one.predicted, one.lower, one.upper)]
            plates.setdefault(one.round, []).append((found.value, *ends))
    numbers = (np.array(rows).T for rows in plates.values())
    errors = [plate_error(values, ends, minimize) for values, *ends in numbers]
    return [one for one in errors if one is not None]


def forecast_notes(forecast: Forecast, past: Sequence[ForecastOutcome], target: str, minimize: bool) -> list[str]:
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
        for one in past[-SHOWN_FORECASTS:]
    )
    return [*found, f"{sum(decided)} of {len(decided)} earlier forecasts of hits held: {last}"]


DEAD, NEAR = 0.1, 0.25
"""Shares of the way from the worst to the best measured value: up to the first an item counts as dead, up to the second
a threshold lies near the dead ones."""


def hit_threshold(
    values: Sequence[float], beside: Sequence[Measurement], minimize: bool, called: str
) -> tuple[float | None, list[str]]:
    """The value from which an item is a hit, unless the user says it, and notes; None for that of the best tenth.

    Parameters
    ----------
    values : sequence of float
        Of all measured items.
    beside : sequence of Measurement
        Of the wild type, or else of controls. The best of them is the threshold, if it is better than the best tenth.
    minimize : bool
    called : str
        What `beside` is.
    """
    if not values:
        return None, []
    usual, sign = default_threshold(values, minimize), -1.0 if minimize else 1.0
    if known := [one.value for one in beside if one.limits is None]:
        best = max(known, key=lambda value: sign * value)
        if sign * best <= sign * usual:
            return None, []
        return best, [
            f"a hit is at least as good as {called} ({best:.3g}), since the best tenth of the measured items begins at "
            f"{usual:.3g} (`hit` names another value)"
        ]
    ordered = sign * np.sort(sign * np.asarray(values))
    worst, top = ordered[0], ordered[-1]
    share = lambda value: (value - worst) / (top - worst) if top != worst else 1.0  # noqa: E731
    if share(np.median(ordered)) > DEAD or share(usual) > NEAR:
        return None, []
    return None, [
        f"most measured items lie near the worst value ({worst:.3g}), and so does the threshold of a hit, {usual:.3g}, "
        f"that of the best tenth (the best is {top:.3g}): pass `hit`, such as the value of the wild type"
    ]


def misplaced_wild_type(plate: Plate, target: str, known: Measurement | None) -> list[str]:
    """A note if the measured value of the wild type, the first of the plate's `extra` items, is outside the interval
    that the model has for it although it was told the value."""
    if target not in plate.extra or known is None:
        return []
    median, lower, upper = plate.extra[target][:, 0].tolist()
    if not np.isfinite(median) or known.agrees(lower, upper):
        return []
    return [
        f"the model expects the wild type at {median:.3g} ({lower:.3g} to {upper:.3g}), it was measured at "
        f"{known.text_of_value}: it doesn't describe the items around it. Check that value and the scale of the others "
        "before this plate is made"
    ]


def forecast_summary(forecast: Forecast | None, past: Sequence[ForecastOutcome]) -> dict[str, Any]:
    """The forecast, and a record for each earlier one."""
    return {
        "forecast": None if forecast is None else asdict(forecast),
        "past_forecasts": [
            {"round": one.round, **asdict(one.forecast), "hits": one.hits, "pending": one.pending, "held": one.held}
            for one in past
        ],
    }


# Why a round was poor, as far as the measurements tell.

NOISY = 0.5
"""Standard deviation of replicates, in those of all items' values, from which noise hides most differences."""
NO_SIGNAL, ENOUGH = 0.1, 20
"""Cross-validated rank correlation up to which a model has learned nothing, and measured items from which it counts."""
FEW_HELD, PREDICTED = 0.7, 8
"""Share of a round's values inside their 90% intervals below which the model errs more than it says, and the fewest
predicted items from which it counts."""


@dataclass(frozen=True)
class Evidence:
    """What the measurements say of the last round.

    Parameters
    ----------
    round : int
        The last round with a measured item that was predicted; 0 if there is none.
    improved : bool
        Whether one of its items is better than all before.
    held : float
        Share of its values inside their 90% intervals; NaN for fewer than `PREDICTED`.
    noise : float
        Pooled standard deviation of replicates, divided by that of the items' means; NaN without replicates.
    """

    round: int
    improved: bool
    held: float
    noise: float


def evidence(journal: Journal, keys: Mapping[str, str], minimize: bool) -> Evidence:
    """The evidence in a journal. keys: text of an item -> its key."""
    known, sign = measured_by_key(journal, keys), -1.0 if minimize else 1.0
    settled = settled_values(list(known.values()), minimize)
    means = {key: sign * value for key, value in zip(known, settled, strict=True)}
    plates = {one.run(keys): one for one in journal.planned if one.source != CONTROL and one.predicted is not None}
    measured = {key: plate for key, plate in plates.items() if key in means}
    number = max((one.round for one in measured.values()), default=0)
    last = {key: one for key, one in measured.items() if one.round == number}
    # those that were measured before this round, or beside its plate
    earlier = {one.run(keys) for one in journal.measured if one.round <= number} - set(last)
    improved = bool(last) and max(means[key] for key in last) > max((means[key] for key in earlier), default=-math.inf)
    return Evidence(number, improved, _held(last, known), _noise(list(values_by_key(journal, keys).values())))


def _held(last: Mapping[str, Entry], known: Mapping[str, Measurement]) -> float:
    inside = [
        known[key].agrees(one.lower, one.upper)
        for key, one in last.items()
        if one.lower is not None and one.upper is not None
    ]
    return float(np.mean(inside)) if len(inside) >= PREDICTED else math.nan


def _noise(groups: Sequence[Sequence[float]]) -> float:
    among = float(np.std([np.mean(one) for one in groups])) if groups else 0.0
    return pooled_deviation([np.array(one) for one in groups if len(one) > 1]) / among if among else math.nan


def causes(found: Evidence, correlation: float = math.nan, measured: int = 0) -> dict[str, str]:
    """Cause -> what it is seen by and what to change; {} if the last round improved the best value, or is the first.

    Parameters
    ----------
    found : Evidence
    correlation : float
        Cross-validated rank correlation of the model; NaN if unknown.
    measured : int
        Measured items.

    Examples
    --------
    >>> list(causes(Evidence(2, False, 0.5, 0.8), 0.02, 96))
    ['noise', 'no signal', 'out of domain']
    >>> causes(Evidence(2, True, 0.5, 0.8))
    {}
    """
    if not found.round or found.improved:
        return {}
    seen: dict[str, str] = {}
    if found.noise >= NOISY:
        seen["noise"] = (
            f"replicates differ by a standard deviation of {found.noise:.2g} of that among items: measure fewer items, "
            "more often (`replicates`), or improve the assay"
        )
    if correlation <= NO_SIGNAL and measured >= ENOUGH:
        seen["no signal"] = (
            f"predictions of left-out items don't follow their values (rank correlation {correlation:.2f}): check the "
            "target and the items' identity, then measure a random plate, or make smaller changes"
        )
    if found.held < FEW_HELD:
        seen["out of domain"] = (
            f"{found.held:.0%} of the values lie inside their 90% intervals: the plate is unlike what was measured. "
            "Make smaller changes, or spread the plate (`diversity`, `maximum_share`)"
        )
    return seen


def diagnosis_notes(found: Evidence, seen: Mapping[str, str]) -> list[str]:
    """Notes on a round that did not improve the best value."""
    if not found.round or found.improved:
        return []
    if not seen:
        return [f"round {found.round} has no better item than before; nothing points to noise or to a wrong model"]
    return [f"round {found.round} has no better item than before, by {cause}: {why}" for cause, why in seen.items()]


def hit_notes(
    plate: Plate, target: str, minimize: bool, past: Sequence[ForecastOutcome], last: Evidence, seen: Mapping[str, str]
) -> list[str]:
    """Notes on the hits to expect, on the last round, and on candidates that run out; none without a forecast."""
    if plate.forecast is None:
        return []
    ended = f"the plate takes all {plate.candidate_count} candidates that are left: the next one needs others"
    return [
        *forecast_notes(plate.forecast, past, target, minimize),
        *diagnosis_notes(last, seen),
        *([ended] if plate.candidate_count <= plate.forecast.items else []),
    ]


# Notes on the items of a plate.

Table = Mapping[str, Sequence[Any]]

CROWDED = 0.5
"""Share of a plate with the same changed letter at a position, above which there is a note."""

MOSTLY = 0.8
"""Share of a plate with any change at the same position, above which there is a note."""

FEWEST = 4
"""Smallest plate with notes on letters."""

FEW_PLACES = 8
"""If a plate changes no more positions than this, each is changed often, and there is no note on positions."""

SHOWN = 8
"""Number of items that a note names."""

PREFIX = "predictor_"
"""Prefix of a plate's columns of predictions by predictors, since the target's own column is for the lab."""


SCALE_NOTES = {
    "log-from-above": "most measured values lie close to the best one, and the model's scale ends just beyond it: "
    "predictions rank the plate, but don't tell by how much the best value will be exceeded"
}


def wild_type_notes(plate: Plate, target: str, ids: Sequence[str], minimize: bool, measured: bool) -> list[str]:
    """Notes on the plate without its controls beside the wild type, the first of its `extra` items; none without
    predictions. measured: whether the wild type is."""
    if target not in plate.extra:
        return []
    picks = np.where(np.array(plate.sources) == CONTROL, np.nan, plate.predicted[target][0])
    return against_wild_type(ids, picks.tolist(), minimize, plate.extra[target][:, 0].tolist(), measured)


def crowded_letters(
    science: Domain, plate: Sequence[str], measured: Sequence[str], reference: Reference | None
) -> list[str]:
    """Notes on letters at a position that most items of a plate share, and on positions that nearly all items change
    although the plate changes many; none without a reference."""
    sites = None if reference is None else align(science, [*plate, *measured], reference)
    if sites is None or len(plate) < FEWEST:
        return []
    changes = [_changes(sites.reference, row) for row in sites.rows]
    ours, known = (Counter(chain(*rows)) for rows in (changes[: len(plate)], changes[len(plate) :]))
    old = lambda place: f"{sites.reference[place]}{sites.columns[place]}"  # noqa: E731
    found, letters = [], set[int]()
    for (place, letter), count in ours.most_common():
        if count > CROWDED * len(plate):
            letters.add(place)
            found.append(
                f"{count} of the plate's {len(plate)} items carry {old(place)}{letter}, as {known[place, letter]} of "
                f"{len(measured)} measured ones do: if that is an error, so is most of the plate. `maximum_share` 0.25 "
                "spreads the risk"
            )
    for place, count in Counter(place for row in changes[: len(plate)] for place, _ in row).most_common():
        if count > MOSTLY * len(plate) and place not in letters and len({one for one, _ in ours}) > FEW_PLACES:
            before = sum(known[one] for one in known if one[0] == place)
            found.append(
                f"{count} of the plate's {len(plate)} items change {old(place)}, each to one of several letters, as "
                f"{before} of {len(measured)} measured ones do"
            )
    return found


def _changes(reference: str, row: str | None) -> list[tuple[int, str]]:
    return [(place, letter) for place, letter in enumerate(row or "") if letter != reference[place]]


def against_wild_type(
    ids: Sequence[str], predicted: Sequence[float], minimize: bool, wild: Sequence[float], measured: bool
) -> list[str]:
    """Notes on items that are predicted to be worse than the wild type, and on a wild type that was not measured. wild:
    its predicted median, lower and upper end."""
    median, lower, upper = wild
    if not np.isfinite(median):
        return []
    values = np.asarray(predicted, float)
    worse = values > median if minimize else values < median
    found = []
    if worse.any():
        side = "above" if minimize else "below"
        found.append(
            f"{worse.sum()} of the plate's {len(values)} items ({_some(ids, worse)}) are expected {side} the wild type "
            f"({median:.3g}): they are on the plate to improve the model"
        )
    if not measured:
        found.append(
            f"the wild type itself isn't among the measured items; it is expected at {median:.3g} ({lower:.3g} to "
            f"{upper:.3g}). Where its value is known, such as 0 of a scale that is relative to it, a row of its own "
            "(WT) with that value improves the model"
        )
    return found


def by_predictors(table: Table, predictors: Sequence[str], target: str) -> list[str]:
    """Notes on items outside a predictor's domain, and on items where the target's predictor and the model disagree.

    They agree on an item if the interval of each contains the value of the other.
    """
    found = []
    for name in predictors:
        inside = [cell for cell in table.get(f"{PREFIX}{name}{IN_DOMAIN}", ()) if cell is not None]
        if count := inside.count(False):
            found.append(
                f"{count} of the plate's {len(inside)} items are unlike all that the predictor '{name}' learned from "
                f"(column {PREFIX}{name}{IN_DOMAIN}), such as more changes at once than were measured. `where` "
                f"'{name} in domain' excludes them"
            )
        if name == target:
            found += _disagreement(table, name)
    return found


def _disagreement(table: Table, name: str) -> list[str]:
    plate, other = (
        np.array([table.get(column, [None] * len(table["item"])) for column in columns], float)
        for columns in (
            ("predicted", "lower", "upper"),
            (f"{PREFIX}{name}", f"{PREFIX}{name}_lower", f"{PREFIX}{name}_upper"),
        )
    )
    if not (known := np.isfinite(plate).all(0) & np.isfinite(other).all(0)).any():
        return []
    (value, lower, upper), (own, low, high) = plate[:, known], other[:, known]
    apart = (value < low) | (value > high) | (own < lower) | (own > upper)
    if not apart.any():
        return []
    named = _some(np.array(table["id"])[known].tolist(), apart)
    return [
        f"the plate's model and the predictor '{name}' disagree on {int(apart.sum())} of {len(apart)} items "
        f"({named}): one's value lies outside the other's interval (means of the plate "
        f"{value.mean():.3g} and {own.mean():.3g}). Trust the more cautious of the two until there is a "
        "measurement"
    ]


def _some(ids: Sequence[str], chosen: Bool[np.ndarray, " item"]) -> str:
    """The ids of the first chosen items."""
    named = [one for one, is_so in zip(ids, chosen.tolist(), strict=True) if is_so]
    return ", ".join(named[:SHOWN]) + (" ..." if len(named) > SHOWN else "")
