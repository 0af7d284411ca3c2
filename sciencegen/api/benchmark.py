"""Benchmark: search methods on a suite of oracles, `<suite>:<task>`, by the area under the top-10 curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from sciencegen.api.criteria import OracleBook
from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.api.science import domain_of
from sciencegen.api.search import search_space
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, open_output
from sciencegen.config import BenchmarkSettings, as_texts, build_settings
from sciencegen.domains import domain_names
from sciencegen.errors import unknown_name
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Objective, auc_top_k
from sciencegen.optimization.search import DEFAULT_METHOD, METHODS, WITH_SURROGATE, load_method
from sciencegen.optimization.spaces import Item, SearchSettings, SearchSpace
from sciencegen.options import takes
from sciencegen.scoring.oracles import Oracle

COLUMNS = (
    "task", "method", "seed", "auc_top_10", "top_1", "top_10", "scored", "seconds", "language_model", "surrogate",
)  # fmt: skip
"""language_model: how many of the scored items a language model drew. surrogate: whether one chose what to score; None
for methods of other packages, of which it is not known."""


Case = tuple[str, str, int]
"""One run of a benchmark: the task without the prefix `suite:`, the method, and the seed of the search."""


class SuitePlan:
    """Every task with every method and seed; iterating runs them and yields a row for each. oracles: by task."""

    columns = COLUMNS

    def __init__(
        self, model: LoadedModel, suite: str, cases: Sequence[Case], budget: int, oracles: Mapping[str, Oracle],
        notes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.model, self.suite, self.cases, self.budget = model, suite, cases, budget
        self.oracles, self.notes = oracles, tuple(notes)
        self.domain = model.domain.name
        self.rows: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        space = search_space(self.model)
        for case in self.cases:
            self.rows.append(self._run(case, space))
            yield self.rows[-1]

    def _run(self, case: Case, space: SearchSpace) -> dict[str, Any]:
        task, method, seed = case
        name, began = f"{self.suite}:{task}", perf_counter()
        goal = Goal(f"maximize {name}", name, "maximize")
        objective = Objective([goal], {name: self.oracles[task]}, self.model.domain.items.key, self.budget)
        drawn: set[str] = set()
        if self.model.recipe.language_model:
            space = _noting_draws(space, objective, drawn)
        load_method(method)(space, objective, np.random.default_rng(seed), SearchSettings())
        best = sorted((e.scalar for e in objective.trace if e.failure is None), reverse=True)
        area = auc_top_k(objective.trace, 10, self.budget)
        figures = (area, best[0] if best else 0.0, float(np.mean(best[:10])) if best else 0.0)
        seconds, by_model = round(perf_counter() - began, 1), sum(e.key in drawn for e in objective.trace)
        how = by_model, method in WITH_SURROGATE if method in METHODS else None
        cells = *case, *figures, len(objective.trace), seconds, *how
        return dict(zip(COLUMNS, cells, strict=True))

    def open(self, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of the rows."""
        return open_output(self.domain, output, COLUMNS, OutputOptions(overwrite=overwrite))

    def summary(self) -> dict[str, Any]:
        """For each method its class, and the sum over tasks of the mean over seeds, as in the suite's own table: over
        tasks that need no classifier, and over the whole suite where that was run and has others."""
        every, trained = suite_tasks(self.domain, self.suite), classifier_tasks(self.domain, self.suite)
        found: dict[str, Any] = {}
        for method in dict.fromkeys(row["method"] for row in self.rows):
            rows = [row for row in self.rows if row["method"] == method]
            areas = {
                task: np.mean([row["auc_top_10"] for row in rows if row["task"] == task])
                for task in dict.fromkeys(row["task"] for row in rows)
            }
            if own := [area for task, area in areas.items() if task not in trained]:
                found[f"sum_auc_top_10_{method}"] = float(np.sum(own))
            if trained and set(every) <= set(areas):
                found[f"sum_of_{len(every)}_auc_top_10_{method}"] = float(np.sum(list(areas.values())))
            found[f"class_{method}"] = class_of(rows)
        return {"runs": len(self.rows), "budget": self.budget, **found}


def _noting_draws(space: SearchSpace, objective: Objective, drawn: set[str]) -> SearchSpace:
    """The same space, whose draws of the model add the keys of items that are not scored yet to `drawn`."""

    def draw(count: int, generator: np.random.Generator) -> list[Item | None]:
        assert space.draw is not None  # no language model has drafts, whose draws are decoded latents
        items = space.draw(count, generator)
        drawn.update(objective.key(one) for one in items if one is not None and not objective.is_scored(one))
        return items

    return replace(space, draw=draw)


