"""Draws of a model that was fine-tuned on the most active molecules of a target: well formed, near them, and new?

    python tests/benchmarks/tuned_draws.py actives CHEMBL2047_EC50 actives.smi
    sciencegen train molecules --from molecules --data actives.smi -o tuned
    sciencegen generate molecules --model tuned -n 300 --raw --seed 0 -o tuned.csv
    python tests/benchmarks/tuned_draws.py judge tuned.csv actives.smi

The 300 most active molecules are of the file's training split. Similarities are Tanimoto's of Morgan
fingerprints of radius 2.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from sciencegen.api.datasets import fetch
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.features import similarity
from sciencegen.items import Refusal

ACTIVES = 300
NEAR = 0.4


def write_actives(target: str, path: Path) -> None:
    (source,) = (file for file in fetch("moleculeace") if file.stem == target)
    table = pd.read_csv(source)
    best = table[table["split"] == "train"].nlargest(ACTIVES, "y [pEC50/pKi]")
    path.write_text("".join(f"{smiles}\n" for smiles in best["smiles"]))


def judge(draws: Path, actives: Path) -> None:
    found, known = (
        [DOMAIN.items.parse(row.text) for row in DOMAIN.items.read(path, None)] for path in (draws, actives)
    )
    molecules = [item for item in found if not isinstance(item, Refusal)]
    keys = {DOMAIN.items.key(item) for item in known}
    nearest = similarity(molecules, known).max(1)
    new = np.mean([DOMAIN.items.key(item) not in keys for item in molecules])
    print(f"{len(molecules)} of {len(found)} draws are molecules; of these {new:.1%} are new, ", end="")
    print(f"{(nearest >= NEAR).mean():.1%} are near; median similarity to the nearest active {np.median(nearest):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="what", required=True)
    command = commands.add_parser("actives")
    command.add_argument("target", help="of the dataset moleculeace, such as CHEMBL2047_EC50")
    command.add_argument("output", type=Path)
    command = commands.add_parser("judge")
    command.add_argument("draws", type=Path)
    command.add_argument("actives", type=Path)
    chosen = parser.parse_args()
    if chosen.what == "actives":
        write_actives(chosen.target, chosen.output)
    else:
        judge(chosen.draws, chosen.actives)


if __name__ == "__main__":
    main()
