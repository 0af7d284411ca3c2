"""Earlier measurements of another target as prior knowledge, against none, in replayed campaigns.

    sciencegen datasets fetch molecules/moleculeace -o ligands
    python tests/benchmarks/transfer_between_targets.py ligands/CHEMBL235_EC50.csv \\
        --related ligands/CHEMBL239_EC50.csv --unrelated ligands/CHEMBL204_Ki.csv -o transfer.csv

The candidates are --items random molecules of the table; no earlier table holds any of them. Each campaign measures
--rounds plates of --batch items. Reported by round are the share of the best twentieth of the candidates that was
measured (found), the mean of the ten best values, and the rank correlation of the plate's values and predictions.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from sciencegen.domains.molecules import DOMAIN
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import CampaignSettings, CandidateSources
from sciencegen.optimization.targets import one_target
from tests.benchmarks.ligand_tables import Ligands, exact, read_ligands, space_of

BEST, TEN = 0.05, 10


def campaign(ligands: Ligands, other: Ligands | None, options: argparse.Namespace, seed: int) -> list[dict[str, float]]:
    """The figures after each plate."""
    count = len(ligands.items)
    earlier = [] if other is None else other.items
    space, pool, _ = space_of([*ligands.items, *earlier])
    pool = type(pool)(range(count), pool.keys[:count], pool.costs[:count])
    priors = [] if other is None else [[exact(count + k, float(one)) for k, one in enumerate(other.values)]]
    best, found, places = np.argsort(-ligands.values)[: round(BEST * count)], [], list[int]()
    for number in range(1, options.rounds + 1):
        settings = CampaignSettings(options.batch, surrogate="gp", scale="linear")
        known = [exact(place, float(ligands.values[place])) for place in places]
        plate = next_plate(
            space, one_target(known), [], settings, np.random.default_rng((seed, number)),
            CandidateSources(pool, priors=priors),
        )  # fmt: skip
        places += plate.items
        found.append({
            "round": number, "found": float(np.isin(best, places).mean()),
            "best_ten": float(np.sort(ligands.values[places])[-TEN:].mean()),
            "weight": plate.models["value"].tasks.get(0, 0.0) if plate.models else 0.0,
        })  # fmt: skip
    return found


def without(other: Ligands, ligands: Ligands, most: int, generator: np.random.Generator) -> Ligands:
    """At most so many molecules of a table that others don't hold."""
    known = {DOMAIN.items.key(item) for item in ligands.items}
    rows = np.array([row for row, item in enumerate(other.items) if DOMAIN.items.key(item) not in known])
    return other.taken(np.sort(generator.permutation(rows)[:most]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--related", type=Path, required=True)
    parser.add_argument("--unrelated", type=Path, required=True)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--earlier", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    ligands, rows = read_ligands(options.table), []
    others = {"related": read_ligands(options.related), "unrelated": read_ligands(options.unrelated), "none": None}
    for repeat in range(options.repeats):
        seed = options.seed + repeat
        chosen = ligands.taken(np.random.default_rng(seed).permutation(len(ligands.items))[: options.items])
        for name, table in others.items():
            other = None
            if table is not None:
                other = without(table, chosen, options.earlier, np.random.default_rng((seed, 1)))
            found = campaign(chosen, other, options, seed)
            rows += [{"repeat": repeat, "prior": name} | one for one in found]
            print(repeat, name, [(round(one["found"], 2), round(one["weight"], 2)) for one in found], flush=True)
        pd.DataFrame(rows).to_csv(options.output, index=False)
    table = pd.DataFrame(rows).drop(columns="repeat").groupby(["prior", "round"]).agg(["mean", "sem"])
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
