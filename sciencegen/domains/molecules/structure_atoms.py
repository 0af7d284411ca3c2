"""Reads atoms, charges and positions from a structure's text without chemistry checks, also for invalid molecules.

`structure_files.parse_structure` refuses invalid molecules, but metrics of validity must count them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from sciencegen.domains.molecules.geometry import MAX_ATOMS, Geometry
from sciencegen.domains.molecules.items import RECORD_ERROR
from sciencegen.domains.molecules.structure_files import LONGEST_TEXT, block_geometry, is_molfile
from sciencegen.items import Refusal

_READER: Any = Chem.SmilesParserParams()  # RDKit's type stubs lack its settable attributes
_READER.removeHs = False
_READER.parseName = False
_READER.sanitize = False


def atoms_of(text: str) -> Geometry | Refusal:
    """The atoms of an XYZ block, a molfile block or a line of SMILES with coordinates, without bonds."""
    if text.startswith(RECORD_ERROR) or len(text) > LONGEST_TEXT:
        return Refusal("no structure that can be read")
    known = block_geometry(text) if "\n" in text and not is_molfile(text) else _drawn(text)
    if not isinstance(known, Refusal) and not 0 < len(known) <= MAX_ATOMS:
        return Refusal(f"{len(known)} atoms; 1 to {MAX_ATOMS} are accepted")
    return known


def _drawn(text: str) -> Geometry | Refusal:
    """The atoms of a molfile block or a line of SMILES, whose bonds may be wrong."""
    line = "\n" not in text
    with rdBase.BlockLogs():
        try:
            if line:
                molecule = Chem.MolFromSmiles(text, _READER)
            else:
                molecule = Chem.MolFromMolBlock(f"{text}\n", sanitize=False, removeHs=False)
        except (ValueError, RuntimeError):
            molecule = None
    if molecule is None or not molecule.GetNumConformers() or not (line or molecule.GetConformer().Is3D()):
        return Refusal("no 3D coordinates")
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], np.int64)
    molecule.UpdatePropertyCache(strict=False)
    if 1 not in numbers and any(atom.GetTotalNumHs() for atom in molecule.GetAtoms()):
        return Refusal("its hydrogens have no coordinates")  # heavy atoms alone could pass as another molecule
    charges = np.array([atom.GetFormalCharge() for atom in molecule.GetAtoms()], np.int64)
    return Geometry(numbers, np.asarray(molecule.GetConformer().GetPositions(), np.float64), charges)
