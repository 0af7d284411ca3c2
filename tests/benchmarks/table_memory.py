"""Peak memory and time of the commands of `arrays` by the number of rows, on made tables of mixed columns with gaps.

    python -m tests.benchmarks.table_memory --rows 300 30000 300000

A table has real numbers on three scales, a count, a year, a rating, categories of 2, 6 and 40 texts, a Boolean, a
number of which most are missing, and the names of the rows. A model is trained for some steps; then rows are drawn,
and those of the table are encoded and scored. Printed are, for each command, the greatest memory of one of its
processes, and the seconds in which it ends; of `train` also the seconds to its first step.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

BLOCK = 10_000


def block(count: int, first: int, seed: int = 0) -> pd.DataFrame:
    """Rows from `first` on; a tenth of the cells is missing."""
    generator = np.random.default_rng([seed, first])
    group = generator.integers(6, size=count)
    shop = generator.choice([f"shop {number:02}" for number in range(40)], count)
    found = pd.DataFrame(
        {
            "temperature": generator.normal(15 + group, 4.0, count).round(2),
            "pressure": generator.normal(101_325 + 100 * group, 700, count),
            "price": np.exp(generator.normal(2 + group / 3, 0.5, count)).round(2),
            "visits": generator.negative_binomial(2, 0.2, count),
            "year": generator.integers(1960, 2024, count),
            "rating": generator.integers(1, 6, count),
            "member": generator.random(count) < 0.3,
            "season": generator.choice(["dry", "wet"], count),
            "region": np.array(["north", "south", "east", "west", "centre", "islands"])[group],
            "shop": shop,
            "refund": np.where(generator.random(count) < 0.1, generator.gamma(2.0, 20.0, count).round(2), np.nan),
        }
    )
    found = found.astype(object).mask(generator.random(found.shape) < 0.1)
    found.insert(0, "id", [f"r{number:07}" for number in range(first, first + count)])
    return found


def write_table(path: Path, rows: int) -> None:
    for first in range(0, rows, BLOCK):
        part = block(min(BLOCK, rows - first), first)
        part.to_csv(path, index=False, mode="a" if first else "w", header=not first)


def measure(arguments: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """Megabytes, seconds, and seconds to the first step of a training, of a command."""
    started, first = time.monotonic(), float("nan")
    command = [sys.executable, "-c", "from sciencegen.cli.main import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "training: " in line:
            first = time.monotonic() - started
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{''.join(lines)}")
    return used.ru_maxrss / 1024, time.monotonic() - started, first


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", nargs="+", type=int, default=[300, 30_000, 300_000])
    parser.add_argument("--verbs", nargs="+", default=["train", "generate", "encode", "score"])
    parser.add_argument("--steps", type=int, default=50)
    chosen = parser.parse_args()
    print("| rows | command | MB | seconds | seconds to the first step |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for rows in chosen.rows:
            folder, table = Path(place), f"{rows}.csv"
            write_table(folder / table, rows)
            model = ["--model", f"m{rows}", "--threads", "1"]
            commands = {
                "train": ["train", "arrays", "--data", table, "-o", f"m{rows}", "--threads", "1",
                          "--training", f"steps={chosen.steps}"],
                "generate": ["generate", "arrays", "-n", str(rows), "-o", f"new{rows}.csv", *model],
                "encode": ["encode", "arrays", table, "-o", f"z{rows}.npz", *model],
                "score": ["score", "arrays", table, "-o", f"s{rows}.csv", "--with", "missing_cells", *model],
            }  # fmt: skip
            for verb in chosen.verbs:
                memory, seconds, first = measure(commands[verb], folder)
                print(f"| {rows} | {verb} | {memory:.0f} | {seconds:.1f} | {first:.1f} |", flush=True)


if __name__ == "__main__":
    main()
