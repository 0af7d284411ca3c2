"""PoseBusters: real structures pass, and each kind of harm fails its own check."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from sciencegen.domains.molecules.structure_metrics import failed_checks


def embedded(smiles: str) -> Chem.Mol:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(molecule, randomSeed=1) == 0
    return molecule


def bent(smiles: str, atom: int, place) -> Chem.Mol:
    """The molecule with one atom somewhere else; place: old positions -> the atom's new one."""
    molecule = embedded(smiles)
    positions = molecule.GetConformer().GetPositions()
    positions[atom] = place(positions)
    molecule.GetConformer().SetPositions(positions)
    return molecule


@pytest.mark.long
def test_real_structures_pass(qm9_molecules):
    assert np.mean([not failed_checks(one) for one in qm9_molecules[:40]]) >= 0.95


@pytest.mark.parametrize("smiles", ["[He]", "[Na+]", "C", "O=C=O", "N#N", "C[NH+](C)C", "O=C(Nc1ccc(Br)cc1Cl)c1cccs1"])
def test_sound_molecules_of_any_size_pass(smiles):
    assert failed_checks(embedded(smiles)) == []


@pytest.mark.parametrize(
    ("molecule", "check"),
    [
        (bent("CC", 0, lambda x: x[1] + 2.2 * (x[0] - x[1]) / np.linalg.norm(x[0] - x[1])), "bond_lengths"),
        (bent("CCC", 0, lambda x: x[1] + (x[2] - x[1]) @ np.diag([0.9, 1.0, 1.1])), "bond_angles"),
        (bent("c1ccccc1", 0, lambda x: x[0] + (0, 0, 0.9)), "aromatic_ring_flatness"),
        (embedded("C.C"), "all_atoms_connected"),
    ],
)
def test_each_harm_fails_its_check(molecule, check):
    assert check in failed_checks(molecule)


def test_the_log_is_left_as_it_was(capfd):
    failed_checks(embedded("CCO"))
    Chem.MolFromSmiles("junk")
    assert "SMILES Parse Error" in capfd.readouterr().err
    assert logging.getLogger().level == logging.WARNING
