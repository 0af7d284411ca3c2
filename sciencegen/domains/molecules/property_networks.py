"""Input of property networks for molecules: the readout of each property, and the atoms of each item.

For a molecule without coordinates (a SMILES) a structure is computed first, by distance geometry and a force field
(structures.py). If the network was trained on other structures (QM9's are by density functional theory), its intervals
don't include this difference. If no structure is found, there is no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from rdkit import Chem

from sciencegen.domains.molecules import items as flat
from sciencegen.domains.molecules.geometry import Geometry, geometry_of, with_structure
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
"""Column, named as in QM9's card -> readout. For other columns it is chosen by the data (prediction/columns.py)."""


def points(molecules: Sequence[Chem.Mol]) -> list[Geometry | Refusal]:
    """The atoms of each molecule, in its own structure or a computed one, or a Refusal with the reason."""
    return [geometry_of(one) if one.GetNumConformers() else _made(flat.text(one)) for one in molecules]


@lru_cache(maxsize=20_000)
def _made(text: str) -> Geometry | Refusal:
    """Cached, since several predictors use it. Atoms are in the order of the canonical text."""
    molecule = flat.parse(text)
    if isinstance(molecule, Refusal):
        return molecule
    structure = with_structure(molecule)
    return geometry_of(structure.molecule) if structure.failure is None else Refusal(structure.failure)
