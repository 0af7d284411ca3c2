"""Propose: choose the next plate of items to measure from earlier measurements.

settings -> `Bench` -> measured history -> candidates -> `next_plate` (models, picking) -> table, notes and summary
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from sciencegen.api.campaign.candidates import (
    Features,
    Makeable,
    accepting,
    analogue_tests,
    candidate_pool,
    check_controls,
    cost_column,
    design_space,
    edit_features,
    features_for,
    how_made,
    latent_moves,
    marks_for,
    material_notes,
    moves_of,
    nearest_measured,
    reference_of_space,
    space_options,
    suggested_items,
    unaligned,
    unlike_lengths,
    wild_type,
    with_controls,
    without_controls,
)
from sciencegen.api.campaign.history import (
    EarlierMeasurements,
    History,
    Unlike,
    at_parameters,
    combined,
    none_usable,
    read_histories,
    read_prior,
)
from sciencegen.api.campaign.journal_items import CONTROL, measurements_of, pending_entries, read_targets
from sciencegen.api.campaign.notes import (
    PREFIX,
    SCALE_NOTES,
    by_predictors,
    causes,
    contradictions,
    crowded_letters,
    evidence,
    forecast_summary,
    front_notes,
    hit_notes,
    hit_threshold,
    implausible_notes,
    misplaced_wild_type,
    outcomes,
    plate_errors,
    unread_notes,
    wild_type_notes,
    without_value,
)
from sciencegen.api.campaign.proposal import Proposal, Proposed, layout_of, origin_of_plate
from sciencegen.api.criteria import OracleBook, constraint_test, read_constraints, trained_oracle, with_networks
from sciencegen.api.models.folder import open_model, resolve_device
from sciencegen.api.science import check_kept, constraint_of, domain_of, exempt_motifs, name_column, variants_of
from sciencegen.api.search import left_open_columns, left_open_counts, left_open_notes, score_columns, start_items
from sciencegen.api.sources.blocks import blocks_of
from sciencegen.api.writing.plates import order_sheet
from sciencegen.config import ProposeSettings, build_settings
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import Refused
from sciencegen.devices import computing_on
from sciencegen.domains.capabilities import DesignSpace, Edits
from sciencegen.errors import ConfigError
from sciencegen.files import check_writable, one_plate
from sciencegen.items import Cell, Item, none_if_nan
from sciencegen.optimization.campaign import Plate, next_plate
from sciencegen.optimization.candidates import (
    BreedingSettings,
    CampaignSettings,
    CampaignSpace,
    CandidatePool,
    CandidateSources,
    exploration_at,
)
from sciencegen.optimization.goals import target_names
from sciencegen.optimization.journal import Entry, Journal, read_journal, run_key
from sciencegen.optimization.measurements import LEAST_MEASURED, Measurement, settled_values
from sciencegen.optimization.objective import resolve_oracles, score_safely
from sciencegen.optimization.plate import PlateSettings
from sciencegen.optimization.posterior import SurrogatePosterior
from sciencegen.optimization.process import (
    Run,
    lifted_sources,
    lifted_space,
    most_frequent,
    read_process,
    setting_values,
)
from sciencegen.optimization.targets import Targets, dominated_volume, front_ranks
from sciencegen.options import takes
from sciencegen.progress import Report, silent
from sciencegen.records import ledger, to_record

Log = Callable[[str], None]

WEIGHS_COSTS = "noisy-ei"
"""The acquisition that weighs costs; the others only respect the limit."""


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
        For settings that are unknown or contradict each other, or if another call chooses a plate for the journal.
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
    with chosen(domain, settings) as found:
        table = pd.DataFrame(found.table)
    table.attrs["summary"] = found.summary  # its place in version 0.1
    return Proposal(
        table, found.summary, tuple(found.summary["notes"]), found.write, found, settings.journal, domain=domain
    )


@contextmanager
def chosen(
    domain: str, settings: ProposeSettings, *, log: Log = lambda text: None, report: Report = silent
) -> Iterator[Proposed]:
    """Resolve the settings, then read the measurements, fit a model and choose the plate. No other call chooses one for
    the same journal until the block ends."""
    with one_plate(settings.journal):
        bench = Bench(domain, settings, log=log, report=report)
        with computing_on(resolve_device(settings.device)):
            found = bench.proposed()
        yield found


class Bench:
    """A design round at work: what its settings name, what was measured, the candidates, and the plate.

    The settings are parsed once, when the bench is made: wrong ones are errors before a table is read. What follows
    from the tables is found on first use, and kept.

    Parameters
    ----------
    domain : str
    settings : ProposeSettings
    trained : collection of str
        Names of predictors in addition to those of the settings, that will be trained.
    log, report : callable
        Are told notes, and the steps of a plate.
    """

    def __init__(
        self, domain: str, settings: ProposeSettings, trained: Collection[str] = (), *,
        log: Log = lambda text: None, report: Report = silent,
    ) -> None:  # fmt: skip
        science = self.science = domain_of(domain)
        self.analogues = None if science.moves is None else science.moves.analogues
        self.settings, self.log, self.report = settings, log, report
        self.process = read_process(settings.parameters, settings.per_plate, settings.further.change_cost)
        if self.process and settings.prior:
            raise ConfigError(
                "Expected no `prior` with process parameters, got one. Name it among `measured`: what it was measured "
                "at is a value of a parameter."
            )
        journal = Journal() if settings.journal is None else read_journal(settings.journal)
        self.journal = at_parameters(journal, self.process, settings.journal)
        self.targets = read_targets(science, settings, self.journal)
        self.several = len(self.targets) > 1  # or constraints on the only one
        self.target = self.targets[0].name  # of several the first
        self.minimize = not self.several and self.targets[0].direction == "minimize"
        if cost_column(settings) and settings.pool is None:
            raise ConfigError("Expected a pool with a column of costs beside `cost` and `cost_limit`. Pass `pool`.")
        if settings.pool is not None and settings.also:
            raise ConfigError(
                "Expected either `pool`, the only candidates, or `also`, some beside those made, got both."
            )
        self.order = order_sheet(science, settings.order_sheet, settings.order)
        constraint_of(science, settings.keep, settings.forbid)  # wrong patterns are an error
        check_kept(science, {"keep": settings.keep}, settings.plausible)
        self.goals = read_constraints(science, settings.where, {*settings.predictors, *trained})
        self.space_options = space_options(science, settings)
        self.named_space = design_space(science, self.space_options)
        self.reference = None if self.named_space is None else self.named_space.reference
        controls = start_items(science, settings.controls, self.reference, flag="`controls`")
        self.layout = layout_of(science, settings, controls, self.reference)
        self.controls = controls if self.layout is None else list(self.layout.controls)
        device, _ = with_networks(domain, settings.predictors, settings.device)
        self.predictors = {name: trained_oracle(domain, name, one, device) for name, one in settings.predictors.items()}
        self.named_start = start_items(science, settings.start, self.reference)
        self.batch, self.campaign = self._plate_settings()
        self.blocks = blocks_of(science, settings)
        self.model = None if settings.model is None else open_model(domain, settings.model, settings)

    def _plate_settings(self) -> tuple[int, CampaignSettings]:
        """The size of the plate, and how it is made. Without a batch, items fill one plate of a layout."""
        settings, layout, controls = self.settings, self.layout, len(self.controls)
        fills = layout is not None and "batch" not in settings.model_fields_set
        batch = layout.one_plate + controls if layout is not None and fills else settings.batch
        if batch <= controls:
            raise ConfigError(
                f"Expected fewer controls than items of the plate, got {controls} in a batch of {settings.batch}."
            )
        further = settings.further
        plate = PlateSettings(
            settings.acquisition,
            maximum_similarity=further.maximum_similarity,
            maximum_share=further.maximum_share,
            diversity=further.diversity,
            cost_limit=math.inf if settings.cost_limit is None else settings.cost_limit,
            sharing=further.sharing if settings.blocks is not None else 0.0,
        )
        usual = None if self.analogues is None else BreedingSettings(generations=further.maximum_changes)
        breeding = to_record(BreedingSettings, further.breeding, "breeding", usual)
        made = CampaignSettings(
            batch - controls, further.surrogate, further.scale, plate, breeding, settings.hit,
            beside_measured=self.analogues is not None and settings.pool is None,
        )  # fmt: skip
        return batch, made

    def settings_of(self, number: int) -> CampaignSettings:
        """Settings of the plate in round `number`: exploration depends on how many rounds are left."""
        exploration, rounds = self.settings.further.exploration, self.settings.rounds
        if exploration is None:
            exploration = PlateSettings.exploration if rounds is None else exploration_at(number, rounds)
        return replace(self.campaign, plate=replace(self.campaign.plate, exploration=exploration))

    # What was measured and proposed so far.

    @cached_property
    def histories(self) -> dict[str, History]:
        """Target -> its measurements and proposals so far."""
        return read_histories(
            self.science, self.settings, target_names(self.targets), self.several, self.journal, self.reference,
            self.log, self.process.parameters,
        )  # fmt: skip

    @cached_property
    def history(self) -> History:
        return combined(list(self.histories.values()))

    @cached_property
    def every(self) -> dict[str, list[Measurement]]:
        """Target -> its measurements, replicates averaged."""
        return {name: measurements_of(self.science, one.journal, one.keys) for name, one in self.histories.items()}

    @cached_property
    def space(self) -> DesignSpace | None:
        """The domain's design space, or None. Without a wild type it is built from the items of the first round."""
        if self.named_space is not None or not self.space_options:
            return self.named_space
        first = [self.science.items.parse(text) for text in self.history.first_round]
        return design_space(self.science, self.space_options, first)

    @property
    def origin(self) -> Item | None:
        """The origin of the design space."""
        return None if self.space is None else self.space.origin

    @cached_property
    def _pending(self) -> list[tuple[Item, str]]:
        """Proposed items without a value, and their process parameters."""
        pending = pending_entries(self.history.journal, self.history.keys)
        return [(self.science.items.parse(entry.item), entry.parameters) for entry in pending]

    def run(self, measurement: Measurement) -> str:
        """The key of a measured item, with its process parameters."""
        return run_key(self.science.items.key(measurement.item), measurement.parameters)

    @cached_property
    def unaligned(self) -> dict[str, Item]:
        """Key -> each measured or pending item that can't be aligned with the origin; these are left out."""
        key = self.science.items.key
        items = {key(one.item): one.item for own in self.every.values() for one in own}
        found = unaligned(self.science, self.space, [*items.values(), *(item for item, _ in self._pending)])
        return {key(item): item for item in found}

    @cached_property
    def measured(self) -> dict[str, list[Measurement]]:
        """Target -> the measurements that are used."""
        key, apart = self.science.items.key, self.unaligned
        found = {name: [one for one in own if key(one.item) not in apart] for name, own in self.every.items()}
        if self.settings.measured and not any(found.values()):
            raise none_usable(self.settings.measured, self.history.refused, len(self.unaligned))
        return found

    @cached_property
    def values(self) -> dict[str, dict[str, float]]:
        """Key of each measured item, with its process parameters -> its values by target."""
        found: dict[str, dict[str, float]] = {}
        for name, own in self.measured.items():
            for one in own:
                found.setdefault(self.run(one), {})[name] = one.value
        return found

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Key -> front of each measured item with all targets that meets the constraints, 0 for the Pareto front."""
        return front_ranks(self.values, self.targets)

    @cached_property
    def known(self) -> list[Measurement]:
        """The measured items, each once at each setting of the process parameters."""
        first: dict[str, Measurement] = {}
        for own in self.measured.values():
            for one in own:
                first.setdefault(self.run(one), one)
        return list(first.values())

    @property
    def best_first(self) -> list[Item]:
        """The measured items, best first: by value, of several targets by front."""
        if self.several:
            order = sorted(self.known, key=lambda one: self.ranks.get(self.run(one), len(self.ranks)))
        else:
            order = sorted(self.known, key=lambda one: one.value if self.minimize else -one.value)
        if not self.process:
            return [one.item for one in order]
        return list({self.science.items.key(one.item): one.item for one in reversed(order)}.values())[::-1]

    @cached_property
    def waiting(self) -> list[tuple[Item, str]]:
        """Proposed items without a value, and their process parameters."""
        return [one for one in self._pending if self.science.items.key(one[0]) not in self.unaligned]

    @property
    def start(self) -> list[Item]:
        """Items to start from if none is measured."""
        return self.named_start or ([] if self.space is None else [self.space.origin])

    @cached_property
    def items(self) -> list[Item]:
        """Measured, pending and start items."""
        return [*(one.item for one in self.known), *(item for item, _ in self.waiting), *self.start]

    @cached_property
    def edits(self) -> Edits | None:
        """Features of the items' insertions and deletions, None if others describe them."""
        return edit_features(self.science, self.origin, self.items)

    @cached_property
    def features(self) -> tuple[Features, Unlike]:
        """The features of items, and why an item has none."""
        return features_for(self.science, self.origin, self.items, self.edits)

    def measured_notes(self) -> list[str]:
        """Notes on what was measured, and on costs that have no effect."""
        science, space, history, plate = self.science, self.space, self.history, self.campaign.plate
        found = [] if space is None else list(space.notes)
        if self.unaligned:
            first = next(iter(self.unaligned.values()))
            found.append(
                f"{len(self.unaligned)} measured or proposed items can't be aligned with the wild type (another "
                f"length) and are left out, the first: {science.items.text(first)[:60]}"
            )
        outside = [one for one in self.known if space is not None and not space.accepts(one.item)]
        if outside:
            found.append(f"{len(outside)} measured items lie outside the design space; the model is fitted to them too")
        found += unlike_lengths(science, self.origin, self.items, self.edits)
        found += contradictions(history.discordant(self.known))
        waiting = [item for item, _ in self.waiting]
        listed = sum(run_key(science.items.key(item), own) in history.unproposed for item, own in self.waiting)
        found += without_value(len(self.waiting) - listed, listed)
        listed_in = (history.refused, self.settings.journal)
        found += unread_notes(science, waiting, *listed_in, self.target, self.reference)
        found += exempt_motifs(science, reference_of_space(science, space), self.settings.forbid)
        costs_matter = self.several or math.isfinite(plate.cost_limit) or plate.acquisition == WEIGHS_COSTS
        if cost_column(self.settings) and not costs_matter:
            found.append(f"costs have no effect: {plate.acquisition} only keeps `cost_limit`, which isn't set")
        return found

    @cached_property
    def priors(self) -> list[EarlierMeasurements]:
        """The measurements of each earlier source whose items can be compared with those of the campaign."""
        return [
            read_prior(self.science, source, self.settings, self.target, self.reference, self.features[1])
            for source in self.settings.prior
        ]

    # The candidates.

    @cached_property
    def supplied(self) -> tuple[CandidatePool | None, list[Item], list[Refused]]:
        """All candidates, if they are given or few; further candidates; and refused rows of both."""
        pool, refused = candidate_pool(self.science, self.settings, self.space, self.features[1])
        suggested, others = suggested_items(self.science, self.settings, self.space, self.features[1])
        return pool, suggested, [*refused, *others]

    def candidates(self) -> tuple[CampaignSpace, CandidateSources, list[str]]:
        """The space of candidates, what the user supplies to them, and notes."""
        settings, (pool, suggested, _), notes = self.settings, self.supplied, list[str]()
        sources = CandidateSources(pool, self.start, suggested)
        space, expected = self._campaign_space(whole=pool is not None and settings.pool is None)
        if self.blocks is not None:
            given = (*settings.measured, *settings.also, *([] if settings.pool is None else [settings.pool]))
            for source in given:  # tables that say how their items are made are believed after a check
                self.blocks.enter_ways(source, settings.threads)
            makeable = Makeable(self.science, self.blocks, settings.threads)
            makeable.flags(self.controls)
            if self.known or pool is not None:
                sources = replace(sources, start=())
            sources, left_out = makeable.only(sources)
            space, notes = makeable.space(space, self.best_first), [*self.blocks.notes, *left_out]
        notes += expected
        if settings.pool is not None and pool is not None and settings.plausible:
            notes += implausible_notes(self.science, pool.items)
        if pool is None and not (space.draws or self.known or sources.start or sources.suggestions):
            raise ConfigError(
                "Expected measured items, a pool, a model or start items to propose from, got none. "
                "Pass `measured`, `journal`, `pool`, `also`, `model` or `start`."
            )
        return replace(space, report=self.report), sources, notes

    def _campaign_space(self, whole: bool) -> tuple[CampaignSpace, list[str]]:
        """The functions that a campaign needs of the domain and the model, and notes on what is expected of candidates.
        whole: candidates are all items of the space, so that only patterns and constraints are tested."""
        science, model, settings, space = self.science, self.model, self.settings, self.space
        features, unlike = self.features
        tests: list[Callable[[Item], bool]] = [] if whole else [lambda item: unlike(item) is None]
        if space is not None and not whole:
            tests.insert(0, space.accepts)
        if settings.keep or settings.forbid or settings.plausible:
            given = settings.pool is not None or self.blocks is not None  # a user's choice, or with a route
            known = None if given else [*self.items, *self.named_start, *self.controls]
            origin = reference_of_space(science, space)
            tests.insert(0, constraint_of(science, settings.keep, settings.forbid, origin, settings.plausible, known))
        notes, changes, may_be_parent, compound = list[str](), None, CampaignSpace.may_be_parent, None
        if self.analogues is not None and settings.pool is None and not whole:
            within_series, best = self.blocks is None, self.best_first
            expected, notes, may_be_parent = analogue_tests(
                science, self.analogues, settings.further, best, within_series
            )
            tests += expected
            if within_series:
                changes, compound = self.analogues.changes(best or self.start), self.analogues.key
        own = model.oracles if model is not None and self.goals else {}
        book = OracleBook(science.name, own={**own, **self.predictors}, threads=settings.threads)
        met = constraint_test(self.goals, resolve_oracles(self.goals, book.resolve))
        found = CampaignSpace(
            science.items.key, features, science.similarity.matrix, accepting(tests, met),
            moves_of(science.moves, space, changes, changes is None or settings.further.random_moves),
            marks=marks_for(science, space, settings.further.maximum_share), may_be_parent=may_be_parent,
            compound=compound,
        )  # fmt: skip
        if model is None or self.blocks is not None:
            return found, notes
        near, draw = latent_moves(model)
        return replace(found, moves={**found.moves, "latent": near}, draws={"prior": draw}), notes

    # The plate.

    def proposed(self) -> Proposed:
        """Read, fit and choose. Nothing is written: call `Proposed.enter` after the plate is written."""
        number, seed = self.history.next_round, self.settings.seed
        first = self._told(self.measured_notes())
        inference_threads(self.settings.threads)
        space, sources, notes = self.candidates()
        first += self._told(notes)
        check_controls(space, self.controls)
        options = without_controls(self.settings_of(number), self.science, self.supplied[0], self.controls)
        if not self.several:  # how far earlier plates were off
            errors = plate_errors(self.history.journal, self.history.keys, self.minimize)
            options = replace(options, earlier=tuple(errors))
            if options.hit is None and len(self.known) >= LEAST_MEASURED:
                values = settled_values(self.known, self.minimize)
                beside, called = self._measured_of(wild_type(self.space)), "the wild type"
                if not beside:
                    beside, called = self._measured_of(self.controls), "the best control"
                hit, notes = hit_threshold(values, beside, self.minimize, called)
                options, first = replace(options, hit=hit), [*first, *self._told(notes)]
        sources = replace(sources, priors=[one.measured for one in self.priors])
        beside, generator = [*wild_type(self.space), *self.controls], np.random.default_rng((seed, number))
        if self.process:
            plate = self._at_settings(space, sources, options, beside, generator)
        else:
            pending, targets = (
                [*(item for item, _ in self.waiting), *self.controls],
                Targets(self.targets, self.measured),
            )
            plate = with_controls(
                next_plate(space, targets, pending, options, generator, sources, beside), self.controls
            )
        table = self._table(plate)
        entries = [*self.history.new, *self._entries(table, plate)]
        model = None if self.several or not plate.candidate_count else plate.models.get(self.target)
        notes, weights = self._notes(plate, table, model), {} if model is None else model.tasks
        refused = [*self.history.refused, *self.supplied[2]]
        if self.blocks is not None:
            refused = [*self.blocks.refused, *self.blocks.failed, *refused]
        summary, more = self._summary(plate, table, model, len(refused))
        summary |= self._ledgers(plate)
        notes, wells = [*notes, *more], dict[str, int]()
        notes += [one.note(weights.get(k), k == 0, len(self.known)) for k, one in enumerate(self.priors)]
        if self.layout is not None:
            count = len(plate.items) - len(self.controls)
            table, wells, more = self.layout.laid_out(table, count, seed, number)
            notes += more
        known = self._measured_of(wild_type(self.space))
        own = next((one for one in known if not plate.settings or one.parameters in plate.settings[-1:]), None)
        doubts = [] if self.several else misplaced_wild_type(plate, self.target, own)
        summary |= {"notes": [*self._told(doubts), *first, *self._told(notes)], **wells}
        origin = origin_of_plate(self.settings, [goal.text for goal in (*self.targets, *self.goals)])
        if self.priors:
            summary["prior"] = {one.name: weights.get(k) for k, one in enumerate(self.priors)}
        return Proposed(
            self.science, table, refused, summary, entries, origin, name_column(self.reference), self.batch,
            self.layout, self.order, self.several,
        )  # fmt: skip

    def _at_settings(
        self, space: CampaignSpace, sources: CandidateSources, options: CampaignSettings, beside: Sequence[Item],
        generator: np.random.Generator,
    ) -> Plate:  # fmt: skip
        """The plate, picked among items at settings of the process parameters. Controls, and the wild type, are at the
        most frequent setting of the plate."""
        entries = self.history.entries
        last = [self.process.setting(one.parameters) for one in entries if one.round == self.history.next_round - 1]
        measured = tuple(dict.fromkeys(self.process.setting(one.parameters) for one in entries))
        process = replace(self.process, measured=measured, before=most_frequent(last))
        barred = frozenset(map(self.science.items.key, self.controls))
        targets = {
            name: [replace(one, item=Run(one.item, process.setting(one.parameters))) for one in own]
            for name, own in self.measured.items()
        }
        chosen: list[Run] = []

        def at_most_frequent(runs: Sequence[Run]) -> list[Run]:
            setting = most_frequent([run.setting for run in runs]) or process.before or process.example
            chosen[:] = [Run(item, setting) for item in beside]
            return chosen

        picked = next_plate(
            lifted_space(space, process, barred), Targets(self.targets, targets),
            [Run(item, process.setting(own)) for item, own in self.waiting], options, generator,
            lifted_sources(sources, process, generator), at_most_frequent,
        )  # fmt: skip
        at_most_frequent(picked.items)
        plate = with_controls(picked, chosen[len(beside) - len(self.controls) :])
        settings = [process.text(run.setting) for run in plate.items]
        return replace(plate, items=[run.item for run in plate.items], settings=settings)

    def _measured_of(self, items: Sequence[Item]) -> list[Measurement]:
        """The measurements of these items."""
        keys = {self.science.items.key(item) for item in items}
        return [one for one in self.known if self.science.items.key(one.item) in keys]

    def _told(self, notes: list[str]) -> list[str]:
        """The notes, which the user sees now."""
        for note in notes:
            self.log(f"note: {note}")
        return notes

    def _table(self, plate: Plate) -> dict[str, list[Cell]]:
        """The plate's columns; those of the targets are empty, for the laboratory to fill in."""
        science, reference, cost = self.science, self.reference, cost_column(self.settings)
        number, count = self.history.next_round, len(plate.items)
        table: dict[str, list[Cell]] = {
            "id": [f"r{number}-{place:0{len(str(count))}}" for place in range(1, count + 1)],
            "item": [science.items.text(item) for item in plate.items],
            **science.items.readable_columns(plate.items),
        }
        if reference is not None:
            table[name_column(reference)] = [variants_of(science).name_of(reference, item) for item in plate.items]
        settings = [setting_values(text) for text in plate.settings]
        for one in self.process.parameters:
            values = [own[one.name] for own in settings]
            table[one.name] = [float(value) for value in values] if one.is_number else values
        table |= {name: [None] * count for name in plate.predicted}
        table["round"] = [number] * count
        for name, numbers in plate.predicted.items():
            table |= dict(zip(self._foretold(name), numbers.tolist(), strict=True))
        if self.analogues is not None:
            known, difference = [one.item for one in self.known], self.analogues.difference
            by_item = {science.items.key(one.item): self.values[self.run(one)] for one in self.known}
            table |= nearest_measured(science, difference, plate.items, known, by_item, list(plate.predicted))
        if any(goal.is_constraint for goal in self.targets):
            table["feasible"] = plate.feasible.tolist()
        for name, oracle in self.predictors.items():
            table |= score_columns(f"{PREFIX}{name}", score_safely(oracle, plate.items) if plate.items else [])
        table |= {name: cells for name, cells in left_open_columns(science, plate.items).items() if name not in table}
        table["source"] = list(plate.sources)
        if cost and (pool := self.supplied[0]) is not None:
            costs = dict(zip(pool.keys, pool.costs.tolist(), strict=True))
            table[cost] = [costs.get(science.items.key(item)) for item in plate.items]
        return table if self.blocks is None else table | how_made(self.blocks, plate.items)

    def measured_ledger(self) -> dict[str, dict[str, int]]:
        """What became of the rows of journal and tables; of several targets, of their values."""
        lost = sum((one.rows for one in self.histories.values()), Counter[str]())
        kinds = [entry.kind for one in self.histories.values() for entry in one.entries]
        every, used = (sum(map(len, own.values())) for own in (self.every, self.measured))
        found = {"used": used, "replicates": kinds.count("measured") - every}
        found["not aligned with the wild type"] = every - used
        return ledger("values" if self.several else "rows", lost.pop("read", 0), {**found, **lost})

    def _ledgers(self, plate: Plate) -> dict[str, Any]:
        """What became of the items that were asked for, and of the measurements."""
        controls = plate.sources.count(CONTROL)
        parts = {
            "picked": len(plate.items) - controls,
            "controls": controls,
            "no candidate left": self.batch - len(plate.items),
        }
        return {**ledger("asked", self.batch, parts), "measured_ledger": self.measured_ledger()["ledger"]}

    def _foretold(self, target: str) -> list[str]:
        """The columns of a target's predictions."""
        return [f"{name}_{target}" if self.several else name for name in ("predicted", "lower", "upper")]

    def _entries(self, table: Mapping[str, list[Any]], plate: Plate) -> list[Entry]:
        """A journal entry for each target and row, NaN as None, with the forecast in the first of them."""
        directions = {goal.name: goal.direction for goal in self.targets if goal.is_objective}
        named, number, found = name_column(self.reference), self.history.next_round, list[Entry]()
        names = table[named] if named else [""] * len(plate.items)
        for target in plate.predicted:
            columns = [table[name] for name in ("item", "source", *self._foretold(target))]
            settings = plate.settings or [""] * len(plate.items)
            for name, own, item, source, *numbers in zip(names, settings, *columns, strict=True):
                predicted, lower, upper = map(none_if_nan, numbers)
                found.append(Entry(
                    number, item, "proposed", None, None, predicted, lower, upper, source, name, target,
                    directions.get(target) or "", parameters=own,
                ))  # fmt: skip
        if plate.forecast is not None and found:
            found[0] = replace(found[0], forecast=plate.forecast.to_text())
        return found

    def _notes(self, plate: Plate, table: Mapping[str, list[Any]], model: SurrogatePosterior | None) -> list[str]:
        """Notes on the items of a plate. model: of the only target."""
        science = self.science
        known = [science.items.text(one.item) for one in self.known]
        found = [SCALE_NOTES[model.warp.name]] if model is not None and model.warp.name in SCALE_NOTES else []
        found += crowded_letters(science, table["item"], known, self.reference)
        if not self.several and wild_type(self.space):
            measured = science.items.text(self.origin) in known
            found += wild_type_notes(plate, self.target, table["id"], self.minimize, measured)
        found += left_open_notes(science, table, "items of the plate", "`where`")
        if self.blocks is not None:
            made = [item for item, source in zip(plate.items, plate.sources, strict=True) if source != CONTROL]
            found += material_notes(self.blocks, made)
        return found + by_predictors(table, list(self.predictors), self.target)

    def _summary(
        self, plate: Plate, table: Mapping[str, list[Any]], model: SurrogatePosterior | None, refused: int
    ) -> tuple[dict[str, Any], list[str]]:
        """Counts and settings that the plate is based on; and notes on what was measured. model: of the only target."""
        shared = {
            "round": self.history.next_round, "proposed": len(plate.items), "candidates": plate.candidate_count,
            "measured": len(self.known),
        }  # fmt: skip
        used = Counter(plate.settings)
        further = {
            **({"settings": dict(used.most_common())} if used else {}),
            "sources": {name: plate.sources.count(name) for name in dict.fromkeys(plate.sources)},
            "left_open": left_open_counts(self.science, table),
            "seed": self.settings.seed,
        }
        if self.several:
            front = list(self.ranks.values()).count(0)
            lacking = sum(len(own) < len(self.measured) for own in self.values.values())
            return {
                **shared,
                "front": front,
                "hypervolume": none_if_nan(dominated_volume(self.values, self.targets)),
                "pending": len(self.waiting),
                "surrogates": {name: one.name for name, one in plate.models.items()},
                "correlations": {name: none_if_nan(one.correlation) for name, one in plate.models.items()},
                "refused": refused,
                **further,
            }, front_notes(front, len(self.ranks), lacking, len(self.known))
        journal, keys, minimize = self.history.journal, self.history.keys, self.minimize
        values = settled_values(self.known, minimize)
        past, last = outcomes(journal, keys, minimize), evidence(journal, keys, minimize)
        correlation = math.nan if model is None else model.correlation
        seen = causes(last, correlation, len(self.known))
        return {
            **shared,
            "best": None if not values else min(values) if minimize else max(values),
            "pending": len(self.waiting),
            "surrogate": "" if model is None else model.name,
            "refused": refused,
            "log_likelihood": {} if model is None else dict(model.likelihoods),
            **further,
            **forecast_summary(plate.forecast, past),
            "correlation": none_if_nan(correlation),
            "causes": list(seen),
        }, hit_notes(plate, self.target, minimize, past, last, seen)
