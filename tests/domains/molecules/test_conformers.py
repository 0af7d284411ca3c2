"""Coordinates for given molecules: what is refused, what is confirmed, and that files hold them."""

import numpy as np
import pytest
import torch
from rdkit import Chem

from sciencegen.api.models.folder import load_model
from sciencegen.domains import load_domain
from sciencegen.domains.molecules import DOMAIN, geometry_models
from sciencegen.domains.molecules.geometry import METHOD, with_implicit_hydrogens, with_structure
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.networks.points import PairNetworkSettings

SMALL = geometry_models.ConformerSettings(
    network=PairNetworkSettings(width=32, pair_width=8, layers=2, heads=2, vectors=2, radial=8, context=16)
)


@pytest.fixture(scope="module")
def representation(qm9_molecules):
    known = [one for one in map(geometry_models.geometry_of, qm9_molecules) if not isinstance(one, Refusal)]
    return geometry_models.fit_geometries(known, np.empty((len(known), 0)), ())


def test_molecules_get_atoms_bonds_and_no_geometry_yet(representation, qm9_molecules):
    whole = qm9_molecules[5]
    (given,), (known,) = representation.given([with_implicit_hydrogens(whole)]), representation.encode([whole])
    assert sorted(given.numbers.tolist()) == sorted(known.numbers.tolist())
    assert len(given.bonds) == len(known.bonds)
    assert not given.positions.any()


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("CCS", "S, absent from the training set"),
        ("C" * 12, "the model has seen at most"),
        ("C" * 201, "atoms"),
    ],
)
def test_what_the_model_does_not_know_is_refused(representation, smiles, reason):
    (refused,) = representation.given([Chem.MolFromSmiles(smiles)])
    assert isinstance(refused, Refusal)
    assert reason in refused.reason


def test_real_geometries_are_confirmed_and_broken_ones_are_not(representation, qm9_molecules):
    for molecule in qm9_molecules[:40]:
        asked = with_implicit_hydrogens(molecule)
        assert not isinstance(representation.confirmed(asked, molecule), Refusal)
    broken = Chem.Mol(qm9_molecules[20])
    broken.GetConformer().SetPositions(1.3 * broken.GetConformer().GetPositions())
    assert isinstance(representation.confirmed(with_implicit_hydrogens(qm9_molecules[20]), broken), Refusal)


def test_the_asked_configuration_is_made_by_mirroring_or_refused(representation):
    made = with_structure(Chem.MolFromSmiles("C[C@H](O)F")).molecule
    for asked in ("C[C@H](O)F", "C[C@@H](O)F"):
        found = representation.confirmed(Chem.MolFromSmiles(asked), made)
        assert Chem.MolToSmiles(with_implicit_hydrogens(found)) == Chem.CanonSmiles(asked)
        assert found.HasProp(METHOD)
    pair = with_structure(Chem.MolFromSmiles("C[C@H](O)[C@H](O)F")).molecule
    assert isinstance(representation.confirmed(Chem.MolFromSmiles("C[C@H](O)[C@@H](O)F"), pair), Refusal)


def test_lengths_confirm_the_order_of_a_bond(representation):
    """Neighbours and valences alone say C=C at 1.72 Å too, and whatever noise leaves of a geometry."""
    asked = Chem.MolFromSmiles("C=C")
    made = with_structure(asked).molecule
    assert not isinstance(representation.confirmed(asked, made), Refusal)
    positions = made.GetConformer().GetPositions()
    first, second = positions[0], positions[1]
    apart = (1.72 / np.linalg.norm(second - first) - 1) * (second - first)
    moved = [place + (np.linalg.norm(place - second) < np.linalg.norm(place - first)) * apart for place in positions]
    made.GetConformer().SetPositions(np.array(moved))
    refused = representation.confirmed(asked, made)
    assert refused.reason.startswith("a bond C=C of 1.72 Å")


def test_atoms_that_no_bond_joins_keep_their_distance(representation):
    asked = Chem.MolFromSmiles("C")
    made = with_structure(asked).molecule
    positions = made.GetConformer().GetPositions()
    half = (positions[1] + positions[2]) / 2
    positions[1:3] = half + 0.55 * (positions[1:3] - half)  # two hydrogens nearly meet
    length = np.linalg.norm(positions[3] - positions[0])
    for atom in (1, 2):
        positions[atom] = positions[0] + length * (positions[atom] - positions[0]) / np.linalg.norm(
            positions[atom] - positions[0]
        )
    made.GetConformer().SetPositions(positions)
    refused = representation.confirmed(asked, made)
    assert refused.reason.startswith("H and H")
    assert "without a bond" in refused.reason


