"""A scaffold's pattern holds where its heavy atoms and bonds are, and its atoms end where the file has them."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from scipy.spatial.transform import Rotation

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.structure_files import xyz_block
from sciencegen.errors import DataError


def embedded(smiles: str, hydrogens: bool = True) -> Chem.Mol:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(molecule, randomSeed=1) == 0
    return molecule if hydrogens else Chem.RemoveHs(molecule)


def scaffold(folder, molecule):
    (folder / "part.sdf").write_text(Chem.MolToMolBlock(molecule) + "$$$$\n")
    return DOMAIN.structures.read_scaffold(folder / "part.sdf")


@pytest.mark.parametrize(
    ("part", "held", "lacking"),
    [
        ("c1cc[nH]c1", ["Cn1cccc1", "c1ccc2[nH]ccc2c1", "OCc1ccc[nH]1"], ["c1ccoc1", "C1CCNC1", "c1cc[nH]n1"]),
        ("O=C1CCCC1", ["CC1CCCC1=O", "O=C1CCC2CC12"], ["OC1CCCC1", "O=C1CCCCC1", "O=C1C=CCC1"]),
        ("C[NH3+]", ["CC[NH3+]", "C[NH+](C)C"], ["CN", "CCO"]),
    ],
)
def test_the_pattern_leaves_hydrogens_open(tmp_path, part, held, lacking):
    for hydrogens in (True, False):
        pattern = scaffold(tmp_path, embedded(part, hydrogens)).pattern
        holds = DOMAIN.moves.constraint([pattern], [], None)
        assert [holds(Chem.MolFromSmiles(one)) for one in held] == [True] * len(held)
        assert not any(holds(Chem.MolFromSmiles(one)) for one in lacking)


def test_an_xyz_of_a_whole_molecule_is_a_scaffold_too(tmp_path):
    (tmp_path / "part.xyz").write_text(xyz_block(embedded("O=C1CCCC1")))
    assert (
        DOMAIN.structures.read_scaffold(tmp_path / "part.xyz").pattern
        == scaffold(tmp_path, embedded("O=C1CCCC1")).pattern
    )


def test_atoms_end_where_the_file_has_them_or_the_structure_is_refused(tmp_path):
    whole = embedded("C[C@H](O)[C@@H](F)CN")
    part = scaffold(tmp_path, Chem.MolFromMolBlock(Chem.MolToMolBlock(whole)))
    turn = Rotation.from_rotvec([1.0, -0.4, 2.0])
    moved = Chem.Mol(whole)
    moved.GetConformer().SetPositions(turn.apply(whole.GetConformer().GetPositions()) + 7.0)
    item = Chem.RemoveHs(whole)
    known = part.place(item)
    fitted = part.fit(item, moved, known)
    assert fitted.GetConformer().GetPositions() == pytest.approx(whole.GetConformer().GetPositions(), abs=2e-3)
    assert "RMSD 0.000" in fitted.GetProp("structure_method")
    mirrored = Chem.Mol(whole)
    mirrored.GetConformer().SetPositions(whole.GetConformer().GetPositions() * (1, 1, -1))
    back = part.fit(item, mirrored, known)
    assert back.GetConformer().GetPositions() == pytest.approx(whole.GetConformer().GetPositions(), abs=2e-3)
    other = Chem.MolFromSmiles("C[C@@H](O)[C@H](F)CN")  # whose scaffold is the mirror image
    assert "mirrored" in part.fit(other, mirrored, part.place(other)).reason
    shaken = Chem.Mol(whole)
    noise = 0.3 * np.random.default_rng(0).standard_normal((whole.GetNumAtoms(), 3))
    shaken.GetConformer().SetPositions(whole.GetConformer().GetPositions() + noise)
    assert "from their places" in part.fit(item, shaken, known).reason


def test_what_does_not_hold_it_is_refused(tmp_path):
    part = scaffold(tmp_path, embedded("CCC"))
    assert "no such scaffold" in part.place(Chem.MolFromSmiles("CCO")).reason
    assert "other bonds" in part.place(Chem.MolFromSmiles("C1CC1")).reason
    places = [part.place(Chem.MolFromSmiles("CCCO"), attempt)["positions"][0] for attempt in range(3)]
    assert places == [[0, 1, 2], [2, 1, 0], [0, 1, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        (2 * (Chem.MolToMolBlock(embedded("CC")) + "$$$$\n"), "several"),
        (Chem.MolToMolBlock(Chem.MolFromSmiles("CC")) + "$$$$\n", "no third dimension"),
        (Chem.MolToMolBlock(embedded("[H][H]")) + "$$$$\n", "no heavy atoms"),
        (Chem.MolToMolBlock(embedded("CC")).replace(" C ", " Xx ", 1) + "$$$$\n", "'Xx' is no element"),
    ],
)
def test_a_file_that_is_no_scaffold_says_why(tmp_path, text, message):
    (tmp_path / "part.sdf").write_text(text)
    with pytest.raises(DataError, match=message):
        DOMAIN.structures.read_scaffold(tmp_path / "part.sdf")
