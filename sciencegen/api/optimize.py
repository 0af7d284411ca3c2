"""Optimize: a wish and a budget to a ranked, distinct, checked list of candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sciencegen.api.complete import Complete, completer
from sciencegen.api.models import LoadedModel, name_columns, open_model
from sciencegen.api.novelty import Known, read_known
from sciencegen.api.oracles import OracleBook
from sciencegen.api.predict import latents_of
from sciencegen.api.records import to_record
from sciencegen.api.references import parse_texts
from sciencegen.api.rooms import domain_of
from sciencegen.api.wishes import check_wishes
from sciencegen.config import OptimizeSettings, build_settings
from sciencegen.domains.base import Refusal
from sciencegen.errors import ConfigError
from sciencegen.latent.explorer import is_refusal
from sciencegen.optimization.benchmark import top_k_curve
from sciencegen.optimization.goals import Goal, parse_goals
from sciencegen.optimization.objective import AllFailed, Evaluation, Objective, resolve_oracles, score_safely
from sciencegen.optimization.pareto import pareto_set
from sciencegen.optimization.search import load_method
from sciencegen.optimization.selection import select
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.scoring.cache import CachedOracle
from sciencegen.scoring.oracles import Oracle, Score

TRACE_POINTS = 100

Log = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """table: the candidates. trace: method, call, top_10, feasible. scored: everything that the search looked at.
    complete: gives candidates the structures that files hold, where a model is named for it."""

    domain: str
    table: dict[str, list[Any]]
    trace: dict[str, list[Any]]
    scored: dict[str, list[Any]]
    failed: list[tuple[int, str, str]]
    summary: dict[str, Any]
    complete: Complete | None = None


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
    goals = read_goals(science, settings.goals)
    for name in (settings.method, *settings.controls):
        load_method(name)
    model = open_model(domain, settings.model, settings)
    book = OracleBook(domain, settings.predictors, settings.oracles, model.oracles)
    for name in settings.predictors:  # a wrong folder is an error even where no goal asks for it
        book.resolve(name)
    further = {name: book.resolve(name) for name in settings.include}  # a wrong name costs no budget
    oracles = {name: CachedOracle(oracle, science.key) for name, oracle in resolve_oracles(goals, book.resolve).items()}
    space = search_space(model, settings)
    finish = completer(domain, settings.complete or model.config.get("complete"), settings.seed, settings)
    known = read_known(domain, settings.training, model.config.get("training_data"), settings.threads)
    if settings.novel and known.empty:
        log("note: no training data is known, so novelty can't be checked; pass --training")
    elif known.committed is not None and settings.training is None:
        log("note: similarity_to_training stays empty: only which items are known is shipped; pass --training")
    traces: dict[str, list[Evaluation]] = {}
    for name in dict.fromkeys((settings.method, *settings.controls)):
        objective = Objective(
            goals, oracles, science.key, settings.budget, cautious=settings.lower_bounds, progress=_progress(advance)
        )
        options = to_record(SearchSettings, settings.settings, "search settings")
        load_method(name)(space, objective, np.random.default_rng(settings.seed), options)
        objective.check_scores()
        traces[name] = objective.trace
        log(f"{name}: {len(objective.trace)} scored, {sum(e.feasible for e in objective.trace)} satisfy the goals")
    return replace(_found(domain, settings, goals, traces, known, model, further), complete=finish)


def read_goals(domain: Any, texts: Sequence[str]) -> list[Goal]:
    """Goals with the domain's tolerances and ranges; a name that it keeps out of goals is an error."""
    tolerances = {name: prop.tolerance for name, prop in domain.properties.items()}
    scales = {name: prop.high - prop.low for name, prop in domain.properties.items()}
    goals = parse_goals(texts, tolerances, scales)
    check_wishes(domain, goals)
    return goals


def search_space(model: LoadedModel, settings: OptimizeSettings) -> SearchSpace:
    """What a search sees of the model and its domain."""
    domain, space = model.domain, model.space
    unrefused = lambda item: None if is_refusal(item) else item  # noqa: E731
    noise = lambda n, generator: generator.standard_normal((n, space.size), dtype=np.float32)  # noqa: E731
    edit, recombine = getattr(domain, "edit", None), getattr(domain, "recombine", None)
    return SearchSpace(
        latent_size=space.size,
        semantic_size=model.model.semantic_size,
        sample=lambda n, generator: space.from_noise(noise(n, generator)),
        draw=lambda n, generator: [unrefused(item) for item in space.generate_items(noise(n, generator))],
        decode=lambda latents: [unrefused(item) for item in space.decode_items(latents)],
        encode=lambda items: latents_of(model, items),
        mutate=lambda item, generator: unrefused(domain.mutate(item, generator)),
        edit=edit and (lambda item, generator: unrefused(edit(item, generator))),
        recombine=recombine and (lambda item, other, generator: unrefused(recombine(item, other, generator))),
        features=domain.features,
        start=start_items(domain, settings.start or getattr(model.representation, "start", ())),
        accept=domain.constraint(settings.keep, settings.forbid),
    )


