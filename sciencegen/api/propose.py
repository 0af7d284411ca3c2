"""Propose: choose the next plate of items to measure from earlier measurements."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from sciencegen.api.campaign.candidates import log_notes, plate_search, refusals
from sciencegen.api.campaign.history import CampaignState, campaign_state, prior_notes, read_priors
from sciencegen.api.campaign.journal_items import is_minimized, one_target, read_targets, target_of
from sciencegen.api.campaign.notes import cost_notes, hit_notes, look_back, plate_errors, plate_notes, plate_summary
from sciencegen.api.campaign.pareto import plan_pareto_plate
from sciencegen.api.campaign.proposal import Proposal, Proposed, plate_table, proposed_entries, proposed_of, wells_of
from sciencegen.api.campaign.request import (
    HistorySources,
    MeasurementReading,
    Patterns,
    PlateLayout,
    PlateOptions,
    PriorSources,
    ProposeRequest,
    SuppliedCandidates,
    check_layout,
    layout_of,
    with_controls,
    without_controls,
)
from sciencegen.api.campaign.space import design_space, space_options, wild_type
from sciencegen.api.criteria import check_target, predictor_oracle, read_constraints
from sciencegen.api.models.folder import open_model, resolve_device
from sciencegen.api.science import check_kept, constraint_of, domain_of, name_column
from sciencegen.api.search.space import start_items
from sciencegen.api.sources.blocks import blocks_of, check_blocks
from sciencegen.api.writing.plates import order_sheet
from sciencegen.config import ProposeSettings, build_settings
from sciencegen.devices import computing_on
from sciencegen.errors import ConfigError
from sciencegen.files import check_writable
from sciencegen.items import Item
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import BreedingSettings, CampaignSettings, exploration_at
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.plate import PlateSettings
from sciencegen.optimization.posterior import misfit_after
from sciencegen.options import takes
from sciencegen.progress import Report, silent
from sciencegen.records import to_record

Log = Callable[[str], None]


@takes(ProposeSettings)
def propose(domain: str, measured: str | Sequence[str] = (), **options: object) -> Proposal:
    """Propose the next plate of a design campaign from what a laboratory measured.

    Parameters
    ----------
    domain : str
        Such as "proteins".
    measured : str or sequence of str
        Tables of measured items with the column `target`, or datasets by name.

    Returns
    -------
    Proposal
        The plate as a table with `id`, `item`, an empty column of values, `predicted` with its 90 % interval `lower`
        to `upper`, and `source`; with `blocks` also how each item is made, with `plate` a row for each well. Its
        `summary` forecasts how many items will be hits. With a `journal`, `write` enters the plate
        there once its file is written; `enter` enters it without a file. Until then the journal is unchanged, and the
        same plate is proposed again.

    Raises
    ------
    ConfigError
        For settings that are unknown or contradict each other.
    DataError
        For tables without a usable row.

    References
    ----------
    Kandasamy et al., Parallelised Bayesian optimisation via Thompson sampling, AISTATS 2018.

    Examples
    --------
    >>> import sciencegen as sg
    >>> plate = sg.propose("proteins", wild_type="MKVLA", space={"positions": "2-4"}, batch=3)
    >>> list(plate.table["round"])
    [1, 1, 1]
    """
    import pandas as pd

    settings = build_settings(ProposeSettings, {"measured": measured, **options})
    if settings.journal is not None:
        check_writable(settings.journal, "`journal`")
    found = plan(domain, settings)
    table = pd.DataFrame(found.table)
    table.attrs["summary"] = found.summary  # its place in version 0.1
    return Proposal(
        table, found.summary, tuple(found.summary["notes"]), found.write, found, settings.journal, domain=domain
    )


def plan(domain: str, settings: ProposeSettings, *, log: Log = lambda text: None, report: Report = silent) -> Proposed:
    """Resolve the settings, then read the measurements, fit a model and choose the plate."""
    request = resolve(domain, settings)
    with computing_on(resolve_device(settings.device)):
        return plan_pareto_plate(request, log, report) if request.targets else plan_plate(request, log, report)


def check_plan(domain: str, settings: ProposeSettings, trained: Collection[str] = ()) -> list[Goal]:
    """Check settings before a model or a table is read, and return the constraints of proposals.

    Parameters
    ----------
    domain : str
    settings : ProposeSettings
    trained : collection of str
        Names of predictors in addition to those of the settings.
    """
    science, cost, settings = domain_of(domain), _cost_column(settings), one_target(settings)
    if not read_targets(science, settings):
        check_target(science, target_of(settings.target, settings.journal))
        is_minimized(settings.minimize, settings.journal)
    if cost and settings.pool is None:
        raise ConfigError("Expected a pool with a column of costs beside `cost` and `cost_limit`. Pass `pool`.")
    if settings.pool is not None and settings.also:
        raise ConfigError("Expected either `pool`, the only candidates, or `also`, some beside those made, got both.")
    check_layout(science, settings)
    order_sheet(science, settings.order_sheet, settings.order)
    if settings.blocks is not None:
        check_blocks(science, settings.blocks)
    constraint_of(science, settings.keep, settings.forbid, None)
    check_kept(science, {"keep": settings.keep}, settings.plausible)
    return read_constraints(science, settings.where, {*settings.predictors, *trained})


def resolve(domain: str, settings: ProposeSettings, trained: Collection[str] = ()) -> ProposeRequest:
    """Load and check everything that the settings name, before a table is read."""
    goals, science = check_plan(domain, settings, trained), domain_of(domain)
    settings = one_target(settings)
    targets = read_targets(science, settings)
    options = space_options(science, settings.space, settings.wild_type, settings.measured)
    space = design_space(science, options)
    reference = None if space is None else space.reference
    controls: Sequence[Item] = start_items(science, settings.controls, reference, flag="`controls`")
    layout = layout_of(science, settings, controls, reference)
    controls = controls if layout is None else layout.controls
    return ProposeRequest(
        domain=science,
        space_options=options,
        space=space,
        history=_history_sources(settings, targets),
        supplied=_supplied_candidates(settings),
        patterns=Patterns(settings.keep, settings.forbid, settings.plausible),
        goals=goals,
        predictors={name: predictor_oracle(domain, name, folder) for name, folder in settings.predictors.items()},
        start=start_items(science, settings.start, reference),
        controls=controls,
        plate=_plate_options(settings, len(controls), layout),
        model=None if settings.model is None else open_model(domain, settings.model, settings),
        model_name=settings.model or "",
        blocks=blocks_of(science, settings),
        layout=layout,
        order=order_sheet(science, settings.order_sheet, settings.order),
        targets=targets,
        priors=PriorSources(settings.prior, settings.settings.prior_target),
    )


def _history_sources(settings: ProposeSettings, targets: Sequence[Goal]) -> HistorySources:
    """Tables and journal, and how they are read; of several targets the first."""
    target = targets[0].name if targets else target_of(settings.target, settings.journal)
    return HistorySources(settings.measured, settings.journal, MeasurementReading.of(settings, target))


def _supplied_candidates(settings: ProposeSettings) -> SuppliedCandidates:
    cost = _cost_column(settings)
    return SuppliedCandidates(settings.pool, settings.also, settings.column, cost, settings.threads)


def _cost_column(settings: ProposeSettings) -> str | None:
    """The pool's column of costs; None if costs are ignored."""
    return settings.cost or ("cost" if settings.cost_limit is not None else None)


