"""What property networks see of molecules."""

import numpy as np
import pytest

from sciencegen.data.cards import load_card
from sciencegen.domains import load_domain
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.structure_files import holds_structures
from sciencegen.domains.molecules.structured import READOUTS
from sciencegen.items import Refusal
from sciencegen.networks import harmonics as properties

FORM = load_domain("molecules/structures")


def test_readouts_are_known_and_their_columns_are_qm9s():
    assert set(READOUTS.values()) <= set(properties.READOUTS)
    assert set(READOUTS) <= {column.name for column in load_card("molecules/qm9").columns}


def test_a_molecule_without_coordinates_is_given_some():
    first, second = FORM.structures.points([DOMAIN.items.parse("OCC"), DOMAIN.items.parse("CCO")])
    assert sorted(first.numbers.tolist()) == [1] * 6 + [6, 6, 8]
    np.testing.assert_array_equal(first.positions, second.positions)  # however the molecule was written
    assert np.ptp(first.positions, axis=0).min() > 0.5


def test_its_own_coordinates_count():
    molecule = FORM.items.parse("2\n\nH 0 0 0\nF 0 0 0.95\n")
    (found,) = FORM.structures.points([molecule])
    assert found.positions[:, 2].tolist() == [0.0, 0.95]
    kept = FORM.structures.points([FORM.items.parse(FORM.items.text(molecule))])[0]
    np.testing.assert_array_equal(kept.positions, found.positions)


def test_what_has_no_structure_says_why(monkeypatch):
    from sciencegen.domains.molecules import geometry
    from sciencegen.domains.molecules.geometry import Structure

    fail = lambda molecule: Structure(molecule, "flat", None, "no conformer found")  # noqa: E731
    monkeypatch.setattr(geometry, "with_structure", fail)
    (found,) = FORM.structures.points([DOMAIN.items.parse("CCCCCCCCCCCCCCCCCCC")])
    assert isinstance(found, Refusal)
    assert found.reason == "no conformer found"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.xyz", "1\n\nH 0 0 0\n", True),
        ("a.smi", "CCO\n", False),
        ("a.csv", "smiles,y\nCCO,1\n", False),
        ("a.csv", 'SMILES,Elements,XYZ_Ang\nO,"[\'O\']","[[0,0,0]]"\n', True),
        ("a.csv", "", False),
        ("missing.sdf", None, False),
    ],
)
def test_whether_a_file_has_structures(tmp_path, name, content, expected):
    if content is not None:
        (tmp_path / name).write_text(content)
    assert holds_structures(tmp_path / name) is expected


def test_a_file_of_drawings_has_none(tmp_path):
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    molecule = DOMAIN.items.parse("CC(C)O")
    DOMAIN.items.write(tmp_path / "deep.sdf", [molecule], ["a"], {})
    rdDepictor.Compute2DCoords(molecule)
    (tmp_path / "flat.sdf").write_text(Chem.MolToMolBlock(molecule) + "$$$$\n")
    assert holds_structures(tmp_path / "deep.sdf")
    assert not holds_structures(tmp_path / "flat.sdf")


def test_oracles_see_structures_without_their_hydrogens():
    flat = DOMAIN.items.parse("CCO")
    structure = FORM.items.parse("9\n\nC -0.888 0.167 -0.027\nC 0.466 -0.518 -0.037\nO 1.441 0.346 0.552\n"
                           "H -1.166 0.437 0.998\nH -0.857 1.079 -0.632\nH -1.653 -0.504 -0.433\n"
                           "H 0.404 -1.456 0.526\nH 0.761 -0.775 -1.060\nH 2.280 -0.139 0.527\n")  # fmt: skip
    assert not isinstance(structure, Refusal)
    for name in ("logp", "alerts", "similarity to CCO", "qed"):
        assert FORM.oracles.find(name).score([structure]) == DOMAIN.oracles.find(name).score([flat])
