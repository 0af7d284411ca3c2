"""Pareto plates against weighted sums and random plates, in replayed campaigns on two measured targets.

    sciencegen datasets fetch molecules/moleculeace -o ligands
    python tests/benchmarks/pareto_plates.py ligands/CHEMBL244_Ki.csv ligands/CHEMBL204_Ki.csv --minimize-second -o p

The candidates are the molecules that both tables hold. Each campaign measures --rounds plates of --batch items; the
first plate is random and the same for all methods. `pareto` picks by expected hypervolume improvement. `weighted` gives
plates by Thompson sampling, as `propose` does for one target, of the sum of both values in units of their standard
deviations; `weights` gives each plate a random weight instead (uniform from 0 to 1). Reported is the hypervolume that
the measured items dominate above the table's median of both values, as a share of that of the whole table. For `pareto`
also the share of the plate's values inside their 90% intervals (`held`), and inside intervals that are wider by the
factor of plates with one target (`held_wider`).
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from sciencegen.optimization.campaign import Plate, next_plate
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace, CandidatePool, CandidateSources
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.pareto import hypervolume
from sciencegen.optimization.posterior import WIDER
from sciencegen.optimization.targets import Targets, one_target
from tests.benchmarks.ligand_tables import Ligands, exact, read_ligands, space_of

PARETO, WEIGHTED, WEIGHTS, RANDOM = "pareto", "weighted", "weights", "random"
METHODS = (PARETO, WEIGHTED, WEIGHTS, RANDOM)


def shared(first: Ligands, second: Ligands) -> tuple[Ligands, Float[np.ndarray, "item target"]]:
    """The molecules of both tables, and their two values."""
    others = dict(zip(second.texts, second.values.tolist(), strict=True))
    rows = np.array([row for row, text in enumerate(first.texts) if text in others])
    both = first.taken(rows)
    return both, np.stack([both.values, [others[text] for text in both.texts]], 1)


@cache
def cached_space(ligands: Ligands) -> tuple[CampaignSpace, CandidatePool, FeatureRows]:
    """The space of the molecules, whose features are computed once."""
    return space_of(ligands.items)


def inside(plate: Plate, values: Float[np.ndarray, "item target"], wider: float = 1.0) -> float:
    """Share of a plate's values in their intervals, which are symmetric on a linear scale."""
    median, lower, upper = np.stack([plate.predicted["first"], plate.predicted["second"]], 2)
    return float((abs(values - median) <= wider * (upper - lower) / 2).mean())


def campaign(
    ligands: Ligands, values: np.ndarray, gains: np.ndarray, method: str, options: argparse.Namespace, seed: int
) -> list[dict[str, float]]:
    """Of each plate: the hypervolume after it, as a share of the table's, and the share inside the intervals."""
    space, pool, _ = cached_space(ligands)
    floor, sources, places = np.median(gains, 0), CandidateSources(pool), list[int]()
    whole, found = hypervolume(gains, floor), []
    goals = parse_goals(["maximize first", "minimize second" if options.minimize_second else "maximize second"])
    for number in range(1, options.rounds + 1):
        generator = np.random.default_rng((seed, number))
        settings, held = CampaignSettings(options.batch, surrogate="gp", scale="linear"), {}
        if number == 1 or method == RANDOM:
            picked = next_plate(space, one_target([]), places, settings, generator, sources).items
        elif method == PARETO:
            known = {
                goal.name: [exact(place, float(values[place, column])) for place in places]
                for column, goal in enumerate(goals)
            }
            plate = next_plate(space, Targets(goals, known), [], settings, generator, sources)
            picked, own = plate.items, values[plate.items]
            held = {"held": inside(plate, own), "held_wider": inside(plate, own, WIDER)}
        else:
            share = 0.5 if method == WEIGHTED else np.random.default_rng((seed, number, 1)).uniform()
            own = gains[places]
            sums = (own - own.mean(0)) / own.std(0) @ [share, 1 - share]
            known_sums = [exact(place, float(one)) for place, one in zip(places, sums, strict=True)]
            picked = next_plate(space, one_target(known_sums), [], settings, generator, sources).items
        places += picked
        found.append({"share": hypervolume(gains[places], floor) / whole} | held)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--minimize-second", action="store_true")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    ligands, values = shared(read_ligands(options.first), read_ligands(options.second))
    gains = values * [1.0, -1.0 if options.minimize_second else 1.0]
    print(f"{len(values)} molecules, correlation {np.corrcoef(values.T)[0, 1]:.2f}", flush=True)
    rows = []
    for repeat in range(options.repeats):
        for method in options.methods:
            found = campaign(ligands, values, gains, method, options, options.seed + repeat)
            rows += [{"repeat": repeat, "method": method, "round": n} | one for n, one in enumerate(found, 1)]
            print(repeat, method, np.round([one["share"] for one in found], 3), flush=True)
        pd.DataFrame(rows).to_csv(options.output, index=False)
    table = pd.DataFrame(rows)
    print(table.groupby(["method", "round"])["share"].agg(["mean", "sem"]).round(4).to_string())
    if PARETO in options.methods:
        print(table[table["method"] == PARETO].groupby("round")[["held", "held_wider"]].mean().round(3).to_string())


if __name__ == "__main__":
    main()
