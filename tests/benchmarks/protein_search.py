"""Searches among variants of a protein against their controls at equal numbers of scored variants.

    python -m tests.benchmarks.protein_search --model runs/pab1 --predictor runs/pab1-fitness -o pab1.csv
    python -m tests.benchmarks.protein_search --model runs/four --measured four.csv -o four.csv

What is maximized is the lower bound of a predictor that was trained on measured values, within its domain and at four
mutations or fewer, as `sciencegen run proteins` searches; or the measured value itself, where nearly all variants were
measured (`--measured`: a table with the columns `item` and `fitness`), among these variants only.

A line for each method, seed and budget: the mean of the ten best scored so far that meet the goals. Smaller budgets are
the beginning of the same search. Printed are means, and the difference from hill climbing by mutations, paired by
seed, with 95% intervals (Student). Lines that the file has already are not computed again.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats

from sciencegen.api.models.folder import open_model
from sciencegen.api.optimize import resolve_optimize
from sciencegen.api.search import search_space
from sciencegen.config import OptimizeSettings
from sciencegen.optimization.goals import Goal, parse_goals
from sciencegen.optimization.objective import Objective, ScoringOptions
from sciencegen.optimization.search import load_method
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.scoring.oracles import FunctionOracle, Oracle
from tests.benchmarks.rows import write_rows

CONTROL = "hill_climb"
METHODS = ("evolution", "latent_evolution", "cma", CONTROL, "prior")
BUDGETS = (100, 300, 1000)
BEST = 10
COLUMNS = ("method", "seed", "budget", "top_10")
WITHIN = ("maximize fitness", "fitness in domain", "mutations <= 4")


@dataclass(frozen=True)
class Task:
    """What is searched, and what scores it."""

    space: SearchSpace
    goals: Sequence[Goal]
    oracles: Mapping[str, Oracle]

    def curve(self, method: str, seed: int, budgets: Sequence[int]) -> list[float]:
        """Mean of the ten best after each budget; NaN without any that meets the goals."""
        objective = Objective(self.goals, self.oracles, str, max(budgets), ScoringOptions(cautious=True))
        load_method(method)(self.space, objective, np.random.default_rng(seed), SearchSettings())
        values = np.array([one.scalar if one.feasible else np.nan for one in objective.trace])
        best = [np.sort(values[:budget][~np.isnan(values[:budget])])[-BEST:] for budget in budgets]
        return [float(some.mean()) if len(some) else float("nan") for some in best]


def task_of(model: str, predictor: str | None, measured: Path | None) -> Task:
    if measured is None:
        predictors = {"fitness": str(predictor)}
        settings = OptimizeSettings(goals=WITHIN, model=model, predictors=predictors, novel=False, threads=1)
        request = resolve_optimize("proteins", settings)
        return Task(request.space, request.goals, request.oracles)
    fitness = pd.read_csv(measured).set_index("item")["fitness"].to_dict()
    space = search_space(open_model("proteins", model, OptimizeSettings(threads=1)))
    oracle = FunctionOracle("fitness", fitness.__getitem__)
    return Task(replace(space, accept=fitness.__contains__), parse_goals(WITHIN[:1]), {"fitness": oracle})


def report(rows: Sequence[dict[str, str]]) -> str:
    """A line for each method and budget."""
    table = pd.DataFrame(rows).astype({"seed": int, "budget": int, "top_10": float})
    lines = []
    for (method, budget), own in table.groupby(["method", "budget"], sort=False):
        control = table[(table["method"] == CONTROL) & (table["budget"] == budget)].set_index("seed")["top_10"]
        apart = (own.set_index("seed")["top_10"] - control).dropna()
        half = stats.t.ppf(0.975, max(len(apart) - 1, 1)) * apart.std(ddof=1) / np.sqrt(max(len(apart), 1))
        lines.append(
            f"{method:17} {budget:5} {own['top_10'].mean():8.4f} of {len(own)} seeds"
            + ("" if method == CONTROL else f"; minus {CONTROL} {apart.mean():+.4f} ± {half:.4f}")
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of a trained variant-vae")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--predictor", help="folder of a predictor of fitness")
    source.add_argument("--measured", type=Path, help="table of measured values")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = task_of(given.model, given.predictor, given.measured)
    rows: list[dict] = []
    if given.output.exists():
        with given.output.open(newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(row["method"], int(row["seed"])) for row in rows}
    for seed in range(given.seeds):
        for method in given.methods:
            if (method, seed) not in done:
                found = zip(given.budgets, task.curve(method, seed, given.budgets), strict=True)
                rows += [dict(zip(COLUMNS, (method, seed, *one), strict=True)) for one in found]
                write_rows(given.output, COLUMNS, rows)
    print(report(rows))


if __name__ == "__main__":
    main()
