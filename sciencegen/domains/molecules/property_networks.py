"""What property networks need of molecules: which readout fits a property, and the atoms of an item.

A molecule that comes without coordinates (a SMILES) is given a structure first, by distance geometry and a force field
(structures.py). For a network that was trained on structures of another kind (QM9's are by density functional theory)
these are not quite the same items, which its intervals don't cover. Where none is found there is no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from rdkit import Chem

from sciencegen.domains.molecules import items as flat
from sciencegen.domains.molecules.geometry import Geometry, geometry_of
from sciencegen.domains.molecules.structures import with_structure
from sciencegen.items import Refusal

READOUTS: Mapping[str, str] = {
    "dipole": "dipole",
    "homo": "mean",
    "lumo": "mean",
    "gap": "mean",
    "polarizability": "sum",
    "zpve": "sum",
    "u0": "sum",
    "u298": "sum",
    "h298": "sum",
    "g298": "sum",
    "cv": "sum",
}
"""Column -> readout, named as in QM9's card. For any other column the data decide (prediction/baselines.py)."""


def points(molecules: Sequence[Chem.Mol]) -> list[Geometry | Refusal]:
    """The atoms of each molecule, of its own structure or of one that is made for it; or why there are none."""
    return [geometry_of(one) if one.GetNumConformers() else _made(flat.text(one)) for one in molecules]


@lru_cache(maxsize=20_000)
def _made(text: str) -> Geometry | Refusal:
    """Remembered, since several predictors ask for it. The order of atoms is that of the canonical text."""
    molecule = flat.parse(text)
    if isinstance(molecule, Refusal):
        return molecule
    structure = with_structure(molecule)
    return geometry_of(structure.molecule) if structure.failure is None else Refusal(structure.failure)