def start_items(domain: Any, texts: Sequence[str], reference: Any = None) -> list[Any]:
    """reference: what the texts may be named against, and must have a name against."""
    items = parse_texts(domain, texts, reference)
    for text, item in zip(texts, items, strict=True):
        found = item if reference is None or isinstance(item, Refusal) else domain.name_of(reference, item)
        if isinstance(found, Refusal):
            raise ConfigError(f"Expected an item of {domain.name} for --start, got '{text}': {found.reason}.")
    return items


def _progress(advance: Callable[[int], None] | None) -> Callable[[Objective], None] | None:
    if advance is None:
        return None
    done = [0]

    def show(objective: Objective) -> None:
        advance(len(objective.trace) - done[0])
        done[0] = len(objective.trace)

    return show


def _found(
    domain: str, settings: OptimizeSettings, goals: list[Goal], traces: dict[str, list[Evaluation]], known: Known,
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
        "failed": len(failed),
        "method": settings.method,
        "goals": list(settings.goals),
        "seed": settings.seed,
        "model": str(model.folder),
        "controls": {name: control_summary(other, settings.n) for name, other in traces.items()},
    }
    return Found(domain, table, trace_table(traces), scored_table(science, trace, names), failed, summary)


def candidates_table(
    domain: Any, picked: Sequence[Evaluation], names: Sequence[str], further: Mapping[str, Oracle], known: Known,
    called: Callable[[Sequence[Any]], dict[str, list[str]]],
) -> dict[str, list[Any]]:  # fmt: skip
    """rank, id, item, <property>, <property>_lower, <property>_upper, ..., novel, similarity_to_training, feasible.

    names: of the goals. further: what is measured beside them, of the candidates alone. called: a column of the items'
    names, where they have some.
    """
    items = [evaluation.item for evaluation in picked]
    table: dict[str, list[Any]] = {"rank": list(range(1, len(items) + 1))}
    table["id"] = [f"candidate-{rank}" for rank in table["rank"]]
    table["item"] = [domain.text(item) for item in items]
    table |= called(items)
    for name in names:
        table |= score_columns(name, [evaluation.scores[name] for evaluation in picked])
    for name, oracle in further.items():
        if name not in table:
            table |= score_columns(name, score_safely(oracle, items) if items else [])
    table["novel"] = [None if known.empty else not known.holds(item) for item in items]
    table["similarity_to_training"] = known.nearest(items).tolist()
    table["feasible"] = [evaluation.feasible for evaluation in picked]
    return table


def score_columns(name: str, scores: Sequence[Score]) -> dict[str, list[Any]]:
    """The values, and what the oracle says of them."""
    columns = {name: [score.value for score in scores]}
    if any(score.lower is not None or score.upper is not None for score in scores):
        columns |= {f"{name}_lower": [s.lower for s in scores], f"{name}_upper": [s.upper for s in scores]}
    if any(score.in_domain is not None for score in scores):
        columns[f"{name}_in_domain"] = [score.in_domain for score in scores]
    return columns


def trace_table(traces: dict[str, list[Evaluation]]) -> dict[str, list[Any]]:
    """How the mean of the ten best grew, for each method."""
    rows: dict[str, list[Any]] = {"method": [], "call": [], "top_10": [], "feasible": []}
    for method, trace in traces.items():
        calls, means = top_k_curve(trace, 10, max(1, len(trace) // TRACE_POINTS))
        counted = np.cumsum([evaluation.feasible for evaluation in trace])
        rows["method"] += [method] * len(calls)
        rows["call"] += calls
        rows["top_10"] += means
        rows["feasible"] += [int(counted[call - 1]) for call in calls]
    return rows


def scored_table(domain: Any, trace: Sequence[Evaluation], names: Sequence[str]) -> dict[str, list[Any]]:
    """Everything that was scored, in the order of calls."""
    table: dict[str, list[Any]] = {"call": [e.call for e in trace], "item": [domain.text(e.item) for e in trace]}
    for name in names:
        values = [evaluation.scores[name].value for evaluation in trace]
        table[name] = [float("nan") if value is None else value for value in values]
    return table | {"feasible": [evaluation.feasible for evaluation in trace]}


def control_summary(trace: Sequence[Evaluation], n: int) -> dict[str, Any]:
    best = sorted((e.scalar for e in trace if e.feasible), reverse=True)
    return {
        "scored": len(trace),
        "feasible": len(best),
        "top_10": float(np.mean(best[:10])) if best else None,
        f"top_{n}": float(np.mean(best[:n])) if best else None,
    }


__all__ = ["AllFailed", "Found", "optimize", "read_goals", "search", "search_space"]