def _plate_options(settings: ProposeSettings, controls: int, layout: PlateLayout | None) -> PlateOptions:
    """Settings of the plate's optimization. Without a batch, items fill one plate of a layout."""
    fills = layout is not None and "batch" not in settings.model_fields_set
    batch = layout.one_plate + controls if layout is not None and fills else settings.batch
    count = batch - controls
    if count < 1:
        raise ConfigError(
            f"Expected fewer controls than items of the plate, got {controls} in a batch of {settings.batch}."
        )
    further = settings.settings
    plate = PlateSettings(
        settings.acquisition,
        maximum_similarity=further.maximum_similarity,
        maximum_share=further.maximum_share,
        diversity=further.diversity,
        cost_limit=math.inf if settings.cost_limit is None else settings.cost_limit,
        sharing=further.sharing if settings.blocks is not None else 0.0,
    )
    breeding = to_record(BreedingSettings, further.breeding, "breeding")
    minimize = not settings.goals and is_minimized(settings.minimize, settings.journal)
    campaign = CampaignSettings(count, further.surrogate, further.scale, minimize, plate, breeding, settings.hit)
    return PlateOptions(batch, campaign, further.exploration, settings.rounds, settings.seed)


def campaign_settings(options: PlateOptions, number: int) -> CampaignSettings:
    """Settings of the plate in round `number`: exploration depends on how many rounds are left."""
    exploration = options.exploration
    if exploration is None:
        exploration = PlateSettings.exploration if options.rounds is None else exploration_at(number, options.rounds)
    return replace(options.campaign, plate=replace(options.campaign.plate, exploration=exploration))


def _informed(settings: CampaignSettings, state: CampaignState) -> CampaignSettings:
    """Settings with the misfit that earlier plates tell."""
    errors = plate_errors(state.history.journal, state.history.keys, settings.minimize)
    return replace(settings, misfit=misfit_after(errors))


def plan_plate(request: ProposeRequest, log: Log = lambda text: None, report: Report = silent) -> Proposed:
    """Read, fit and choose. Nothing is written: call `Proposed.enter` after the plate is written."""
    state = campaign_state(request, log)
    state.notes.extend(cost_notes(request))
    search = plate_search(request, state, log, report)
    controls, number = request.controls, state.history.next_round
    settings = _informed(campaign_settings(request.plate, number), state)
    options = without_controls(settings, request.domain, search.pool, controls)
    waiting, wild = [*state.waiting, *controls], wild_type(state.space)
    priors = read_priors(request, state)
    sources = replace(search.sources, priors=[one.measured for one in priors])
    picked = next_plate(search.space, state.known, waiting, options, search.generator, sources, [*wild, *controls])
    of_wild_type, of_controls = np.split(picked.extra, [len(wild)], axis=1)
    plate = with_controls(picked, controls, of_controls)
    items = plate_table(request, plate, state, search.pool)
    past = look_back(request, plate, state)
    notes = [*plate_notes(request, plate, items, state, of_wild_type), *hit_notes(request, plate, past)]
    notes += prior_notes(priors, plate.tasks, len(state.known))
    entries = proposed_entries(items, number, request, name_column(state.reference), plate.forecast)
    refused = refusals(request, state, search)
    table, layout = wells_of(request, items, len(picked.items), number, notes)
    log_notes(notes, log)
    summary = plate_summary(request, plate, items, state, past, notes, len(refused)) | layout
    if priors:
        summary |= {"prior": {one.name: plate.tasks.get(place) for place, one in enumerate(priors)}}
    return proposed_of(request, state, table, refused, summary, entries)
