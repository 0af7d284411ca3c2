"""Censored values used by their likelihood, dropped, or taken for numbers, in replayed campaigns on a target's ligands.

    sciencegen datasets fetch molecules/moleculeace -o ligands
    python tests/benchmarks/censored_values.py ligands/CHEMBL244_Ki.csv -o censored.csv

The assay has a range: values below the --low quantile of the table are reported as `<low`, those above the --high one
as `>high`. Each campaign measures --rounds plates of --batch items among --items random ones; the first plate is random
and the same for all methods. Dropped values leave their items measured, so that they are not proposed again. Reported
are the items of the true best twentieth that were measured (share found), the true mean of the best ten, and the rank
correlation of the last model's predictions with the true values of the items that weren't measured.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sciencegen.metrics.numbers import spearman
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import CampaignSettings, CandidateSources
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.targets import one_target
from tests.benchmarks.ligand_tables import Ligands, exact, read_ligands, space_of

CENSORED, DROPPED, NUMBERS = "censored", "dropped", "numbers"
METHODS = (CENSORED, DROPPED, NUMBERS)
BEST, TEN = 0.05, 10


def reported(place: int, value: float, low: float, high: float) -> Measurement:
    """What the assay says of a value."""
    if value < low:
        return replace(exact(place, low), limits=(-np.inf, low))
    return replace(exact(place, high), limits=(high, np.inf)) if value > high else exact(place, value)


def known_to(method: str, measured: list[Measurement]) -> list[Measurement]:
    """What the model is fitted to."""
    if method == CENSORED:
        return measured
    if method == DROPPED:
        return [one for one in measured if one.limits is None]
    return [replace(one, limits=None) for one in measured]


def campaign(ligands: Ligands, method: str, options: argparse.Namespace, seed: int) -> dict[str, float]:
    """The figures of one campaign."""
    space, pool, _ = space_of(ligands.items)
    low, high = np.quantile(ligands.values, [options.low, options.high])
    measured: list[Measurement] = []
    for number in range(1, options.rounds + 1):
        generator = np.random.default_rng((seed, number))
        known = known_to(method, measured)
        left_out = [one.item for one in measured if one not in known]
        settings = CampaignSettings(options.batch, surrogate="gp", scale="linear")
        everything = list(range(len(ligands.items))) if number == options.rounds else []
        plate = next_plate(
            space, one_target(known), left_out, settings, generator, CandidateSources(pool), everything
        )  # fmt: skip
        measured += [reported(place, float(ligands.values[place]), low, high) for place in plate.items]
    places = np.array([one.item for one in measured])
    best = np.argsort(-ligands.values)[: round(BEST * len(ligands.values))]
    rest = np.setdiff1d(np.arange(len(ligands.values)), places)
    return {
        "found": float(np.isin(best, places).mean()),
        "best_ten": float(np.sort(ligands.values[places])[-TEN:].mean()),
        "correlation": spearman(ligands.values[rest], plate.extra["value"][0, rest]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--low", type=float, default=0.5)
    parser.add_argument("--high", type=float, default=0.9)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    ligands, rows = read_ligands(options.table), []
    for repeat in range(options.repeats):
        chosen = np.random.default_rng(repeat).permutation(len(ligands.items))[: options.items]
        for method in options.methods:
            rows.append({"repeat": repeat, "method": method} | campaign(ligands.taken(chosen), method, options, repeat))
            print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(options.output, index=False)
    table = pd.DataFrame(rows).drop(columns="repeat").groupby("method").agg(["mean", "sem"])
    print(table.to_string())


if __name__ == "__main__":
    main()
