"""RDKit molecules as items: of the plain domain, and of the form with coordinates."""

from __future__ import annotations

from rdkit import Chem, rdBase

from sciencegen.domains.capabilities import Objects
from sciencegen.domains.molecules.geometry import geometry_of, with_implicit_hydrogens
from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, RECORD_ERROR
from sciencegen.domains.molecules.structure_files import structure_text
from sciencegen.items import Refusal

KINDS = "RDKit molecules"


def smiles_of(given: object) -> str | None:
    """The SMILES of a molecule with implicit hydrogens."""
    if not isinstance(given, Chem.Mol):
        return None
    if (heavy := given.GetNumHeavyAtoms()) > MAX_HEAVY_ATOMS:
        return f"{RECORD_ERROR}{heavy} heavy atoms; at most {MAX_HEAVY_ATOMS} are accepted"
    with rdBase.BlockLogs():
        try:
            return Chem.MolToSmiles(with_implicit_hydrogens(given))
        except (ValueError, RuntimeError):
            return f"{RECORD_ERROR}RDKit can't sanitize the molecule"


def line_of(given: object) -> str | None:
    """The SMILES and coordinates of a molecule with hydrogens and a conformer."""
    if not isinstance(given, Chem.Mol):
        return None
    try:
        geometry = geometry_of(given)
    except (ValueError, RuntimeError):
        geometry = Refusal("RDKit can't sanitize the molecule")
    return f"{RECORD_ERROR}{geometry.reason}" if isinstance(geometry, Refusal) else structure_text(given)


def copied(molecule: Chem.Mol) -> Chem.Mol:
    """A molecule of the caller's own: items must not change."""
    return Chem.Mol(molecule)


OBJECTS = Objects(kinds=KINDS, text=smiles_of, of=copied)
STRUCTURES = Objects(kinds=f"{KINDS} with hydrogens and a conformer", text=line_of, of=copied)
