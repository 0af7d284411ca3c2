"""Propose: from what a lab measured to the next plate, round after round."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from sciencegen.api.campaign.candidates import check_costs, cost_column, given_pool, offered_items
from sciencegen.api.campaign.controls import CONTROL, beside_controls, read_controls, with_controls
from sciencegen.api.campaign.history import CampaignState, campaign_state
from sciencegen.api.campaign.notes import against_wild_type, by_predictors, crowded_letters, predicted_columns
from sciencegen.api.campaign.space import campaign_space, design_space
from sciencegen.api.criteria.checks import check_target
from sciencegen.api.criteria.oracles import predictor_oracle
from sciencegen.api.criteria.proposals import check_where
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import constraint_of, name_column, variants_of
from sciencegen.api.search.space import start_items
from sciencegen.config import ProposeSettings, build_settings
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DesignSpace
from sciencegen.errors import ConfigError
from sciencegen.items import Item
from sciencegen.optimization.campaign import Plate, next_plate
from sciencegen.optimization.campaign_settings import CampaignSettings, exploration_at
from sciencegen.optimization.candidate_sources import CandidatePool, CandidateSources
from sciencegen.optimization.journal import Entry, append
from sciencegen.optimization.plate_builder import PlateSettings
from sciencegen.optimization.proposers import BreedingSettings
from sciencegen.options import ProposeOptions, takes
from sciencegen.records import to_record

Log = Callable[[str], None]
ENDS = ("predicted", "lower", "upper")


@dataclass(frozen=True)
class Proposed:
    """table: the plate, its column of values empty for the lab. summary: what it stands on. entries: what the
    campaign's journal is to hold of it; names: that journal's column of names."""

    table: dict[str, list[Any]]
    refused: list[Refused]
    summary: dict[str, Any]
    entries: list[Entry]
    names: str = ""

    def enter(self, journal: str | None) -> None:
        """Add what was measured and what is proposed to the journal, where there is one; adding it again adds nothing.

        Last of all: a plate that nobody got hold of must not stand there, since its items are proposed no more."""
        if journal is not None:
            append(journal, self.entries, self.names)


@takes(ProposeSettings)
def propose(domain: str, measured: str | Sequence[str] = (), **options: Unpack[ProposeOptions]) -> Any:
    """The next plate as a pandas table; the settings are those of `sciencegen propose`.

        import sciencegen as sg

        plate = sg.propose("proteins", "round1.csv", wild_type="gb1.fasta", space={"positions": "39-41,54"}, batch=96)
        plate[["item", "mutant", "predicted", "lower", "upper"]]

    `plate.attrs["summary"]` says what it stands on, and in `notes` what else is worth knowing.
    """
    import pandas as pd

    chosen = build_settings(ProposeSettings, {"measured": measured, **options})
    found = plan(domain, chosen)
    found.enter(chosen.journal)
    table = pd.DataFrame(found.table)
    table.attrs["summary"] = found.summary
    return table


def plan(domain: str, settings: ProposeSettings, *, log: Log = lambda text: None) -> Proposed:
    """Read, fit, pick. Nothing is written: `Proposed.enter` is for when the plate is."""
    science = domain_of(domain)
    check_plan(domain, settings)
    standing = campaign_state(domain, settings, log)
    for note in standing.notes:
        log(f"note: {note}")
    inference_threads(settings.threads)
    pool, refused = given_pool(domain, settings, standing.space)
    whole = pool is not None and settings.pool is None
    space = campaign_space(domain, settings, standing.space, standing.items, whole)
    offered, strange = offered_items(domain, settings, standing.space)
    controls = read_controls(science, settings, standing.reference, space)
    if pool is None and not (space.draws or standing.known or standing.start or offered):
        raise ConfigError(
            "Expected measured items, a pool, a model or start items to propose from, got none. "
            "Pass `measured`, `journal`, `pool`, `also`, `model` or `start`."
        )
    number = standing.history.next_round
    generator = np.random.default_rng((settings.seed, number))
    options = beside_controls(campaign_settings(settings, number), science, pool, controls)
    waiting, extra = [*standing.waiting, *controls], [*wild_type(standing.space), *controls]
    sources = CandidateSources(pool, standing.start, offered)
    picked = next_plate(space, standing.known, waiting, options, generator, sources, extra)
    plate = with_controls(picked, controls)
    table = _table(domain, plate, settings, standing, pool)
    notes = _notes(science, plate, table, settings, standing)
    for note in notes:
        log(f"note: {note}")
    named = name_column(standing.reference)
    entries = [*standing.history.new, *proposed_entries(table, number, named)]
    told = [*standing.history.refused, *refused, *strange]
    return Proposed(table, told, _summary(plate, settings, standing, notes, len(told)), entries, named)


def wild_type(space: DesignSpace | None) -> list[Item]:
    """What all of a design space are changes of, where that was named; none where it is the most frequent letters."""
    return [] if space is None or space.reference is None else [space.origin]


def check_plan(domain: str, settings: ProposeSettings, further: Collection[str] = ()) -> None:
    """What can be refused before a table is read. further: names of predictors beside the settings'."""
    science = domain_of(domain)
    check_target(science, settings.target)
    campaign_settings(settings, 1)
    check_costs(settings)
    check_where(domain, settings, further)
    if settings.pool is not None and settings.also:
        raise ConfigError("Expected either `pool`, the only candidates, or `also`, some beside those made, got both.")
    for name, folder in settings.predictors.items():
        predictor_oracle(domain, name, folder)
    constraint_of(science, settings.keep, settings.forbid, None)
    space = design_space(science, settings)
    reference = None if space is None else space.reference
    start_items(science, settings.start, reference)
    read_controls(science, settings, reference)


