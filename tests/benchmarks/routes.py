"""Search among molecules with a synthesis route from a stock, against the free search, on tasks of PMO at equal calls.

    python tests/benchmarks/stand_in_blocks.py moses/test --molecules 10000 --count 5000 -o blocks.smi
    python tests/benchmarks/routes.py blocks.smi -o routes.csv --tasks amlodipine_mpo osimertinib_mpo --budget 1000

Both searches are the method `evolution` with the same seeds, on the shipped model (`free`) and on the blocks
(`routes`). The figure is PMO's: the area under the curve of the mean of the ten best by calls. For routes, the route of
every scored molecule is written and run again (`replayed`), and the ten best are printed with their routes. Without a
vendor's list, blocks are stand-ins (`stand_in_blocks.py`): figures say how the search does, not what can be bought.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from sciencegen.api.criteria import OracleBook
from sciencegen.api.models.folder import load_model
from sciencegen.api.search import search_space, space_of_blocks
from sciencegen.api.sources.blocks import read_blocks
from sciencegen.domains.capabilities import BlockMoves
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.synthesis import replay
from sciencegen.items import Refusal
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Evaluation, Objective, auc_top_k
from sciencegen.optimization.search import search
from sciencegen.optimization.spaces import SearchSpace
from tests.benchmarks.rows import write_rows

COLUMNS = ("task", "seed", "space", "auc_top_10", "top_1", "top_10", "scored", "replayed", "steps", "cpu_seconds")
"""steps: mean of the ten best. replayed: share of scored molecules whose written route gives them again."""
TASKS = ("amlodipine_mpo", "osimertinib_mpo", "perindopril_mpo", "zaleplon_mpo", "ranolazine_mpo")


def run(task: str, seed: int, budget: int, space: SearchSpace) -> tuple[list[Evaluation], float]:
    """The scored molecules in order, and the seconds of the processor."""
    name, began = f"pmo:{task}", process_time()
    oracle = OracleBook("molecules", {}).resolve(name)
    objective = Objective([Goal(f"maximize {name}", name, "maximize")], {name: oracle}, DOMAIN.items.key, budget)
    search(space, objective, np.random.default_rng(seed))
    return objective.trace, process_time() - began


def figures(trace: Sequence[Evaluation], budget: int) -> dict[str, Any]:
    best = sorted((one.scalar for one in trace), reverse=True)
    top_10 = float(np.mean(best[:10]))
    return {"auc_top_10": auc_top_k(trace, 10, budget), "top_1": best[0], "top_10": top_10, "scored": len(trace)}


def best_of(trace: Sequence[Evaluation]) -> list[Evaluation]:
    return sorted(trace, key=lambda one: -one.scalar)[:10]


def holds(evaluation: Evaluation, line: str) -> bool:
    route = replay(line)
    return not isinstance(route, Refusal) and route.smiles == evaluation.key


def of_routes(trace: Sequence[Evaluation], moves: BlockMoves) -> dict[str, Any]:
    """How many routes hold, and the mean number of steps of the ten best, which are printed."""
    lines = moves.columns([one.item for one in trace])["route"]
    replayed = np.mean([holds(one, line) for one, line in zip(trace, lines, strict=True)])
    best = best_of(trace)
    table = moves.columns([one.item for one in best])
    for one, line in zip(best, table["route"], strict=True):
        print(f"  {one.scalar:.3f} {one.key}\n        {line}")
    return {"replayed": float(replayed), "steps": float(np.mean(table["route_steps"]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("blocks", help="a file of building blocks")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV file, a line for each search")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--no-free", action="store_true", help="routes only")
    chosen = parser.parse_args()
    free = search_space(load_model("molecules", None, "cpu"), plausible=True)
    rows: list[dict[str, Any]] = []
    for task, seed in ((task, seed) for task in chosen.tasks for seed in range(chosen.seeds)):
        moves = read_blocks(
            DOMAIN, chosen.blocks, chosen.steps, 1
        ).moves  # routes that other searches found are unknown
        spaces = {"free": free, "routes": replace(space_of_blocks(free, moves), start=())}
        for name in ("routes",) if chosen.no_free else spaces:
            trace, seconds = run(task, seed, chosen.budget, spaces[name])
            rows.append({"task": task, "seed": seed, "space": name, "cpu_seconds": round(seconds, 1)})
            rows[-1] |= figures(trace, chosen.budget) | (of_routes(trace, moves) if name == "routes" else {})
            print({column: rows[-1].get(column) for column in COLUMNS}, flush=True)
        write_rows(chosen.output, COLUMNS, rows)


if __name__ == "__main__":
    main()
