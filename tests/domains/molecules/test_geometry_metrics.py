import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from sciencegen.domains.molecules.geometry import Geometry, geometry_of, molecule_of, with_structure
from sciencegen.domains.molecules.structure_metrics import (
    geometry_distances,
    internal_coordinates,
    strain,
    strain_energies,
)
from sciencegen.errors import DataError
from sciencegen.items import Refusal


def noisy(molecule, generator, size):
    arrays = geometry_of(molecule)
    moved = arrays.positions + size * generator.normal(size=arrays.positions.shape)
    return molecule_of(Geometry(arrays.numbers, moved, arrays.charges, arrays.bonds))


@pytest.fixture(scope="module")
def noise_levels(qm9_molecules):
    generator = np.random.default_rng(0)
    return {size: [noisy(one, generator, size) for one in qm9_molecules[:200]] for size in (0.0, 0.02, 0.1)}


def test_coordinates_are_those_of_the_library():
    molecule = with_structure(Chem.MolFromSmiles("C[C@H](F)C#N")).molecule
    conformer, found = molecule.GetConformer(), internal_coordinates([molecule])
    assert found["lengths"]["C#N"] == pytest.approx([rdMolTransforms.GetBondLength(conformer, 3, 4)])
    assert found["angles"]["C-C#N"] == pytest.approx([rdMolTransforms.GetAngleDeg(conformer, 1, 3, 4)])
    assert found["angles"]["C-C-F"] == pytest.approx(
        sorted(rdMolTransforms.GetAngleDeg(conformer, end, 1, 2) for end in (0, 3)), abs=5
    )
    expected = sorted(abs(rdMolTransforms.GetDihedralDeg(conformer, h, 0, 1, 2)) for h in (5, 6, 7))
    assert sorted(found["dihedrals"]["F-C-C-H"]) == pytest.approx(expected)


def test_counts_follow_from_the_graph():
    ethane = internal_coordinates([with_structure(Chem.MolFromSmiles("CC")).molecule])
    assert {kind: len(values) for kind, values in ethane["lengths"].items()} == {"C-C": 1, "C-H": 6}
    assert {kind: len(values) for kind, values in ethane["angles"].items()} == {"C-C-H": 6, "H-C-H": 6}
    assert {kind: len(values) for kind, values in ethane["dihedrals"].items()} == {"H-C-C-H": 9}
    assert ethane["angles"]["H-C-H"] == pytest.approx(np.full(6, 109), abs=3)


def test_the_mirror_image_has_the_same_coordinates(qm9_molecules):
    some = qm9_molecules[:20]
    mirrored = [geometry_of(one) for one in some]
    back = [molecule_of(Geometry(g.numbers, g.positions * [1, 1, -1], g.charges, g.bonds)) for g in mirrored]
    distances = geometry_distances(internal_coordinates(back), internal_coordinates(some))
    assert max(distances[name] for name in ("lengths", "angles", "dihedrals")) < 1e-5
    assert distances["covered"] == 1


def test_distances_grow_with_noise(noise_levels, qm9_molecules):
    reference = internal_coordinates(qm9_molecules[200:600])
    found = [geometry_distances(internal_coordinates(noise_levels[size]), reference) for size in (0.0, 0.02, 0.1)]
    for name in ("lengths", "angles", "dihedrals"):
        values = [one[name] for one in found]
        assert values[0] < values[2]
        assert values[1] < values[2]
    assert found[0]["lengths"] < 0.01
    assert found[2]["lengths"] > 0.03
    assert 0.9 < found[0]["covered"] < 1


def test_strain_grows_with_noise_and_a_minimum_has_none(noise_levels):
    means = [np.nanmean(strain_energies(noise_levels[size][:40])) for size in (0.0, 0.02, 0.1)]
    assert 0 < means[0] < means[1] < means[2]
    assert means[0] < 10 < 60 < means[2]
    relaxed = strain(with_structure(Chem.MolFromSmiles("CCO")).molecule)
    assert relaxed == pytest.approx(0, abs=1e-2)


def test_what_no_field_knows_is_refused():
    radium = molecule_of(Geometry(np.array([110]), np.zeros((1, 3)), np.zeros(1, int), np.zeros((0, 3), int)))
    assert isinstance(strain(radium), Refusal)
    assert np.isnan(strain_energies([radium])).all()


def test_nothing_in_common_is_no_number(qm9_molecules):
    reference, empty = internal_coordinates(qm9_molecules[:50]), {"lengths": {}, "angles": {}, "dihedrals": {}}
    assert np.isnan(geometry_distances(empty, reference)["lengths"])
    assert geometry_distances(empty, reference)["covered"] == 0
    with pytest.raises(DataError, match="a reference with bonds"):
        geometry_distances(reference, empty)
