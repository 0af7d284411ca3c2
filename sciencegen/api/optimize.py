"""Optimize: search for items that meet goals, and rank the best distinct ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.criteria import (
    Condition,
    OracleBook,
    check_domains,
    parse_conditions,
    read_goals,
    scales_of,
    with_constraints,
)
from sciencegen.api.models.completion import Completer, completer
from sciencegen.api.models.folder import LoadedModel, describe_model, name_columns, name_suffixes
from sciencegen.api.models.identity import data_of
from sciencegen.api.sampling.request import check_limits, checked_conditions, condition_notes
from sciencegen.api.science import NameSuffixes, check_kept, constraint_of, domain_of, exempt_motifs, in_form
from sciencegen.api.search import (
    FOUND_BY,
    METHODS,
    Known,
    Pooled,
    SearchProgress,
    candidate_notes,
    candidates_table,
    class_notes,
    control_notes,
    control_summary,
    diversity_filter,
    judged_by_intervals,
    learned_notes,
    left_open_counts,
    makeable_starts,
    met_by,
    read_known,
    scored_table,
    search_oracles,
    search_space,
    space_of_blocks,
    start_notes,
    start_rows,
    too_narrow,
    trace_table,
    variety_of,
    with_predictors,
)
from sciencegen.api.sources.blocks import Blocks, blocks_of, check_blocks
from sciencegen.api.writing.output_record import Criteria, Ingredients, Written, check_record, ingredients_of, origin_of
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import (
    check_complete,
    check_endings,
    csv_beside,
    left_out_by_reason,
    write_candidates,
    write_json,
    write_rejected,
    write_structures,
)
from sciencegen.config import OptimizeSettings, as_texts, build_settings
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import Refused, write_table
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Representation
from sciencegen.errors import ConfigError, IncompatibleError, unknown_name
from sciencegen.files import claim_output, reserved
from sciencegen.items import Cell, Item, Json, Origin
from sciencegen.optimization.goals import Goal, parse_goals
from sciencegen.optimization.objective import AllFailed, Evaluation, Objective, ScoringOptions
from sciencegen.optimization.pareto import are_optimal, nondominated
from sciencegen.optimization.search import load_method
from sciencegen.optimization.selection import select
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.options import takes
from sciencegen.records import ledger, to_record
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from sciencegen.figures.style import Figure
    from sciencegen.report.content import GoalAxis


Log = Callable[[str], None]


@dataclass(frozen=True)
class OptimizeRequest:
    """A search with checked settings.

    options: settings of the methods. oracles: by goal; further: oracles by column, for candidates only. known: items
    that don't count as new. complete: computes structures of candidates. origin: provenance of their files. made_of:
    for the records beside them. blocks: what candidates are made of, or None.
    """

    settings: OptimizeSettings
    goals: Sequence[Goal]
    options: SearchSettings
    model: LoadedModel
    oracles: Mapping[str, Oracle]
    further: Mapping[str, Oracle]
    space: SearchSpace
    known: Known
    complete: Completer | None
    origin: Origin
    made_of: Ingredients
    notes: tuple[str, ...] = ()
    blocks: Blocks | None = None

    @property
    def given(self) -> Sequence[Item]:
        """The start items, if the settings name them."""
        return self.space.start if self.settings.start else ()


@takes(OptimizeSettings)
def optimize(domain: str, goals: str | Sequence[str] = (), **options: object) -> Optimized:
    """Search a model's latent space for items that satisfy goals.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    goals : str or sequence of str
        Objectives ("maximize qed") and constraints ("sa <= 3", "logp in 1..3", "similarity to CCO >= 0.4"), in the
        properties' units.

    Returns
    -------
    Optimized
        `table` holds the candidates, best first; `trace` and `scored` record the search.

    Raises
    ------
    ConfigError
        For an unknown domain, model, property, method or setting.
    AllFailed
        If no item could be scored.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.optimize("molecules", ["maximize qed", "sa <= 4"], budget=12, n=1, threads=1)
    >>> found.table["rank"].tolist(), len(found.scored)
    ([1], 12)
    """
    import pandas as pd

    settings = build_settings(OptimizeSettings, {**options, "goals": as_texts(goals)})
    request = resolve_optimize(domain, settings)
    found = search(request)
    trace, scored = pd.DataFrame(found.trace), pd.DataFrame(found.scored)
    notes = (*request.notes, *found.summary["notes"])
    return Optimized(
        pd.DataFrame(found.table), found.summary, notes, trace=trace, scored=scored, record=found, domain=found.domain
    )


def resolve_optimize(domain: str, settings: OptimizeSettings, log: Log = lambda text: None) -> OptimizeRequest:
    """Load and check everything that a search needs; errors are raised before any item is scored."""
    try:
        found = describe_model(domain, settings.model)
    except (ConfigError, IncompatibleError):
        search_criteria(domain_of(domain), settings, domain_of(domain))  # a wrong wish is told before a missing model
        raise
    science, representation = domain_of(found.results), found.representation
    formed = domain_of(in_form(domain, found.recipe.form))
    conditions, goals, options = search_criteria(science, settings, formed, representation)
    model = found.load(settings.device, inference_threads(settings.threads))
    check_limits(representation, conditions)
    checked = checked_conditions(model, conditions, settings.predictors)
    goals = with_constraints(goals, [one.goal for one in checked], scales_of(formed, representation.measures))
    notes = condition_notes(model, conditions, checked)
    if settings.where and settings.blocks is not None:
        notes.append("items from building blocks aren't drawn under the conditions of `where`, which only filter")

    book = OracleBook(
        found.results, settings.predictors, settings.oracles, model.oracles, (), settings.threads, model.device
    )
    key = science.items.key
    oracles, further, cached = search_oracles(book, goals, settings, key)
    known, unknown = _known(found.results, settings, model, log)
    beside = known.items if settings.blocks is None else None  # a route is a better sign than known environments
    space = search_space(model, settings.start, settings.keep, settings.forbid, settings.plausible, beside, conditions)
    blocks, makeable = blocks_of(science, settings), list[str]()
    if blocks is not None:
        start, about_starts = makeable_starts(science, space.start if settings.start else (), blocks.moves)
        makeable, space = [*blocks.notes, *about_starts], space_of_blocks(space, blocks.moves, start)
    space = replace(space, variety=diversity_filter(science, settings.further.maximum_share))
    complete = completer(domain, settings.complete or model.config.get("complete"), settings.seed, settings)
    known, kept = with_predictors(replace(known, start=frozenset(map(key, space.start))), settings.predictors)
    motifs = exempt_motifs(science, model.reference, settings.forbid)

    texts = [*settings.criteria, f"method {settings.method}, budget {settings.budget}"]
    origin = origin_of(
        "optimize", model, Criteria(texts, settings.keep, settings.forbid, settings.start), settings.seed
    )
    made_of = ingredients_of("optimize", domain, settings, model, complete)
    wide = too_narrow(goals, settings.predictors) if settings.further.lower_bounds else []
    told = (*wide, *makeable, *cached, *(kept if settings.novel else ()), *notes, *motifs, *unknown)
    return OptimizeRequest(
        settings, goals, options, model, oracles, further, space, known, complete, origin, made_of, told, blocks
    )


def _known(domain: str, settings: OptimizeSettings, model: LoadedModel, log: Log) -> tuple[Known, tuple[str, ...]]:
    """Known items, and notes on what is missing to check novelty."""
    training = settings.training or data_of(model.folder)
    every = settings.novel or settings.training is not None
    known = read_known(domain, training, model.config.get("training_data"), settings.threads, every, log)
    if settings.novel and known.empty:
        return known, ("no training data is known, so novelty can't be checked; pass `training`",)
    return known, ()


def search(
    request: OptimizeRequest,
    *,
    log: Log = lambda text: None,
    advance: Callable[[int], None] = lambda count: None,
) -> SearchRecord:
    """Run the method and the controls, each with the full budget, then select among all scored items.

    advance: called with the number of items that were scored since the last time.

    Raises `AllFailed` where no item could be scored.
    """
    settings, key = request.settings, request.model.domain.items.key
    traces: dict[str, list[Evaluation]] = {}
    for name in dict.fromkeys((settings.method, *settings.controls)):
        progress = SearchProgress(request.oracles, settings.budget, advance)
        scoring = ScoringOptions(cautious=settings.further.lower_bounds, progress=progress.recorded)
        objective = Objective(request.goals, progress.oracles, key, settings.budget, scoring)
        load_method(name)(request.space, objective, np.random.default_rng(settings.seed), request.options)
        objective.check_scores()
        traces[name] = objective.trace
        log(f"{name}: {len(objective.trace)} scored, {sum(e.feasible for e in objective.trace)} satisfy the goals")
    found = _found(request, Pooled.of(traces, settings.method))
    judged = judged_by_intervals(request.goals, found.table) if settings.further.lower_bounds else []
    starts = start_notes(found.summary["starts"], list(request.oracles), bool(judged))
    further = candidate_notes(request.model.domain, found.table, request.goals, request.oracles)
    learned = learned_notes(found.summary["learned_from"], settings.novel)
    methods = control_notes(found.summary)
    found.summary["notes"] = [*class_notes(found.summary), *methods, *starts, *learned, *judged, *further]
    return found


def search_criteria(
    science: Domain, settings: OptimizeSettings, formed: Domain, representation: Representation | None = None,
    trained: Collection[str] = (),
) -> tuple[list[Condition], list[Goal], SearchSettings]:  # fmt: skip
    """The conditions, the goals and the settings of the method. All that can be checked before a model is loaded or
    trained is: patterns, blocks, limits of classes.

    science: of the candidates. formed, representation: of the model's items, where it is known. trained: names of
    predictors in addition to those of the settings.
    """
    methods = (settings.method, *settings.controls)
    for name in methods:
        load_method(name)
    if settings.blocks is not None:
        check_blocks(science, settings.blocks)
        if wrong := next((name for name in methods if name not in METHODS), None):
            known = ", ".join(METHODS)
            raise ConfigError(f"Expected a method that needs no latents ({known}) with `blocks`, got '{wrong}'.")
    constraint_of(science, settings.keep, settings.forbid, None)
    check_kept(science, {"keep": settings.keep}, settings.plausible)
    diversity_filter(science, settings.further.maximum_share)
    options = to_record(SearchSettings, settings.further.of_method, "search settings")
    conditions = parse_conditions(settings.where, formed, representation)
    goals = read_goals(formed, settings.goals, None if representation is None else representation.measures)
    check_domains(goals, {*settings.predictors, *trained})
    return conditions, goals, options


def _found(request: OptimizeRequest, pooled: Pooled) -> SearchRecord:
    settings, goals, model, known = request.settings, request.goals, request.model, request.known
    science, trace = model.domain, pooled.evaluations
    feasible = [evaluation for evaluation in trace if evaluation.feasible]
    novel = [e for e in feasible if not known.holds(e.item)] if settings.novel else feasible
    picked = select(novel, settings.n, science.similarity.matrix, _alike(request), variety=request.space.variety)
    names = list(dict.fromkeys(goal.name for goal in goals))
    failed = [(e.call, science.items.text(e.item), e.failure) for e in trace if e.failure is not None]
    rejects = () if request.blocks is None else request.blocks.refused
    summary = {
        "candidates": len(picked),
        "scored": len(trace),
        "feasible": len(feasible),
        "known": len(feasible) - len(novel),
        "learned_from": known.learned_from([evaluation.item for evaluation in feasible]),
        "alike": len(novel) - len(picked) if len(picked) < settings.n else 0,
        "failed": len(failed),
        **_search_facts(request, pooled, novel, picked),
    }
    table, scored = _candidates(request, picked, novel, names), scored_table(science, trace, names)
    if pooled.has_controls:
        summary[FOUND_BY] = pooled.counts(picked)
        table[FOUND_BY], scored[FOUND_BY] = pooled.found_by(picked), pooled.found_by(trace)
    summary["left_open"] = left_open_counts(science, table)
    failed_ones = sum(e.failure is not None and not e.feasible for e in trace)
    summary |= ledger("scored", len(trace), {
        "candidates": len(picked), "failed": failed_ones, "miss a condition": len(trace) - len(feasible) - failed_ones,
        "known": len(feasible) - len(novel), "not among the best": len(novel) - len(picked),
    })  # fmt: skip
    tables = table, trace_table(pooled.traces), scored
    suffixes = name_suffixes(model.representation)
    return SearchRecord(
        science.name, *tables, [*rejects, *failed], summary, request.complete, suffixes, request.origin, request.made_of
    )


def _alike(request: OptimizeRequest) -> float:
    """Greatest similarity of two candidates."""
    chosen = request.settings.further.maximum_similarity
    return request.model.domain.similarity.maximum if chosen is None else chosen


def _search_facts(
    request: OptimizeRequest, pooled: Pooled, novel: Sequence[Evaluation], picked: Sequence[Evaluation]
) -> dict[str, object]:
    """Parts of a summary: what was asked, and how starts, controls and classes of candidates compare."""
    settings, goals, science, variety = request.settings, request.goals, request.model.domain, request.space.variety
    trace, alike = pooled.evaluations, _alike(request)
    cautious = settings.further.lower_bounds
    facts: dict[str, object] = {
        "met_by": met_by(goals, trace, cautious),
        "maximum_similarity": alike,
        "method": settings.method,
        "goals": settings.criteria,
        "seed": settings.seed,
        "model": str(request.model.folder),
        "starts": start_rows(science, goals, request.given, trace, picked, cautious),
        "controls": {
            name: control_summary(other, settings.n, variety) | {"met_by": met_by(goals, other, cautious)}
            for name, other in pooled.traces.items()
        },
    }
    if variety is not None:
        best = select(novel, settings.n, science.similarity.matrix, alike)  # without the limit
        facts["variety"] = variety_of(science, goals, picked, best, variety.share, settings.n)
    return facts


def _candidates(
    request: OptimizeRequest, picked: Sequence[Evaluation], novel: Sequence[Evaluation], names: Sequence[str]
) -> dict[str, list[Cell]]:
    science, called = request.model.domain, name_columns(request.model.representation)
    table = candidates_table(science, picked, names, request.further, request.known, called)
    if request.blocks is not None:
        table |= request.blocks.moves.columns([evaluation.item for evaluation in picked])
    if sum(goal.is_objective for goal in request.goals) > 1:
        table["pareto"] = are_optimal(picked, novel)
    return table


# The files of a search: candidates, their structures, and details.

DETAILS = ("trace.csv", "scored.parquet", "summary.json")
"""Files in the folder of details: progress, scored items and summary."""

Table = Mapping[str, Sequence[Cell]]
"""Columns by name."""


@dataclass(frozen=True)
class SearchFiles:
    """output: the candidates, as Parquet and CSV, or as CSV only. structures: their structures. details: a folder for
    `DETAILS`."""

    output: str
    structures: str | None = None
    details: str | None = None

    @property
    def paths(self) -> list[str]:
        """All files that may be written, except the rejects."""
        within = [] if self.details is None else [str(Path(self.details) / name) for name in DETAILS]
        structures = [] if self.structures is None else [self.structures]
        return [self.output, *csv_beside(self.output), *structures, *within]

    def claim(self, domain: str, overwrite: bool, complete: str | None = None) -> None:
        """Raise an error for files that exist or can't be written. complete: the completing model."""
        for path in self.paths:
            claim_output(path, overwrite)
            check_record(path)
        check_endings(domain, self.output, self.structures)
        check_complete(complete, self.output, self.structures)


