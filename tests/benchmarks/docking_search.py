"""Docking scores of molecules found by a search, against draws of the model and random mutations at equal calls.

    pip install 'sciencegen[docking]'
    python -m tests.benchmarks.docking_search -o docked --budget 500 --seeds 0 1 2

For each seed and method the mean of the ten best scores (AutoDock Vina, kcal/mol; lower is better) of molecules with
QED of 0.6 or more and SA of 3 or less, and the number of such molecules. `evolution` is the search, `prior` draws of
the shipped model, `hill_climb` random mutations of the best. One molecule takes 10 to 110 seconds of a core with
`dock`, 1 to 12 with `quick-dock`. Scores are kept in docked/scores.sqlite: a benchmark that was stopped goes on
without docking a molecule twice.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import sciencegen as sg
from tests.benchmarks.rows import write_rows

METHOD, CONTROLS = "evolution", ("prior", "hill_climb")
BEST = 10
COLUMNS = ("seed", "method", "scored", "feasible", "top_10")


def run(goal: str, budget: int, seed: int, folder: Path, threads: int) -> list[dict[str, object]]:
    """A row for each method. top_10: mean score, None without a molecule that meets the goals."""
    found = sg.optimize(
        "molecules", [f"minimize {goal}", "qed >= 0.6", "sa <= 3"], method=METHOD, controls=CONTROLS, budget=budget,
        n=BEST, maximum_share=1, seed=seed, cache=str(folder / "scores.sqlite"), threads=threads,
    )  # fmt: skip
    found.write(folder / f"seed-{seed}.csv", overwrite=True)
    rows = []
    for method, one in found.summary["controls"].items():
        best = one["top_10"]
        row = {"seed": seed, "method": method, "scored": one["scored"], "feasible": one["feasible"]}
        rows.append({**row, "top_10": None if best is None else -best})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--target", default="quick-dock:EGFR", help="dock:NAME or quick-dock:NAME.")
    parser.add_argument("--budget", type=int, default=500, help="Docked molecules of each method and seed.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in options.seeds:
        rows += run(options.target, options.budget, seed, options.output, options.threads)
        print(*rows[-1 - len(CONTROLS) :], sep="\n", flush=True)
    write_rows(options.output / "table.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
