"""Quality of draws against compute: the best of N draws, and steered diffusion with N particles, by a goal.

    python -m tests.benchmarks.quality_compute molecules --steer "maximize qed" --best-of 1 4 16 64 -n 30 -o qed

With a diffusion model, `--model qm9-joint --steps 20 --particles 2 4 8` also steers. Each point is one call of
`sciencegen generate`. The quality is the mean of the first goal's property over the items, with its standard error; the
compute is N, the number of draws or particles for each item, and the CPU seconds of the call, start-up included.
`--look-up items.parquet` adds the expected best of N rows of a table that are drawn at random, the property's column in
it. `<name>.csv` has a row for each point, and `<name>.svg` the curves.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FLAGS = {"best of N draws": "--best-of", "steered by N particles": "--particles"}


def point(chosen: argparse.Namespace, name: str, way: str, count: int) -> dict[str, float | str | int]:
    """Mean and standard error of the property among the items of one call, and its CPU seconds."""
    table = Path(f"{chosen.output}-{FLAGS[way].strip('-')}-{count}.csv")
    more = [part for flag in ("model", "steps") if (part := getattr(chosen, flag))]
    flags = [f"--{flag}" for flag in ("model", "steps") if getattr(chosen, flag)]
    where = [part for condition in chosen.where for part in ("--where", condition)]
    steering = [part for goal in chosen.steer for part in ("--steer", goal)] if count > 1 else ["--with", name]
    call = [
        *(sys.executable, "-m", "sciencegen.cli.main", "generate", chosen.domain, "-n", str(chosen.n)),
        *(str(part) for pair in zip(flags, more, strict=True) for part in pair),
        *where,
        *(steering + ([FLAGS[way], str(count)] if count > 1 else [])),
        *("--seed", str(chosen.seed), "--threads", "1", "--force", "-o", str(table)),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    values = pd.read_csv(table)[name]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "way": way, "n": count, "items": len(values), name: values.mean(),
        "standard_error": values.std() / len(values) ** 0.5, "cpu_seconds": round(seconds, 1),
    }  # fmt: skip


def look_up(values: np.ndarray, goal: str, count: int) -> float:
    """The expected best of `count` of these values, drawn with replacement."""
    ordered = np.sort(values) if goal.startswith("maximize") else np.sort(values)[::-1]
    below = np.arange(len(ordered) + 1) / len(ordered)
    return float(ordered @ np.diff(below**count))


def figure(points: pd.DataFrame, name: str) -> plt.Figure:
    """Curves of the property by N."""
    drawn, axis = plt.subplots(figsize=(4.2, 3), layout="constrained")
    for way, part in points.groupby("way"):
        axis.errorbar(part["n"], part[name], part["standard_error"], marker="o", capsize=3, label=str(way))
    axis.set_xscale("log", base=2)
    axis.set_xticks(counts := sorted(set(points["n"])), [str(count) for count in counts])
    axis.set(xlabel="N for each item", ylabel=f"mean {name}")
    axis.legend()
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("domain")
    parser.add_argument("--model", help="by default the domain's")
    parser.add_argument("--steps", type=int, help="of a diffusion model")
    parser.add_argument("--steer", nargs="+", default=["maximize qed"], help="goals, of which the first is drawn")
    parser.add_argument("--where", nargs="*", default=[], help="conditions of all draws")
    parser.add_argument("--look-up", help="a table (.csv, .parquet) with the first goal's property")
    parser.add_argument("--best-of", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--particles", type=int, nargs="*", default=[])
    parser.add_argument("-n", type=int, default=30, help="items of each point")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", dest="output", default="quality", help="name of the files, without an ending")
    chosen = parser.parse_args()
    name = chosen.steer[0].split()[1]
    asked = [
        (way, count) for way, counts in zip(FLAGS, (chosen.best_of, chosen.particles), strict=True) for count in counts
    ]
    points = []
    for way, count in asked:
        points.append(point(chosen, name, way, count))
        print(points[-1], flush=True)
    if chosen.look_up:
        read = pd.read_parquet if chosen.look_up.endswith(".parquet") else pd.read_csv
        known = read(chosen.look_up)[name].dropna().to_numpy(float)
        points += [
            {"way": "best of N rows of the data", "n": count, "items": len(known),
             name: look_up(known, chosen.steer[0], count), "standard_error": 0.0, "cpu_seconds": 0.0}
            for count in chosen.best_of
        ]  # fmt: skip
    table = pd.DataFrame(points)
    print(table.to_string(index=False))
    table.to_csv(f"{chosen.output}.csv", index=False)
    figure(table, name).savefig(f"{chosen.output}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