@dataclass(frozen=True)
class SearchRecord:
    """Results of a search. domain: name of the domain, or of the form that the model generates. table: the candidates.
    trace: method, call, top_10, feasible. scored: all scored items. failed: items that could not be scored. complete:
    computes structures of candidates for files, or None. name_suffixes: suffixes of names in such files. made_of: for
    the records beside the files of candidates."""

    domain: str
    table: Table
    trace: Table
    scored: Table
    failed: Sequence[Refused]
    summary: Json
    complete: Completer | None = None
    name_suffixes: NameSuffixes | None = None
    origin: Origin | None = None
    made_of: Ingredients | None = None

    def write(self, files: SearchFiles, overwrite: bool = False) -> None:
        """Write the files, with a record beside each file of candidates."""
        domain, complete, suffixes, origin = domain_of(self.domain), self.complete, self.name_suffixes, self.origin
        refused = write_candidates(domain, files.output, self.table, complete, overwrite, suffixes, origin)
        for path in (files.output, *csv_beside(files.output)):
            self._record(path, refused)
        self.summary.update(left_out_by_reason(Counter(reason for _, _, reason in refused)))
        if files.structures is not None:
            lost = write_structures(domain, files.structures, self.table, complete, origin, suffixes)
            write_rejected(files.structures, lost)
            self._record(files.structures, lost)
        if files.details is not None:
            trace, scored, summary = (Path(files.details) / name for name in DETAILS)
            write_table(trace, self.trace)
            write_table(scored, self.scored)
            write_json(str(summary), self.summary)
        write_rejected(files.output, [*self.failed, *refused])

    def _record(self, output: str, refused: Sequence[Refused]) -> None:
        """Write the record of a file of candidates. Its rows depend on each other, so they have no draws."""
        if self.made_of is not None:
            self.made_of.write(output, Written(len(next(iter(self.table.values()), ())) - len(refused)))


