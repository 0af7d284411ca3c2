"""Shares of measured ligands and drugs with unknown atom environments or large rings, and that a search leaves out.

    python tests/benchmarks/unknown_environments.py ligands/*.csv drugs.csv

Tables have a column `smiles`. Those with a column `split` of `train` and `test` are also judged as a search does that
knows the rows of `train`: rows of `test`, beside them. With --beside, the molecules of that table are known. Molecules
with an implausible group are left out of tables of results, whose column is `item`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int
from rdkit import Chem, RDLogger

from sciencegen.domains.molecules.alerts import (
    environments,
    familiar_beside,
    is_plausible,
    large_ring_texts,
    unknown_environments,
)

LIMITS = (0, 1, 2, 3, 4)


def counts(molecules: Sequence[Chem.Mol], known: Sequence[Chem.Mol] = ()) -> Int[np.ndarray, "molecule 3"]:
    """Numbers of unknown environments, of large rings that no known molecule has, and whether searches leave it out."""
    familiar = familiar_beside(known)
    keys = frozenset(key for molecule in known for key in environments(molecule))
    rings = frozenset(text for molecule in known for text in large_ring_texts(molecule))
    return np.array([
        (
            unknown_environments(molecule, keys),
            sum(text not in rings for text in large_ring_texts(molecule)),
            not familiar(molecule),
        )
        for molecule in molecules
    ])  # fmt: skip


def show(name: str, found: Int[np.ndarray, "molecule 3"]) -> None:
    shares = (f"more than {limit}: {(found[:, 0] > limit).mean():.1%}" for limit in LIMITS)
    rings, left = (found[:, 1:] > 0).mean(axis=0)
    print(name, len(found), *shares, f"large rings: {rings:.1%}", f"left out: {left:.1%}", sep=", ", flush=True)


def read(texts: pd.Series) -> list[Chem.Mol]:
    return [molecule for molecule in map(Chem.MolFromSmiles, texts) if molecule is not None]


def main() -> None:
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--beside", type=Path, help="A table of known molecules.")
    options = parser.parse_args()
    others = [] if options.beside is None else read(pd.read_csv(options.beside)["smiles"])
    alone, beside = [], []
    for path in options.tables:
        table = pd.read_csv(path)
        if "item" in table:
            show(path.stem, counts([one for one in read(table["item"]) if is_plausible(one)], others))
            continue
        if "split" not in table:
            show(path.stem, counts(read(table["smiles"]), others))
            continue
        train, test = (read(table["smiles"][table["split"] == part]) for part in ("train", "test"))
        alone.append(counts([*train, *test]))
        beside.append(counts(test, train))
    if alone:
        show(f"{len(alone)} tables", np.concatenate(alone))
        show("their rows of 'test' beside 'train'", np.concatenate(beside))


if __name__ == "__main__":
    main()
