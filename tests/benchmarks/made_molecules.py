"""Generated, optimized and proposed molecules of targets, judged by a list that the filter was not built from.

    sciencegen datasets fetch molecules/moleculeace -o ligands
    python -m tests.benchmarks.made_molecules ligands/CHEMBL204_Ki.csv ligands/CHEMBL237_Ki.csv -o made

For each target a predictor is trained on its ligands and the shipped model is fine-tuned on the 300 best; then
molecules are drawn, optimized toward a high value, and proposed as the next plate after 400 random ligands. The table
is that of `unstable_by_second_list.py`, with the ligands themselves as the last rows; what a molecule was given is the
table that its model was tuned on, its predictor learned from, or its plate followed. A target takes an hour of one
core, most of it for training; --parts leaves out what isn't needed. Files that exist are not made again, so that a
benchmark that was stopped goes on.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.benchmarks.unstable_by_second_list import report

GIVEN = {"generated": "best", "optimized": "all", "proposed": "measured"}
"""What is made -> the table of ligands that it is made from."""

PARTS = tuple(GIVEN)
BEST, MEASURED = 300, 400
WRITTEN_LAST = "metrics.json"
"""A file of a trained model or predictor."""


def tables(ligands: Path, folder: Path) -> tuple[Path, Path, Path]:
    """Tables of all ligands, of the best, and of random ones."""
    whole = pd.read_csv(ligands).rename(columns={"y [pEC50/pKi]": "pki"})[["smiles", "pki"]]
    parts = {
        "all": whole,
        "best": whole.nlargest(BEST, "pki"),
        "measured": whole.sample(min(MEASURED, len(whole)), random_state=0),
    }
    paths = [folder / f"{ligands.stem}-{name}.csv" for name in parts]
    for path, part in zip(paths, parts.values(), strict=True):
        part.to_csv(path, index=False)
    every, best, measured = paths
    return every, best, measured


def commands(ligands: Path, folder: Path, options: argparse.Namespace) -> Iterator[tuple[Path, list[str]]]:
    """What each command writes, and its words."""
    every, best, measured = tables(ligands, folder)
    predictor, model, *made = (folder / f"{ligands.stem}-{name}" for name in ("predictor", "model", *PARTS))
    generated, optimized, proposed = (path.with_name(f"{path.name}.csv") for path in made)
    threads, count = ["--threads", "1"], str(options.count)
    if "generated" in options.parts:
        tune = f"train molecules --from molecules --data {best} --training steps=500 -o {model}"
        yield model / WRITTEN_LAST, [*tune.split(), *threads]
        yield generated, [*f"generate molecules --model {model} -n {count} -o {generated}".split(), *threads]
    if "optimized" in options.parts:
        train = f"train predictor molecules {every} --target pki --split scaffold -o {predictor}"
        yield predictor / WRITTEN_LAST, [*train.split(), *threads]
        goals = ["--goal", "maximize pki", "--goal", "sa <= 4", "--budget", str(options.budget), "-n", count]
        given = f"--predictor pki={predictor} --training {every} -o {optimized}"
        yield optimized, ["optimize", "molecules", *goals, *given.split(), *threads]
    if "proposed" in options.parts:
        plate = f"--measured {measured} --target pki --batch {options.batch} --maximum-share 0.2 --seed 0 -o {proposed}"
        yield proposed, ["propose", "molecules", *plate.split(), "--where", "sa <= 4", *threads]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ligands", nargs="+", type=Path, help="Tables of targets: smiles and activity.")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("-n", "--count", type=int, default=1000, help="Generated and optimized molecules.")
    parser.add_argument("--budget", type=int, default=3000, help="Scored molecules of a search.")
    parser.add_argument("--batch", type=int, default=384, help="Proposed molecules.")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for ligands in options.ligands:
        for written, words in commands(ligands, options.output, options):
            if not written.exists():
                subprocess.run(["sciencegen", *words], check=True)
    made = {
        options.output / f"{ligands.stem}-{part}.csv": [options.output / f"{ligands.stem}-{GIVEN[part]}.csv"]
        for ligands in options.ligands
        for part in options.parts
    }
    report([*made, *options.ligands], made)


if __name__ == "__main__":
    main()
