"""Optimize: a wish and a budget to a ranked, distinct, checked list of candidates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sciencegen.api.complete import Complete, completer
from sciencegen.api.models import LoadedModel, name_columns, numbers, open_model
from sciencegen.api.novelty import Known, read_known
from sciencegen.api.oracles import OracleBook
from sciencegen.api.predictor_inputs import latents_of
from sciencegen.api.records import to_record
from sciencegen.api.references import constraint_of, held, parse_texts
from sciencegen.api.rooms import domain_of, plain_name
from sciencegen.api.search_tables import (
    beyond,
    candidates_table,
    control_summary,
    judged_by_intervals,
    met_by,
    outside,
    scored_table,
    trace_table,
)
from sciencegen.api.sinks import Numbers
from sciencegen.api.training_folder import data_of
from sciencegen.api.wishes import check_wishes
from sciencegen.config import OptimizeSettings, build_settings
from sciencegen.domains.base import Refusal
from sciencegen.errors import ConfigError
from sciencegen.latent.explorer import is_refusal
from sciencegen.optimization.goals import Goal, parse_goals
from sciencegen.optimization.objective import AllFailed, Evaluation, Objective, resolve_oracles
from sciencegen.optimization.pareto import pareto_set
from sciencegen.optimization.search import load_method
from sciencegen.optimization.selection import select
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
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
    numbers: Numbers | None = None


def optimize(domain: str, goals: str | Sequence[str] = (), **settings: Any) -> Any:
    """The candidates as a pandas table; the settings are those of `sciencegen optimize`."""
    import pandas as pd

    found = search(domain, build_settings(OptimizeSettings, {"goals": goals, **settings}))
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
    oracles = {name: CachedOracle(oracle, science.key) for name, oracle in resolve_oracles(goals, book.resolve).items()}
    space = search_space(model, settings)
    for note in held(science, getattr(model.representation, "reference", None), settings.forbid):
        log(f"note: {note}")
    finish = completer(domain, settings.complete or model.config.get("complete"), settings.seed, settings)
    training = settings.training or data_of(model.folder)
    every = settings.novel or settings.training is not None
    known = read_known(domain, training, model.config.get("training_data"), settings.threads, every, log)
    known = replace(known, start=frozenset(map(science.key, space.start)))
    if settings.novel and known.empty:
        log("note: no training data is known, so novelty can't be checked; pass --training")
    elif known.committed is not None and training is None:
        log("note: similarity_to_training stays empty: only which items are known is shipped; pass --training")
    traces: dict[str, list[Evaluation]] = {}
    for name in dict.fromkeys((settings.method, *settings.controls)):
        objective = Objective(
            goals, oracles, science.key, settings.budget, cautious=settings.lower_bounds, progress=_progress(advance)
        )
        load_method(name)(space, objective, np.random.default_rng(settings.seed), options)
        objective.check_scores()
        traces[name] = objective.trace
        log(f"{name}: {len(objective.trace)} scored, {sum(e.feasible for e in objective.trace)} satisfy the goals")
    found = _found(settings, goals, traces, known, model, further)
    judged = judged_by_intervals(goals, found.table) if settings.lower_bounds else []
    found.summary["notes"] = [*judged, *outside(found.table), *beyond(found.table, goals, oracles)]
    for note in found.summary["notes"]:
        log(f"note: {note}")
    return replace(found, complete=finish, numbers=numbers(model.representation))


def check_domains(goals: Sequence[Goal], predictors: Collection[str]) -> None:
    """An error for `NAME in domain` of what isn't a predictor: it would ask for nothing."""
    for goal in goals:
        if goal.in_domain and goal.name not in predictors:
            raise ConfigError(
                f"Expected a predictor in '{goal.text}', {goal.name} is none. Pass --predictor {goal.name}=FOLDER, "
                "or leave the goal out."
            )


