"""Rings of eight or more atoms, which are hard to close, and which ones known molecules have.

Rings of 8 to 11 atoms, the medium rings, are strained across the ring, and those of 12 and more have ends that seldom
meet (Illuminati & Mandolini, Acc. Chem. Res. 1981, 14, 95). A ring is told by its own atoms and bonds, without what is
attached to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rdkit import Chem

SMALLEST = 8
"""Atoms of the smallest large ring."""


def large_rings(molecule: Chem.Mol) -> int:
    """Number of rings of eight or more atoms, of the smallest set of smallest rings.

    Examples
    --------
    >>> large_rings(Chem.MolFromSmiles("CN1CCCNCCCC1"))
    1
    """
    return sum(len(ring) >= SMALLEST for ring in molecule.GetRingInfo().AtomRings())


def large_ring_texts(molecule: Chem.Mol) -> Iterator[str]:
    """SMILES of each ring of eight or more atoms, without stereochemistry."""
    for ring in molecule.GetRingInfo().AtomRings():
        if len(ring) >= SMALLEST:
            yield Chem.MolFragmentToSmiles(molecule, atomsToUse=ring, isomericSmiles=False)