def campaign_settings(settings: ProposeSettings, number: int) -> CampaignSettings:
    """The records of the mathematics, for the plate of this number."""
    exploration = settings.exploration
    if exploration is None:
        exploration = PlateSettings.exploration if settings.rounds is None else exploration_at(number, settings.rounds)
    limit = math.inf if settings.cost_limit is None else settings.cost_limit
    plate = PlateSettings(
        settings.acquisition,
        exploration,
        settings.maximum_similarity,
        settings.maximum_share,
        settings.diversity,
        limit,
    )
    breeding = to_record(BreedingSettings, settings.breeding, "breeding")
    count = settings.batch - len(settings.controls)
    if count < 1:
        raise ConfigError(
            f"Expected fewer controls than items of the plate, got {len(settings.controls)} in a batch of "
            f"{settings.batch}."
        )
    return CampaignSettings(count, settings.surrogate, settings.scale, settings.minimize, plate, breeding)


def _table(
    domain: str, plate: Plate, settings: ProposeSettings, standing: CampaignState, pool: CandidatePool | None
) -> dict[str, list]:
    science = domain_of(domain)
    number, width = standing.history.next_round, len(str(len(plate.items)))
    table: dict[str, list[Any]] = {
        "id": [f"r{number}-{place:0{width}}" for place in range(1, len(plate.items) + 1)],
        "item": [science.items.text(item) for item in plate.items],
    }
    reference = standing.reference
    if reference is not None:
        table[name_column(reference)] = [variants_of(science).name_of(reference, item) for item in plate.items]
    table[settings.target] = [None] * len(plate.items)
    table["round"] = [number] * len(plate.items)
    table |= {name: getattr(plate, name).tolist() for name in ENDS}
    table |= predicted_columns(domain, settings.predictors, plate.items)
    table["source"] = list(plate.sources)
    if pool is not None and cost_column(settings):
        costs = dict(zip(pool.keys, pool.costs.tolist(), strict=True))
        table[str(cost_column(settings))] = [costs.get(science.items.key(item)) for item in plate.items]
    return table


def proposed_entries(table: dict[str, list[Any]], number: int, named: str = "") -> list[Entry]:
    columns = [table[name] for name in ("item", "predicted", "lower", "upper", "source")]
    rows = zip(*columns, table[named] if named else [""] * len(columns[0]), strict=True)
    told = lambda value: None if value != value else value  # noqa: E731
    return [
        Entry(number, item, "proposed", None, None, told(predicted), told(lower), told(upper), source, name)
        for item, predicted, lower, upper, source, name in rows
    ]


def _notes(
    science: Domain, plate: Plate, table: dict[str, list], settings: ProposeSettings, standing: CampaignState
) -> list[str]:
    known = [science.items.text(one.item) for one in standing.known]
    found = _scale_notes(plate)
    found += crowded_letters(science, table["item"], known, standing.reference)
    for item, foretold in zip(wild_type(standing.space), plate.extra.T, strict=False):
        measured = science.items.text(item) in known
        hopes = np.where(np.array(plate.sources) == CONTROL, np.nan, plate.predicted)  # nobody hopes for controls
        found += against_wild_type(table["id"], hopes.tolist(), settings.minimize, foretold.tolist(), measured)
    return found + by_predictors(table, list(settings.predictors), settings.target)


def _scale_notes(plate: Plate) -> list[str]:
    if not plate.surrogate.endswith(
        " log-from-above"
    ):  # values to be minimized are turned round before they are fitted
        return []
    return [
        "the measured values crowd at their best end, so that the model's scale ends just beyond it: predictions rank "
        "the plate, and don't tell by how much the best will be bettered"
    ]


def _summary(
    plate: Plate, settings: ProposeSettings, standing: CampaignState, notes: Sequence[str], refused: int
) -> dict[str, Any]:
    values = [one.value for one in standing.known]
    best = None if not values else min(values) if settings.minimize else max(values)
    sources = {name: plate.sources.count(name) for name in dict.fromkeys(plate.sources)}
    return {
        "round": standing.history.next_round,
        "proposed": len(plate.items),
        "candidates": plate.candidate_count,
        "measured": len(standing.known),
        "best": best,
        "pending": len(standing.waiting),
        "surrogate": plate.surrogate,
        "refused": refused,
        "log_likelihood": dict(plate.likelihoods),
        "sources": sources,
        "seed": settings.seed,
        "notes": [*standing.notes, *notes],
    }