def class_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """The class of methods that the runs of one method belong to, such as "no language model, surrogate"."""
    drawn, scored = (max(row[name] for row in rows) for name in ("language_model", "scored"))
    at_start = " at the start" if drawn <= SearchSettings.initial < scored else ""
    surrogate = {True: "surrogate", False: "no surrogate", None: "surrogate unknown"}[rows[0]["surrogate"]]
    return f"language model{at_start}, {surrogate}" if drawn else f"no language model, {surrogate}"


def resolve_benchmark(suite: str, settings: BenchmarkSettings) -> SuitePlan:
    """Check every name, load the model once."""
    science = domain_with(suite, [settings.domain] if settings.domain else domain_names())
    every, trained = suite_tasks(science, suite), classifier_tasks(science, suite)
    for name in settings.tasks:
        if name not in every:
            raise unknown_name(f"task of {suite}", name, every)
    for name in settings.predictors:
        if name not in trained.values():
            raise unknown_name(f"classifier of {suite}", name, trained.values())
    for method in settings.methods:
        load_method(method)
    missing = [] if settings.tasks else [task for task, name in trained.items() if name not in settings.predictors]
    notes = [f"{task} is left out, it needs a classifier: `predictors` {trained[task]}=FOLDER" for task in missing]
    book = OracleBook(science, settings.predictors, threads=settings.threads)
    tasks = settings.tasks or [task for task in every if task not in missing]
    oracles = {task: book.resolve(f"{suite}:{task}") for task in tasks}
    cases = [
        (task, method, seed)
        for task in oracles
        for method in (settings.methods or [DEFAULT_METHOD])
        for seed in range(settings.seeds)
    ]
    return SuitePlan(open_model(science, settings.model, settings), suite, cases, settings.budget, oracles, notes)


def domain_with(suite: str, domains: Sequence[str]) -> str:
    """The first of the domains that has the suite."""
    for name in domains:
        if suite_tasks(name, suite):
            return name
    raise unknown_name("benchmark suite", suite, {one.split(":")[0] for name in domains for one in _in_suites(name)})


def suite_tasks(domain: str, suite: str) -> list[str]:
    """The domain's tasks of a suite, without the prefix `suite:`; [] for a suite of another domain."""
    return [name.split(":", 1)[1] for name in _in_suites(domain) if name.startswith(f"{suite}:")]


def classifier_tasks(domain: str, suite: str) -> dict[str, str]:
    """Task -> its oracle's name, for tasks of a suite that need a classifier of the user's."""
    classifiers = domain_of(domain).oracles.classifiers
    return {task: f"{suite}:{task}" for task in suite_tasks(domain, suite) if f"{suite}:{task}" in classifiers}


def _in_suites(domain: str) -> list[str]:
    return [name for name in domain_of(domain).oracles.names() if ":" in name]


@takes(BenchmarkSettings)
def benchmark(
    suite: str,
    tasks: str | Sequence[str] = (),
    methods: str | Sequence[str] = (),
    **options: object,
) -> Result:
    """Measure search methods on a suite of oracles.

    Parameters
    ----------
    suite : str
        Such as "pmo" [1]_ of molecules.
    tasks : str or sequence of str
        Tasks of the suite; none means all but those that need a classifier that is not given.
    methods : str or sequence of str
        Search methods; none means the default method.

    Returns
    -------
    Result
        A row for each task, method and seed: the area under the curve of the mean of the ten best, 0 to 1, the best
        score, the mean of the ten best, the number of scored items, the seconds, how many of the items a language model
        drew, and whether a surrogate chose what to score. `summary` has for each method the sum over tasks and its
        class.

    Raises
    ------
    ConfigError
        For an unknown suite, task or method, or a task without its classifier.

    References
    ----------
    .. [1] Gao et al., "Sample efficiency matters: a benchmark for practical molecular optimization", NeurIPS 2022.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.benchmark("pmo", "qed", "prior", budget=8, seeds=1, threads=1).table["scored"].tolist()
    [8]
    """
    import pandas as pd

    named = {"tasks": as_texts(tasks), "methods": as_texts(methods)}
    plan = resolve_benchmark(suite, build_settings(BenchmarkSettings, {**options, **named}))
    rows = list(plan)

    def write(path: Path, overwrite: bool) -> None:
        with plan.open(str(path), overwrite) as writer:
            for row in rows:
                writer.write({name: [value] for name, value in row.items()})

    return Result(pd.DataFrame(rows, columns=list(COLUMNS)), plan.summary(), plan.notes, write)
