"""Substituents at cores of measured ligands: whether every draw holds its core, how many are distinct, and how fast.

    python tests/benchmarks/core_decoration.py ligands/*.csv --cores 20 -n 100

Each table gives one core: of the first row with a stereocentre that can be cut, the larger part at a single bond
between a ring and a part of at least two atoms. A draw holds the core if the core's pattern with its stereochemistry is
in it, and if it has other neighbours at the attachment point only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from rdkit import Chem, RDLogger

import sciencegen as sg
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.edits import chain_bonds
from sciencegen.domains.molecules.patterns import constraint
from sciencegen.items import Refusal

LEAST_PART, LEAST_CORE = 2, 10


def cores_of(molecule: Chem.Mol) -> Iterator[str]:
    """The molecule's cores with one attachment point, with stereocentres."""
    for bond in chain_bonds(molecule):
        if not any(molecule.GetAtomWithIdx(atom).IsInRing() for atom in bond):
            continue
        index = molecule.GetBondBetweenAtoms(*bond).GetIdx()
        pieces = Chem.GetMolFrags(Chem.FragmentOnBonds(molecule, [index], dummyLabels=[(0, 0)]), asMols=True)
        small, large = sorted(pieces, key=lambda piece: piece.GetNumHeavyAtoms())
        if small.GetNumHeavyAtoms() < LEAST_PART or large.GetNumHeavyAtoms() < LEAST_CORE:
            continue
        text = Chem.MolToSmiles(large)
        if "@" in text:
            yield text


def core_of(path: Path) -> str | None:
    """The first core of a table."""
    for row in DOMAIN.items.read(path, None):
        item = DOMAIN.items.parse(row.text)
        if not isinstance(item, Refusal) and (core := next(cores_of(item), None)):
            return core
    return None


def holds(text: str, core: str) -> bool:
    """Whether the molecule has the core's stereochemistry, and other neighbours at its point alone."""
    molecule, pattern = Chem.MolFromSmiles(text), Chem.MolFromSmiles(core)
    query = Chem.MolFromSmarts(Chem.MolToSmarts(pattern).replace("[#0]", "*"))
    plain = Chem.MolToSmarts(Chem.MolFromSmiles(core.replace("@", ""))).replace("[#0]", "[*:1]")
    return bool(molecule.HasSubstructMatch(query, useChirality=True)) and constraint([plain])(molecule)


def main() -> None:
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path, help="tables of ligands, one of each target")
    parser.add_argument("--cores", type=int, default=20)
    parser.add_argument("-n", type=int, default=100, help="distinct molecules of each core")
    chosen = parser.parse_args()
    held = made = 0
    cores = [core for core in map(core_of, chosen.tables) if core is not None][: chosen.cores]
    began = perf_counter()
    for core in cores:
        found = sg.generate("molecules", n=chosen.n, core=core, threads=1)
        good = sum(holds(text, core) for text in found.table["item"])
        held, made = held + good, made + len(found.table)
        print(
            f"{core}: {len(found.table)} distinct of {found.summary['drawn']} draws, {good} hold the core", flush=True
        )
    seconds = perf_counter() - began
    print(
        f"{len(cores)} cores: {made} molecules, {held / made:.1%} hold their core, {60 * made / seconds:.0f} a minute"
    )


if __name__ == "__main__":
    main()
