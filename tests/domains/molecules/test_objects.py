"""RDKit molecules that hold no item are refused with the reason, and coordinates are kept where items have them."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from sciencegen.domains.molecules.items import parse
from sciencegen.domains.molecules.structure_files import OBJECTS, STRUCTURES, parse_structure


@pytest.mark.parametrize(
    ("molecule", "reason"),
    [
        (Chem.Mol(), "empty"),
        (Chem.MolFromSmiles("C" * 300), "300 heavy atoms"),
        (Chem.MolFromSmiles("C*"), "undefined atom"),
        (Chem.MolFromSmiles("[H][H]"), "no heavy atoms"),
        (Chem.MolFromSmiles("C(C)(C)(C)(C)C", sanitize=False), "sanitize"),
    ],
)
def test_molecules_that_are_no_items(molecule, reason):
    assert reason in parse(OBJECTS.text(molecule)).reason


def test_a_structure_keeps_its_coordinates():
    molecule = Chem.AddHs(Chem.MolFromSmiles("C[C@H](N)O"))
    assert "no 3D coordinates" in parse_structure(STRUCTURES.text(molecule)).reason
    rdDistGeom.EmbedMolecule(molecule, randomSeed=1)
    again = parse_structure(STRUCTURES.text(molecule))
    distances = [np.sort(Chem.Get3DDistanceMatrix(one), None) for one in (molecule, again)]  # atoms in another order
    assert np.allclose(*distances, atol=1e-4)
    without = Chem.RemoveHs(molecule)
    assert "hydrogens have no coordinates" in parse_structure(STRUCTURES.text(without)).reason
