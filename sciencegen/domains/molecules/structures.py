"""Three-dimensional structures of molecules by distance geometry and a force field.

ETKDGv3 (Wang, Witek, Landrum, Riniker, J. Chem. Inf. Model. 2020, 60, 2044) places the atoms; MMFF94 relaxes them, or
UFF if MMFF94 lacks parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdDistGeom, rdForceFieldHelpers

METHOD = "structure_method"
"""Property of a molecule: how its conformer was made."""
ASKED = "asked_smiles"
"""Property of a molecule: the requested SMILES, which may leave stereocentres unspecified, while a conformer can't."""


@dataclass(frozen=True)
class Structure:
    """molecule: with one conformer. energy: kcal/mol of the force field, None if not computed.
    failure: why the coordinates are only those of a 2D drawing, None for a 3D structure."""

    molecule: Chem.Mol
    method: str
    energy: float | None
    failure: str | None


def with_structure(molecule: Chem.Mol, seed: int = 0, timeout_s: int = 20) -> Structure:
    """The molecule with hydrogens and a relaxed structure; an existing 3D conformer is kept."""
    if molecule.GetNumConformers() and molecule.GetConformer().Is3D():
        method = molecule.GetProp(METHOD) if molecule.HasProp(METHOD) else "given"
        return Structure(molecule, method, None, None)
    with rdBase.BlockLogs():
        hydrogenated = Chem.AddHs(molecule)
        failure = _embed(hydrogenated, seed, timeout_s)
        if failure is not None:
            return _flat(molecule, failure)
        try:
            return _relax(hydrogenated)
        except (ValueError, RuntimeError) as error:
            return Structure(hydrogenated, f"ETKDGv3, not relaxed ({type(error).__name__})", None, None)


def _embed(hydrogenated: Chem.Mol, seed: int, timeout_s: int) -> str | None:
    """Embed the atoms, first from distances, then from random coordinates; returns the reason if both fail."""
    for random_coordinates in (False, True):
        parameters: Any = rdDistGeom.ETKDGv3()
        parameters.randomSeed = seed
        parameters.useRandomCoords = random_coordinates
        parameters.maxIterations = 50
        parameters.timeout = timeout_s
        try:
            if rdDistGeom.EmbedMolecule(hydrogenated, parameters) == 0:
                return None
        except (ValueError, RuntimeError) as error:
            return f"embedding raised {type(error).__name__}"
    return f"no conformer found within {timeout_s} s and 50 attempts"


def _relax(hydrogenated: Chem.Mol) -> Structure:
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(hydrogenated):
        name, field = (
            "MMFF94",
            rdForceFieldHelpers.MMFFGetMoleculeForceField(
                hydrogenated, rdForceFieldHelpers.MMFFGetMoleculeProperties(hydrogenated)
            ),
        )
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(hydrogenated):
        name, field = "UFF", rdForceFieldHelpers.UFFGetMoleculeForceField(hydrogenated)
    else:
        return Structure(hydrogenated, "ETKDGv3, not relaxed (no force field knows its atoms)", None, None)
    field.Initialize()
    unfinished = field.Minimize(maxIts=500)
    method = f"ETKDGv3 + {name}" + (", not fully relaxed" if unfinished else "")
    return Structure(hydrogenated, method, float(field.CalcEnergy()), None)


def _flat(molecule: Chem.Mol, failure: str) -> Structure:
    drawing = Chem.Mol(molecule)
    rdDepictor.Compute2DCoords(drawing)
    return Structure(drawing, f"flat drawing: {failure}", None, failure)
