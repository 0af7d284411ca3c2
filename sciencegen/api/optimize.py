"""Optimize: a wish and a budget to a ranked, distinct, checked list of candidates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from sciencegen.api.criteria.goals import check_domains, read_goals
from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.models.completion import Complete, completer
from sciencegen.api.models.folder import LoadedModel, name_columns, name_suffixes, open_model
from sciencegen.api.models.identity import data_of
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import NameSuffixes, constraint_of, exempt_motifs
from sciencegen.api.search.novelty import Known, read_known
from sciencegen.api.search.space import search_space
from sciencegen.api.search.tables import (
    beyond,
    candidates_table,
    control_summary,
    judged_by_intervals,
    met_by,
    outside,
    scored_table,
    trace_table,
)
from sciencegen.config import OptimizeSettings, build_settings
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import AllFailed, Evaluation, Objective, ScoringOptions, resolve_oracles
from sciencegen.optimization.pareto import pareto_set
from sciencegen.optimization.search import load_method
from sciencegen.optimization.selection import select
from sciencegen.optimization.spaces import SearchSettings
from sciencegen.options import OptimizeOptions, takes
from sciencegen.records import to_record
from sciencegen.scoring.cache import CachedOracle
from sciencegen.scoring.oracles import Oracle

Log = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """table: the candidates. trace: method, call, top_10, feasible. scored: everything that the search looked at.
    domain: of the items: its name, or that of the form that the model makes. complete: gives candidates the structures
    that files hold, where a model is named for it. numbers: how their names end there."""

    domain: str
    table: dict[str, list[Any]]
    trace: dict[str, list[Any]]
    scored: dict[str, list[Any]]
    failed: list[tuple[int, str, str]]
    summary: dict[str, Any]
    complete: Complete | None = None
    numbers: NameSuffixes | None = None


@takes(OptimizeSettings)
def optimize(domain: str, goals: str | Sequence[str] = (), **options: Unpack[OptimizeOptions]) -> Any:
    """The candidates as a pandas table; the settings are those of `sciencegen optimize`."""
    import pandas as pd

    found = search(domain, build_settings(OptimizeSettings, {"goals": goals, **options}))
    table = pd.DataFrame(found.table)
    table.attrs["summary"] = found.summary
    return table


def search(
    domain: str,
    settings: OptimizeSettings,
    *,
    log: Log = lambda text: None,
    advance: Callable[[int], None] | None = None,
) -> Found:
    """Run the method (and the controls beside it, each with its own budget), then select among what it scored.

    Raises `AllFailed` where no item could be scored.
    """
    science = domain_of(domain)
    goals, options = check_wish(domain, settings)
    model = open_model(domain, settings.model, settings)
    book = OracleBook(domain, settings.predictors, settings.oracles, model.oracles)
    further = {name: book.resolve(name) for name in (*settings.include, *settings.predictors)}  # before any work
    oracles = {
        name: CachedOracle(oracle, science.items.key) for name, oracle in resolve_oracles(goals, book.resolve).items()
    }
    space = search_space(model, settings)
    for note in exempt_motifs(science, model.reference, settings.forbid):
        log(f"note: {note}")
    finish = completer(domain, settings.complete or model.config.get("complete"), settings.seed, settings)
    training = settings.training or data_of(model.folder)
    every = settings.novel or settings.training is not None
    known = read_known(domain, training, model.config.get("training_data"), settings.threads, every, log)
    known = replace(known, start=frozenset(map(science.items.key, space.start)))
    if settings.novel and known.empty:
        log("note: no training data is known, so novelty can't be checked; pass `training`")
    elif known.committed is not None and training is None:
        log("note: similarity_to_training stays empty: only which items are known is shipped; pass `training`")
    traces: dict[str, list[Evaluation]] = {}
    for name in dict.fromkeys((settings.method, *settings.controls)):
        scoring = ScoringOptions(cautious=settings.lower_bounds, progress=_progress(advance))
        objective = Objective(goals, oracles, science.items.key, settings.budget, scoring)
        load_method(name)(space, objective, np.random.default_rng(settings.seed), options)
        objective.check_scores()
        traces[name] = objective.trace
        log(f"{name}: {len(objective.trace)} scored, {sum(e.feasible for e in objective.trace)} satisfy the goals")
    found = _found(settings, goals, traces, known, model, further)
    judged = judged_by_intervals(goals, found.table) if settings.lower_bounds else []
    found.summary["notes"] = [*judged, *outside(found.table), *beyond(found.table, goals, oracles)]
    for note in found.summary["notes"]:
        log(f"note: {note}")
    return replace(found, complete=finish, numbers=name_suffixes(model.representation))


def check_wish(
    domain: str, settings: OptimizeSettings, further: Collection[str] = ()
) -> tuple[list[Goal], SearchSettings]:
    """The goals and the methods' settings; what is wrong is told before a model is read, or trained.

    further: names of predictors beside the settings'.
    """
    science = domain_of(domain)
    for name in (settings.method, *settings.controls):
        load_method(name)
    constraint_of(science, settings.keep, settings.forbid, None)
    options = to_record(SearchSettings, settings.settings, "search settings")
    goals = read_goals(science, settings.goals)
    check_domains(goals, {*settings.predictors, *further})
    return goals, options


def _progress(advance: Callable[[int], None] | None) -> Callable[[Objective], None] | None:
    if advance is None:
        return None
    done = [0]

    def show(objective: Objective) -> None:
        advance(len(objective.trace) - done[0])
        done[0] = len(objective.trace)

    return show


def _found(
    settings: OptimizeSettings, goals: list[Goal], traces: dict[str, list[Evaluation]], known: Known,
    model: LoadedModel, further: Mapping[str, Oracle],
) -> Found:  # fmt: skip
    science, trace = model.domain, traces[settings.method]
    feasible = [evaluation for evaluation in trace if evaluation.feasible]
    novel = [e for e in feasible if not known.holds(e.item)] if settings.novel else feasible
    alike = science.similarity.maximum if settings.maximum_similarity is None else settings.maximum_similarity
    picked = select(novel, settings.n, science.similarity.matrix, alike)
    front = {evaluation.key for evaluation in pareto_set(novel)}
    names = list(dict.fromkeys(goal.name for goal in goals))
    table = candidates_table(science, picked, names, further, known, name_columns(model.representation))
    if sum(goal.is_objective for goal in goals) > 1:
        table["pareto"] = [evaluation.key in front for evaluation in picked]
    failed = [(e.call, science.items.text(e.item), e.failure) for e in trace if e.failure is not None]
    summary = {
        "candidates": len(picked),
        "scored": len(trace),
        "feasible": len(feasible),
        "known": len(feasible) - len(novel),
        "alike": len(novel) - len(picked) if len(picked) < settings.n else 0,
        "failed": len(failed),
        "met_by": met_by(goals, trace, settings.lower_bounds),
        "maximum_similarity": alike,
        "method": settings.method,
        "goals": list(settings.goals),
        "seed": settings.seed,
        "model": str(model.folder),
        "controls": {name: control_summary(other, settings.n) for name, other in traces.items()},
    }
    return Found(science.name, table, trace_table(traces), scored_table(science, trace, names), failed, summary)


__all__ = ["AllFailed", "Found", "check_wish", "optimize", "search"]
