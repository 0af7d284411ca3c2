"""Earlier measurements as prior knowledge: tables, datasets or journals of other targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.journal_items import keys_of, measurements_of
from sciencegen.api.campaign.measurements import measured_entries, read_measured
from sciencegen.api.campaign.request import MeasurementReading, ProposeRequest
from sciencegen.api.campaign.space import features_for
from sciencegen.data.tables import READ_TABLES, column_names
from sciencegen.errors import DataError
from sciencegen.optimization.journal import COLUMNS, Journal, read_journal
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.posterior import LEAST_MEASURED


@dataclass(frozen=True)
class Prior:
    """Earlier measurements. name: the source. left_out: why others of its items can't be used."""

    name: str
    measured: list[Measurement]
    left_out: Sequence[str] = ()


def read_priors(request: ProposeRequest, state: CampaignState) -> list[Prior]:
    """The measurements of each source whose items can be compared with those of the campaign."""
    _, unlike = features_for(request.domain, state.origin, state.items, state.edits)
    found = []
    for source in request.priors.sources:
        measured, reasons = _measurements(request, source)
        refusals = [unlike(one.item) for one in measured]
        usable = [one for one, why in zip(measured, refusals, strict=True) if why is None]
        reasons += [f"{one.text[:60]}: {why}" for one, why in zip(measured, refusals, strict=True) if why is not None]
        if len(usable) < LEAST_MEASURED or len({one.value for one in usable}) < 2:
            raise DataError(
                f"Expected at least {LEAST_MEASURED} items with different values in `prior` {source} that can be "
                f"compared with those of the campaign, got {len(usable)}{_others(reasons)}. Leave it out."
            )
        found.append(Prior(source, usable, reasons))
    return found


def _others(reasons: Sequence[str]) -> str:
    return f"; {len(reasons):,} left out, the first: {reasons[0]}" if reasons else ""


def _measurements(request: ProposeRequest, source: str) -> tuple[list[Measurement], list[str]]:
    """The measured items, and why other rows are refused."""
    science, reading, target = request.domain, request.history.reading, request.priors.target
    if is_journal(source):
        journal = _of_target(source, target)
        keys = keys_of(science.name, [entry.item for entry in journal.measured], reading.threads, source)
        return measurements_of(science, journal, keys), []
    own: MeasurementReading = replace(reading, target=target or reading.target, column=None, sheet=None, several=False)
    table = read_measured(science, source, own, request.reference)
    entries = measured_entries(table, {}, 0)
    refused = [f"{text[:60]}: {reason}" for _, text, reason in table.refused]
    return measurements_of(science, Journal(tuple(entries)), {row.text: row.key for row in table.rows}), refused


def _of_target(source: str, target: str | None) -> Journal:
    """The journal's entries of one target."""
    journal = read_journal(source)
    known = journal.targets
    wanted = target if target in known or not known else known[0]
    if len(known) > 1 and target not in known:
        raise DataError(
            f"Expected `prior_target` to name a target of {source}, one of {', '.join(known)}, got {target}. Pass it."
        )
    return Journal(tuple(one for one in journal.entries if not known or one.target in ("", wanted)))


def is_journal(source: str) -> bool:
    """Whether a file is a campaign's journal, by its columns."""
    path = Path(source)
    if not path.is_file() or not path.name.lower().endswith(READ_TABLES):
        return False
    return set(COLUMNS) <= set(column_names(path))


def prior_notes(priors: Sequence[Prior], used: Mapping[int, float], measured: int) -> list[str]:
    """What each source contributes."""
    found = []
    for place, prior in enumerate(priors):
        what = f"prior {prior.name} ({len(prior.measured):,} items{_others(prior.left_out)})"
        if not measured:
            found.append(f"{what}: it picked half of the plate" if place == 0 else f"{what}: not used yet")
        elif place in used:
            found.append(f"{what}: its predictions count with weight {used[place]:.2f}")
        else:
            found.append(f"{what}: not used, since its predictions don't follow what was measured")
    return found