@dataclass(frozen=True)
class Optimized(Result):
    """Ranked candidates.

    Parameters
    ----------
    trace : pandas.DataFrame
        Mean of the ten best scores by the number of scored items, for each method.
    scored : pandas.DataFrame
        All scored items, in order.
    """

    trace: pd.DataFrame = field(kw_only=True)
    scored: pd.DataFrame = field(kw_only=True)
    record: SearchRecord = field(kw_only=True, repr=False)

    def write(
        self,
        path: str | Path,
        overwrite: bool = False,
        *,
        structures: str | Path | None = None,
        details: str | Path | None = None,
    ) -> Path:
        """Write the files that the command writes.

        Parameters
        ----------
        path : str or Path
            File of the candidates: a table (.csv; .parquet and a .csv), or one of the domain's own formats.
        overwrite : bool
            Whether to replace existing files.
        structures : str or Path, optional
            A second file of the candidates, in the format of its ending.
        details : str or Path, optional
            A folder for `trace.csv`, `scored.parquet` and `summary.json`.

        Returns
        -------
        Path
            The file of the candidates.
        """
        files = SearchFiles(str(path), *(None if one is None else str(one) for one in (structures, details)))
        with reserved(*files.paths):
            files.claim(self.record.domain, overwrite)
            self.record.write(files, overwrite)
        return Path(path)

    def plot_trace(self) -> Figure:
        """How the search went: the mean of the ten best scores by the number of scored items, also of the controls.

        Returns
        -------
        matplotlib.figure.Figure
            Of the width of a journal's column; save it by `savefig`.

        Examples
        --------
        >>> import sciencegen as sg
        >>> found = sg.optimize("molecules", "maximize qed", budget=12, n=1, threads=1)
        >>> found.plot_trace().axes[0].get_xlabel()
        'scored items'
        """
        from sciencegen.report.plots import trace_figure

        return trace_figure(self.record.trace, str(self.summary["method"]))

    def plot_pareto(self, x: str | None = None, y: str | None = None) -> Figure:
        """All scored items by two goals: those that meet all goals, their Pareto front, and the candidates.

        Parameters
        ----------
        x, y : str, optional
            Names in two of the goals; by default the first two, objectives before constraints. A front is drawn if both
            are maximized or minimized.

        Returns
        -------
        matplotlib.figure.Figure
            Of the width of a journal's column; save it by `savefig`.

        Raises
        ------
        ConfigError
            For a search with one goal only, or a name that is in no goal.

        Examples
        --------
        >>> import sciencegen as sg
        >>> found = sg.optimize("molecules", ["maximize qed", "minimize sa"], budget=12, n=1, threads=1)
        >>> found.plot_pareto().axes[0].get_ylabel()
        'sa, lower is better'
        """
        from sciencegen.report.plots import pareto_figure

        first, second = self._two_goals(x, y)
        names = [first.name, second.name]
        points, feasible = self.scored[names].to_numpy(float), self.scored["feasible"].to_numpy(bool)
        front = np.zeros(len(points), bool)
        if first.direction and second.direction:
            signs = [-1.0 if one.direction == "minimize" else 1.0 for one in (first, second)]
            among = np.flatnonzero(feasible & np.isfinite(points).all(1))
            front[among[nondominated(points[among] * signs)]] = True
        return pareto_figure(points, feasible, front, self.table[names].to_numpy(float), (first, second))

    def _two_goals(self, x: str | None, y: str | None) -> tuple[GoalAxis, GoalAxis]:
        """The axes of a plot."""
        goals = parse_goals(self.summary["goals"])
        names = list(dict.fromkeys(goal.name for goal in sorted(goals, key=lambda goal: not goal.is_objective)))
        for name in filter(None, (x, y)):
            if name not in names:
                raise unknown_name("goal", name, names)
        first = x or next((name for name in names if name != y), None)
        second = y or next((name for name in names if name != first), None)
        if first is None or second is None:
            raise ConfigError(f"Expected two goals to plot, got {', '.join(names)} only. Use `plot_trace`.")
        return self._axis(first, goals), self._axis(second, goals)

    def _axis(self, name: str, goals: Sequence[Goal]) -> GoalAxis:
        from sciencegen.report.content import GoalAxis

        own = [goal for goal in goals if goal.name == name]
        known = domain_of(self.record.domain).properties.get(name)
        direction = next((goal.direction for goal in own if goal.direction), None)
        low, high = max(goal.low for goal in own), min(goal.high for goal in own)
        return GoalAxis(name, known.unit if known else "", direction, low, high)


__all__ = [
    "AllFailed", "OptimizeRequest", "Optimized", "SearchFiles", "SearchRecord", "optimize", "resolve_optimize",
    "search", "search_criteria",
]  # fmt: skip
