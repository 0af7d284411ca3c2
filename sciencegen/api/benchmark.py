"""Benchmark: search methods on a suite of oracles, `<suite>:<task>`, by the area under the top-10 curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Unpack

import numpy as np

from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.api.science.forms import domain_of
from sciencegen.api.search.space import search_space
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, open_output
from sciencegen.config import BenchmarkSettings, as_texts, build_settings
from sciencegen.domains import domain_names
from sciencegen.errors import unknown_name
from sciencegen.optimization.benchmark import auc_top_k
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.search import DEFAULT_METHOD, load_method
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.options import BenchmarkOptions, takes

COLUMNS = ("task", "method", "seed", "auc_top_10", "top_1", "top_10", "scored", "seconds")


@dataclass(frozen=True)
class Case:
    """One run of a benchmark. task: its name without the prefix `suite:`; seed: of the search."""

    task: str
    method: str
    seed: int


class SuitePlan:
    """Every task with every method and seed; iterating runs them and yields a row for each."""

    columns = COLUMNS

    def __init__(self, model: LoadedModel, suite: str, cases: Sequence[Case], budget: int) -> None:
        self.model, self.suite, self.cases, self.budget = model, suite, cases, budget
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
        domain, name, began = self.model.domain, f"{self.suite}:{case.task}", perf_counter()
        goal = Goal(f"maximize {name}", name, "maximize")
        objective = Objective([goal], {name: domain.oracles.find(name)}, domain.items.key, self.budget)
        load_method(case.method)(space, objective, np.random.default_rng(case.seed), SearchSettings())
        best = sorted((e.scalar for e in objective.trace if e.failure is None), reverse=True)
        area = auc_top_k(objective.trace, 10, self.budget)
        figures = (area, best[0] if best else 0.0, float(np.mean(best[:10])) if best else 0.0)
        seconds = round(perf_counter() - began, 1)
        return dict(
            zip(COLUMNS, (case.task, case.method, case.seed, *figures, len(objective.trace), seconds), strict=True)
        )

    def open(self, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of the rows."""
        return open_output(self.domain, output, COLUMNS, OutputOptions(overwrite=overwrite))

    def summary(self) -> dict[str, Any]:
        """For each method, the sum over tasks of the mean over seeds, as in the suite's own table."""
        sums: dict[str, float] = {}
        for method in dict.fromkeys(row["method"] for row in self.rows):
            tasks = dict.fromkeys(row["task"] for row in self.rows)
            areas = [
                np.mean([r["auc_top_10"] for r in self.rows if (r["task"], r["method"]) == (task, method)])
                for task in tasks
            ]
            sums[f"sum_auc_top_10_{method}"] = float(np.sum(areas))
        return {"runs": len(self.rows), "budget": self.budget, **sums}


def resolve_benchmark(suite: str, settings: BenchmarkSettings) -> SuitePlan:
    """Check every name, load the model once."""
    domains = [settings.domain] if settings.domain else domain_names()
    found = {name: suite_tasks(name, suite) for name in domains}
    science = next((name for name, known in found.items() if known), None)
    if science is None:
        raise unknown_name(
            "benchmark suite", suite, {oracle.split(":")[0] for name in found for oracle in _in_suites(name)}
        )
    for task in settings.tasks:
        if task not in found[science]:
            raise unknown_name(f"task of {suite}", task, found[science])
    for method in settings.methods:
        load_method(method)
    cases = [
        Case(task, method, seed)
        for task in (settings.tasks or found[science])
        for method in (settings.methods or [DEFAULT_METHOD])
        for seed in range(settings.seeds)
    ]
    return SuitePlan(open_model(science, settings.model, settings), suite, cases, settings.budget)


def suite_tasks(domain: str, suite: str) -> list[str]:
    """The domain's tasks of a suite, without the prefix `suite:`; [] for a suite of another domain."""
    return [name.split(":", 1)[1] for name in _in_suites(domain) if name.startswith(f"{suite}:")]


def _in_suites(domain: str) -> list[str]:
    return [name for name in domain_of(domain).oracles.names() if ":" in name]


@takes(BenchmarkSettings)
def benchmark(
    suite: str,
    tasks: str | Sequence[str] = (),
    methods: str | Sequence[str] = (),
    **options: Unpack[BenchmarkOptions],
) -> Result:
    """Measure search methods on a suite of oracles.

    Parameters
    ----------
    suite : str
        Such as "pmo" [1]_ of molecules.
    tasks : str or sequence of str
        Tasks of the suite; none means all.
    methods : str or sequence of str
        Search methods; none means the default method.
    budget : int
        Distinct items to score for each task and seed.
    seeds : int
        Runs of each task, with seeds 0, 1 ...
    domain : str, optional
        By default the domain that has the suite.
    model : str, optional
        The model whose latent space is searched; by default the domain's shipped weights.
    seed, device, threads, batch_size
        `config.Resources`; results don't depend on them, except for rounding on other devices.

    Returns
    -------
    Result
        A row for each task, method and seed: the area under the curve of the mean of the ten best, 0 to 1, the best
        score, the mean of the ten best, the number of scored items and the seconds. `summary` has the sum over tasks.

    Raises
    ------
    ConfigError
        For an unknown suite, task or method.

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

    return Result(pd.DataFrame(rows, columns=list(COLUMNS)), plan.summary(), (), write)