def check_wish(
    domain: str, settings: OptimizeSettings, further: Collection[str] = ()
) -> tuple[list[Goal], SearchSettings]:
    """The goals and the methods' settings; what is wrong is told before a model is read, or trained.

    further: names of predictors beside the settings'.
    """
    science = domain_of(domain)
    for name in (settings.method, *settings.controls):
        load_method(name)
    science.constraint(settings.keep, settings.forbid)
    options = to_record(SearchSettings, settings.settings, "search settings")
    goals = read_goals(science, settings.goals)
    check_domains(goals, {*settings.predictors, *further})
    return goals, options


def read_goals(domain: Any, texts: Sequence[str]) -> list[Goal]:
    """Goals with the domain's tolerances and ranges; a name that it keeps out of goals is an error."""
    tolerances = {name: prop.tolerance for name, prop in domain.properties.items()}
    scales = {name: prop.high - prop.low for name, prop in domain.properties.items()}
    goals = parse_goals(texts, tolerances, scales)
    check_wishes(domain, goals)
    return goals


def search_space(model: LoadedModel, settings: OptimizeSettings) -> SearchSpace:
    """What a search sees of the model and its domain."""
    domain, space, known = model.domain, model.space, model.representation
    reference = getattr(known, "reference", None)
    unrefused = lambda item: None if is_refusal(item) else item  # noqa: E731
    noise = lambda n, generator: generator.standard_normal((n, space.size), dtype=np.float32)  # noqa: E731
    mutate = getattr(known, "mutate", domain.mutate)
    edit, recombine = getattr(domain, "edit", None), getattr(domain, "recombine", None)
    return SearchSpace(
        latent_size=space.size,
        semantic_size=model.model.semantic_size,
        sample=lambda n, generator: space.from_noise(noise(n, generator)),
        draw=lambda n, generator: [unrefused(item) for item in space.generate_items(noise(n, generator))],
        decode=lambda latents: [unrefused(item) for item in space.decode_items(latents)],
        encode=lambda items: latents_of(model, items),
        mutate=lambda item, generator: unrefused(mutate(item, generator)),
        edit=edit and (lambda item, generator: unrefused(edit(item, generator))),
        recombine=recombine and (lambda item, other, generator: unrefused(recombine(item, other, generator))),
        features=getattr(known, "differences", domain.features),
        start=start_items(domain, settings.start or getattr(known, "start", ()), reference, reference and known.encode),
        accept=constraint_of(domain, settings.keep, settings.forbid, reference),
    )


def start_items(
    domain: Any, texts: Sequence[str], reference: Any = None, encode: Any = None, flag: str = "--start"
) -> list[Any]:
    """Items to begin with. reference: what they may be named against (`A42G`), and must have a name against. encode: of
    the model that begins with them: one that it can't take is an error. flag: what the user named them by."""
    items = parse_texts(domain, texts, reference)
    if encode is not None:
        items = [_refused(item, encode) for item in items]
    for text, item in zip(texts, items, strict=True):
        found = item if reference is None or isinstance(item, Refusal) else domain.name_of(reference, item)
        if isinstance(found, Refusal):
            raise ConfigError(
                f"Expected an item of {plain_name(domain.name)} for {flag}, got '{text}': {found.reason}."
            )
    return items


def _refused(item: Any, encode: Callable[[Sequence[Any]], list[Any]]) -> Any:
    """Why a model can't take an item, else the item."""
    (encoded,) = (item,) if isinstance(item, Refusal) else encode([item])
    return encoded if isinstance(encoded, Refusal) else item


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
    alike = getattr(science, "maximum_similarity", 0.7)
    alike = alike if settings.maximum_similarity is None else settings.maximum_similarity
    picked = select(novel, settings.n, science.similarity, alike)
    front = {evaluation.key for evaluation in pareto_set(novel)}
    names = list(dict.fromkeys(goal.name for goal in goals))
    table = candidates_table(science, picked, names, further, known, name_columns(model.representation))
    if sum(goal.is_objective for goal in goals) > 1:
        table["pareto"] = [evaluation.key in front for evaluation in picked]
    failed = [(e.call, science.text(e.item), e.failure) for e in trace if e.failure is not None]
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


__all__ = ["AllFailed", "Found", "check_wish", "optimize", "read_goals", "search", "search_space"]
