"""A user's measured table as the pool of replayed campaigns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sciencegen.api.campaign.history import History, contradictions, read_history
from sciencegen.api.campaign.journal_items import awaited_keys, discordant_keys, measurements_of
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.campaign.space import edit_features, features_for, marks_for, unlike_lengths
from sciencegen.data.writers import Refused
from sciencegen.domains.capabilities import Edits
from sciencegen.errors import DataError
from sciencegen.items import Item
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.proposers import CampaignSpace
from sciencegen.optimization.replay import Landscape, landscape_of

Log = Callable[[str], None]


@dataclass(frozen=True)
class MeasuredPool:
    """landscape: the measured items, replicates averaged. refused: rows that aren't used. unmeasured: items without a
    value. notes: messages for the user."""

    landscape: Landscape
    refused: list[Refused]
    unmeasured: int
    notes: list[str]


def measured_pool(request: ProposeRequest, rounds: int, log: Log) -> MeasuredPool:
    """Read the table as `propose` reads measured ones, and compute the features of its items once.

    All measured items are candidates, whatever patterns and plausibility: they have been made.
    """
    science = request.domain
    history = read_history(science, request.history, request.reference, log)
    known = measurements_of(science, history.journal, history.keys)
    _check_enough(request, rounds, known, history.refused)
    log(f"computing the features of {len(known):,} measured items")
    unmeasured = len(awaited_keys(history.journal, history.keys))
    edits = edit_features(science, _origin(request), [one.item for one in known])
    landscape = landscape_of(_space(request, known, edits), known)
    return MeasuredPool(landscape, history.refused, unmeasured, _notes(request, rounds, history, known, edits))


def _origin(request: ProposeRequest) -> Item | None:
    return None if request.space is None else request.space.origin


def _space(request: ProposeRequest, known: Sequence[Measurement], edits: Edits | None) -> CampaignSpace:
    """The same features, similarities and marks as in a design round."""
    science = request.domain
    features, _ = features_for(science, _origin(request), [one.item for one in known], edits)
    marks = marks_for(science, request.space, request.plate.campaign.plate.maximum_share)
    return CampaignSpace(science.items.key, features, science.similarity.matrix, marks=marks)


def _check_enough(
    request: ProposeRequest, rounds: int, known: Sequence[Measurement], refused: Sequence[Refused]
) -> None:
    batch, (table,) = request.plate.batch, request.history.tables
    if len(known) >= batch * rounds:
        return
    reason = f" ({len(refused)} rows are refused, the first: {refused[0][2]})" if refused else ""
    most = f"`batch` {len(known) // rounds}" if len(known) >= rounds else "fewer `rounds`"
    raise DataError(
        f"Expected at least {batch * rounds:,} different measured items in {table} for {rounds} plates of {batch}, got "
        f"{len(known):,}{reason}. Pass {most}, or a larger table."
    )


def _notes(
    request: ProposeRequest, rounds: int, history: History, known: Sequence[Measurement], edits: Edits | None
) -> list[str]:
    asked = request.plate.batch * rounds
    apart = set(discordant_keys(history.journal, history.keys))
    found = contradictions([one.text for one in known if history.keys[one.text] in apart])
    found += unlike_lengths(request.domain, _origin(request), [one.item for one in known], edits)
    if 2 * asked > len(known):
        found.append(
            f"each campaign measures {asked:,} of {len(known):,} items: methods hardly differ where most of a table is "
            "measured. Smaller plates, fewer rounds or a larger table tell them apart"
        )
    return found
