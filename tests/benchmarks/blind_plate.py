"""A table to judge a plate blind, and what each row is: the plate, a baseline, and measured molecules as controls.

    sciencegen propose molecules --measured series.csv --target pic50 --batch 24 -o plate.csv
    python tests/benchmarks/blind_plate.py series.csv plate.csv ligands.csv --target pic50 -o blind

The series and the ligands of other series have the column `smiles`. The baseline exchanges parts as in the matched
pairs of the series (Hussain and Rea 2010), and ranks the molecules by a Gaussian process on Morgan counts with the
min-max kernel. Write `reason` in `blind/rows.csv` beside what you cross out, then compare with `blind/key.csv`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator, rdMMPA
from scipy.optimize import minimize

COUNTS = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=4096)
OTHERS, OWN = 20, 8


def kernel(some: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Min-max similarity of Morgan counts."""
    one, other = ([COUNTS.GetCountFingerprintAsNumPy(Chem.MolFromSmiles(text)) for text in own]
                  for own in (some, others))  # fmt: skip
    return np.array([np.minimum(row, other).sum(1) / np.maximum(row, other).sum(1) for row in one])


def matched_pairs(series: Sequence[str]) -> list[str]:
    """New molecules by exchange of parts that are on the same core of two of the series."""
    beside, cuts = defaultdict[str, set[str]](set), set[tuple[str, str]]()
    for text in series:
        for _, pieces in rdMMPA.FragmentMol(Chem.MolFromSmiles(text), maxCuts=1, resultsAsMols=False):
            part, core = sorted(pieces.split("."), key=lambda one: Chem.MolFromSmiles(one).GetNumHeavyAtoms())
            beside[core].add(part)
            cuts.add((core, part))
    swaps = defaultdict[str, set[str]](set)
    for parts in beside.values():
        for part in parts:
            swaps[part] |= parts - {part}
    pairs = [(core, other) for core, part in cuts for other in swaps[part]]
    made = {Chem.CanonSmiles(Chem.MolToSmiles(Chem.molzip(*map(Chem.MolFromSmiles, one)))) for one in pairs}
    return sorted(made - set(series))


def best(made: Sequence[str], series: Sequence[str], values: np.ndarray, count: int) -> list[str]:
    """Those of the highest predicted means."""
    alike, centred = kernel(series, series), values - values.mean()

    def covariance(logs: np.ndarray) -> np.ndarray:
        return np.exp(logs[0]) * alike + np.exp(logs[1]) * np.eye(len(alike))

    def loss(logs: np.ndarray) -> float:
        return float(centred @ np.linalg.solve(covariance(logs), centred) + np.linalg.slogdet(covariance(logs))[1])

    logs = minimize(loss, [0.0, -2.0], method="Nelder-Mead").x
    means = kernel(made, series) @ np.linalg.solve(covariance(logs), centred)
    return [made[place] for place in np.argsort(-means, kind="stable")[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", type=Path)
    parser.add_argument("plate", type=Path)
    parser.add_argument("ligands", type=Path)
    parser.add_argument("--target", default="value")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    generator = np.random.default_rng(chosen.seed)
    table = pd.read_csv(chosen.series)
    known = table.groupby(table["smiles"].map(Chem.CanonSmiles))[chosen.target].mean()
    series, plate = list(known.index), [Chem.CanonSmiles(one) for one in pd.read_csv(chosen.plate)["item"]]
    size = lambda text: Chem.MolFromSmiles(text).GetNumHeavyAtoms()  # noqa: E731
    sizes = [size(one) for one in plate]
    others = pd.read_csv(chosen.ligands)["smiles"].sample(frac=1, random_state=chosen.seed).map(Chem.CanonSmiles)
    with rdBase.BlockLogs():
        baseline = best(matched_pairs(series), series, known.to_numpy(), len(plate))
    alike = (one for one in others if one not in known.index and min(sizes) <= size(one) <= max(sizes))
    kinds = {
        "plate": plate, "baseline": baseline, "other series": list(islice(alike, OTHERS)),
        "series": generator.choice(series, OWN, replace=False).tolist(),
    }  # fmt: skip
    found = defaultdict[str, list[str]](list)
    for kind, own in kinds.items():
        for one in own:
            found[one].append(kind)
    texts = generator.permutation(list(found)).tolist()
    chosen.output.mkdir(exist_ok=True)
    pd.DataFrame({"smiles": texts, "reason": ""}).to_csv(chosen.output / "rows.csv", index_label="row")
    pd.DataFrame({"kinds": ["+".join(found[one]) for one in texts]}).to_csv(
        chosen.output / "key.csv", index_label="row"
    )


if __name__ == "__main__":
    main()
