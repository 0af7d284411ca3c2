"""Why a round was poor, as far as the measurements tell, and whether another plate is worth its cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.api.campaign.controls import CONTROL
from sciencegen.api.campaign.journal_items import measured_by_key, values_by_key
from sciencegen.optimization.journal import Entry, Journal
from sciencegen.optimization.measurements import Measurement, pooled_deviation, settled_values

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
    plates = {keys[one.item]: one for one in journal.planned if one.source != CONTROL and one.predicted is not None}
    measured = {key: plate for key, plate in plates.items() if key in means}
    number = max((one.round for one in measured.values()), default=0)
    last = {key: one for key, one in measured.items() if one.round == number}
    earlier = _earlier(journal, keys, number, set(last))
    improved = bool(last) and max(means[key] for key in last) > max((means[key] for key in earlier), default=-math.inf)
    return Evidence(number, improved, _held(last, known), _noise(list(values_by_key(journal, keys).values())))


def _earlier(journal: Journal, keys: Mapping[str, str], number: int, last: set[str]) -> set[str]:
    """Keys of the items that were measured before this round, or beside its plate."""
    return {keys[one.item] for one in journal.measured if one.round <= number} - last


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
