"""A part of a molecule of QM9, with its coordinates, for `generate --scaffold`.

    python tests/benchmarks/cut_part.py "c1cc[nH]c1" -o pyrrole.sdf

The first molecule of the committed sample that contains the SMARTS pattern gives its heavy atoms and their bonds.
"""

from __future__ import annotations

import argparse
from itertools import chain
from pathlib import Path

from rdkit import Chem

from sciencegen.data.cards import load_card
from sciencegen.domains import load_domain
from sciencegen.items import Refusal


def cut(molecule: Chem.Mol, atoms: tuple[int, ...]) -> Chem.Mol:
    """The molecule without its other atoms; open valences are hydrogens."""
    part = Chem.RWMol(molecule)
    Chem.Kekulize(part, clearAromaticFlags=True)
    for index in sorted(set(range(molecule.GetNumAtoms())) - set(atoms), reverse=True):
        part.RemoveAtom(index)
    for atom in part.GetAtoms():
        atom.SetNoImplicit(False)
        atom.SetNumExplicitHs(0)
    Chem.SanitizeMol(part)
    return part.GetMol()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pattern", help="SMARTS")
    parser.add_argument("-o", "--output", type=Path, required=True, help="an .sdf file")
    chosen = parser.parse_args()
    pattern, domain = Chem.MolFromSmarts(chosen.pattern), load_domain("molecules/structures")
    card = load_card("molecules/qm9")
    rows = card.sample_rows(domain.items.read)
    for row in chain.from_iterable(rows[split] for split in card.disjoint_splits):
        molecule = domain.items.parse(row.text)
        if not isinstance(molecule, Refusal) and (atoms := molecule.GetSubstructMatch(pattern)):
            with Chem.SDWriter(str(chosen.output)) as file:
                file.write(cut(molecule, atoms))
            return
    raise SystemExit(f"Expected a molecule of QM9 with {chosen.pattern}, found none.")


if __name__ == "__main__":
    main()