def test_noise_is_seldom_confirmed_and_test_molecules_are(qm9_molecules):
    """By the ranges that come with the shipped weights: real geometries, and the same with 0.05 Å of noise."""
    shipped = load_model("molecules", "qm9-conformers", "cpu").representation
    generator = np.random.default_rng(0)
    shares = {}
    for noise in (0.0, 0.05):
        good = []
        for molecule in qm9_molecules[:300]:
            flat, shaken = with_implicit_hydrogens(molecule), Chem.Mol(molecule)
            Chem.RemoveStereochemistry(flat)
            positions = molecule.GetConformer().GetPositions()
            shaken.GetConformer().SetPositions(positions + noise * generator.standard_normal(positions.shape))
            good.append(not isinstance(shipped.confirmed(flat, shaken), Refusal))
        shares[noise] = np.mean(good)
    assert shares[0.0] > 0.99
    assert shares[0.05] < 0.1


@pytest.mark.parametrize("smiles", ["[13CH3]C", "[2H]C", "C[C@H]([2H])O", "[2H]C([2H])([2H])[13CH2]F"])
def test_isotopes_ride_along(representation, smiles):
    """No distance speaks of them; the molecule that comes back has them where they were asked for."""
    asked = Chem.MolFromSmiles(smiles)
    made = with_structure(asked).molecule
    for atom in made.GetAtoms():
        atom.SetIsotope(0)  # as the model knows it
    found = representation.confirmed(asked, made)
    assert Chem.MolToSmiles(with_implicit_hydrogens(found)) == Chem.CanonSmiles(smiles)


def test_a_file_keeps_the_molecule_that_was_asked_for(representation, tmp_path):
    """Its open stereocentre stays open in the record's SMILES, and the record says that one was chosen."""
    asked = Chem.MolFromSmiles("CC(O)F")
    found = representation.confirmed(asked, with_structure(asked).molecule)
    DOMAIN.items.write(tmp_path / "x.sdf", [found], ["one"], {})
    (record,) = Chem.SDMolSupplier(str(tmp_path / "x.sdf"))
    assert record.GetProp("smiles") == "CC(O)F"
    assert record.GetProp("stereocentres_chosen") == "1"
    assert record.GetProp("structure").startswith("diffusion")


def test_a_draw_turns_with_its_noise_and_keeps_what_is_given(representation, qm9_molecules):
    torch.manual_seed(0)
    model = geometry_models.conformers(representation, SMALL).eval().double()
    batch = representation.batch(representation.encode(qm9_molecules[:6]))
    batch = batch.map(lambda value: value.double() if value.is_floating_point() else value)
    noise = model.state.noise(batch, torch.Generator().manual_seed(0))
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    drawn = model.complete(batch, noise)
    turned = model.complete(batch, {"positions": noise["positions"] @ turn})
    torch.testing.assert_close(turned["positions"], drawn["positions"] @ turn, rtol=0, atol=1e-8)
    torch.testing.assert_close(drawn["bonds"], batch["bonds"])


def test_forms_of_the_domain(qm9_molecules):
    structures = load_domain("molecules/structures")
    text = structures.items.text(qm9_molecules[3])
    assert structures.items.key(structures.items.parse(text)) == structures.items.key(qm9_molecules[3])
    flat = DOMAIN.measure([with_implicit_hydrogens(qm9_molecules[3])], ["logp", "tpsa"])
    np.testing.assert_allclose(structures.measure([qm9_molecules[3]], ["logp", "tpsa"]), flat)
    with pytest.raises(ConfigError, match="form of molecules"):
        load_domain("molecules/spectra")


@pytest.mark.parametrize("smiles", ["[C]", "F", "O", "C", "C[N+](C)(C)CC(=O)[O-]"])
def test_the_smallest_and_charged_molecules_get_coordinates(representation, smiles):
    model = geometry_models.conformers(representation, SMALL).eval()
    batch = representation.batch(representation.given([Chem.MolFromSmiles(smiles)]))
    drawn = model.complete(batch, model.state.noise(batch, torch.Generator().manual_seed(0)))
    assert torch.isfinite(drawn["positions"]).all()
    torch.testing.assert_close(drawn["positions"].mean(1), torch.zeros(1, 3), rtol=0, atol=1e-5)
