"""The training set of the shipped model of molecules: MOSES, ZINC250k, and variants of them for what both lack.

    python tests/benchmarks/drug_like_set.py zinc250k drug-like/

Writes train.smi and zinc-held-out.smi (5,000 molecules of ZINC250k). Neither has a molecule of MOSES' test sets. The
variants are 4% of the training set: molecules of 28 to 60 heavy atoms (two pieces joined), pieces of up to 14 heavy
atoms, and molecules with B, Si, P, Se, I or a quaternary nitrogen in place of a common group.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem, RDLogger
from rdkit.Chem import AllChem

from sciencegen.domains.molecules.items import parse, text
from sciencegen.items import Refusal
from tests.benchmarks.dataset_files import dataset_file

HELD_OUT = 5000
LARGE, SMALL, ELEMENTS = 30_000, 15_000, 25_000
SEED = 20

REPLACEMENTS = (
    "[c:1][Cl]>>[c:1]B(O)O",
    "[c:1][Br]>>[c:1]B1OC(C)(C)C(C)(C)O1",
    "[c:1][F]>>[c:1]I",
    "[c:1][Cl]>>[c:1][Si](C)(C)C",
    "[C:1][OH]>>[C:1]O[Si](C)(C)C(C)(C)C",
    "[C:1][OH]>>[C:1]OP(=O)(O)O",
    "[c:1][F]>>[c:1]P(=O)(OCC)OCC",
    "[#6:1][SX2:2][#6:3]>>[#6:1][Se:2][#6:3]",
    "[c:1][s:2][c:3]>>[c:1][se:2][c:3]",
    "[CX4:1][NX3;H0:2]([CX4:3])[CX4:4]>>[CX4:1][N+:2](C)([CX4:3])[CX4:4]",
    "[CX4:1][NX3;H2:2]>>[CX4:1][N+:2](C)(C)C",
)


def whole(rows: list[str]) -> list[str]:
    """The rows of ZINC250k. Some copies lack each row's last character, which can be restored where it closes a ring;
    the other rows of such a copy are left out, since what they lack can't be known."""
    opened = [_open_rings(row) for row in rows]
    if sum(map(bool, opened)) < len(rows) / 2:
        return rows
    return [row + rings[0] for row, rings in zip(rows, opened, strict=True) if len(rings) == 1]


def _open_rings(smiles: str) -> list[str]:
    counts = Counter(re.findall(r"%\d\d|\d", re.sub(r"\[[^]]*\]", "A", smiles)))
    return [digit for digit, count in counts.items() if count % 2]


def canonical(smiles: str) -> str | None:
    molecule = parse(smiles)
    return None if isinstance(molecule, Refusal) else text(molecule)


def _pieces(molecule: Chem.Mol, generator: np.random.Generator) -> tuple[Chem.Mol, Chem.Mol] | None:
    """Both sides of a random single bond outside rings, the larger one first; the cut is a dummy atom."""
    bonds = [bond.GetIdx() for bond in molecule.GetBonds() if not bond.IsInRing() and bond.GetBondTypeAsDouble() == 1]
    if not bonds:
        return None
    cut = Chem.FragmentOnBonds(molecule, [int(generator.choice(bonds))], dummyLabels=[(0, 0)])
    sides = sorted(Chem.GetMolFrags(cut, asMols=True), key=lambda side: -side.GetNumAtoms())
    return (sides[0], sides[1]) if len(sides) == 2 else None


def large(pair: tuple[str, str, int]) -> str | None:
    """The larger pieces of two molecules, joined at the cuts."""
    generator = np.random.default_rng(pair[2])
    sides = [_pieces(Chem.MolFromSmiles(smiles), generator) for smiles in pair[:2]]
    if sides[0] is None or sides[1] is None:
        return None
    joined = Chem.molzip(*(_numbered(side[0]) for side in sides if side))
    return _of_size(Chem.MolToSmiles(joined), 28, 60)


def _numbered(side: Chem.Mol) -> Chem.Mol:
    next(atom for atom in side.GetAtoms() if not atom.GetAtomicNum()).SetAtomMapNum(1)
    return side


def small(pair: tuple[str, str, int]) -> str | None:
    """The smaller piece of a molecule, with hydrogen at the cut."""
    sides = _pieces(Chem.MolFromSmiles(pair[0]), np.random.default_rng(pair[2]))
    if sides is None:
        return None
    return _of_size(Chem.MolToSmiles(Chem.DeleteSubstructs(sides[1], Chem.MolFromSmarts("[#0]"))), 1, 14)


def elements(pair: tuple[str, str, int]) -> str | None:
    """A molecule with one of `REPLACEMENTS`."""
    molecule, generator = Chem.MolFromSmiles(pair[0]), np.random.default_rng(pair[2])
    for index in generator.permutation(len(REPLACEMENTS)):
        products = AllChem.ReactionFromSmarts(  # type: ignore[attr-defined]
            REPLACEMENTS[index]
        ).RunReactants((molecule,))
        if products:
            return _of_size(Chem.MolToSmiles(products[int(generator.integers(len(products)))][0]), 1, 60)
    return None


def _of_size(smiles: str, least: int, most: int) -> str | None:
    molecule = parse(smiles)
    return text(molecule) if not isinstance(molecule, Refusal) and least <= molecule.GetNumAtoms() <= most else None


def variants(molecules: list[str], pool: Pool) -> Iterator[str]:
    """Distinct variants of random molecules, `LARGE`, `SMALL` and `ELEMENTS` of each kind."""
    generator = np.random.default_rng(SEED)
    for make, count in ((large, LARGE), (small, SMALL), (elements, ELEMENTS)):
        found: dict[str, None] = {}
        for _ in range(40):
            pairs = [
                (molecules[i], molecules[j], i ^ j) for i, j in generator.integers(len(molecules), size=(count, 2))
            ]
            found |= dict.fromkeys(one for one in pool.imap(make, pairs, chunksize=200) if one)  # type: ignore[attr-defined]
            if len(found) >= count:
                break
        yield from list(found)[:count]


def write(path: Path, molecules: Iterable[str]) -> None:
    path.write_text("".join(f"{smiles}\n" for smiles in molecules))


def main() -> None:
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("zinc", help="the dataset zinc250k, or a table with the column smiles")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    chosen = parser.parse_args()
    files = {name: dataset_file("moses", number) for number, name in enumerate(("train", "test", "test_scaffolds"))}
    moses = {name: pd.read_csv(path)["SMILES"].tolist() for name, path in files.items()}
    table = pd.read_csv(dataset_file(chosen.zinc))
    rows = (
        table["smiles" if "smiles" in table else table.columns[0]]
        .str.strip()
        .sample(frac=1, random_state=SEED)
        .tolist()
    )
    left_out = {*moses["test"], *moses["test_scaffolds"]}
    with Pool(chosen.processes) as pool:
        zinc = [
            one
            for one in dict.fromkeys(pool.imap(canonical, whole(rows), chunksize=500))
            if one and one not in left_out
        ]
        training = dict.fromkeys([*moses["train"], *zinc[HELD_OUT:]])
        held = [smiles for smiles in zinc[:HELD_OUT] if smiles not in training]
        made = [one for one in variants(list(training), pool) if one not in left_out]
    chosen.folder.mkdir(parents=True, exist_ok=True)
    write(chosen.folder / "train.smi", dict.fromkeys([*training, *made]))
    write(chosen.folder / "zinc-held-out.smi", held)
    print(f"{len(moses['train'])} of MOSES, {len(zinc) - len(held)} of {len(rows)} of ZINC250k, {len(made)} variants")


if __name__ == "__main__":
    main()
