"""Accessibility and contacts: laws, and the real chains where they are at hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.structures import (
    LARGEST_AREA,
    map_to_reference,
    read_structure,
    relative_accessibility,
    weighted_contact_number,
)
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import DataError
from tests.domains.proteins.conftest import SHARED
from tests.domains.proteins.example_structures import Line, moved, pdb, peptide

SEQUENCE = "MKVLAWGHYEDRPSTNQCIF"


def structure(tmp_path, lines, name="x.pdb"):
    path = tmp_path / name
    path.write_text(pdb(lines))
    return read_structure(path)


@pytest.fixture(scope="module")
def structures():
    folder = SHARED / "proteins" / "structures"
    if not folder.is_dir():
        pytest.skip(f"the protein chains aren't at {folder}; $SCIENCEGEN_SHARED_DATA names the folder above")
    return folder


def test_each_residue_has_its_largest_area():
    assert set(LARGEST_AREA) == set(ALPHABET)


def test_the_contact_number_is_its_sum(tmp_path):
    chain = structure(tmp_path, peptide(SEQUENCE))
    alpha = chain.atom("CA")
    expected = sum(1 / np.square(alpha[4] - alpha[other]).sum() for other in range(20) if other != 4)
    assert weighted_contact_number(chain)[4] == pytest.approx(expected)


@pytest.mark.parametrize("centre", ["alpha", "side_chain"])
def test_the_contact_number_is_higher_inside(tmp_path, generator, centre):
    """Residues in a ball, each a CA: the deeper, the more."""
    places = generator.normal(size=(300, 3))
    depth = generator.random(300) ** (1 / 3)
    places *= (25 * depth / np.linalg.norm(places, axis=1))[:, None]
    chain = structure(tmp_path, [Line("CA", "GLY", at + 1, tuple(place)) for at, place in enumerate(places.tolist())])
    found = weighted_contact_number(chain, centre)
    assert found[depth < 0.5].min() > found[depth > 0.98].max()


def test_neither_changes_when_the_structure_moves(tmp_path):
    lines = peptide(SEQUENCE)
    turned = moved(lines, Rotation.from_euler("xyz", (0.4, 1.1, 2.0)).as_matrix(), np.array([5.0, -8.0, 30.0]))
    here, there = structure(tmp_path, lines), structure(tmp_path, turned, "turned.pdb")
    for centre in ("alpha", "side_chain"):
        contacts = weighted_contact_number(here, centre)
        assert np.allclose(contacts, weighted_contact_number(there, centre), rtol=1e-3), "files have 0.001 Å"
    assert np.abs(relative_accessibility(here) - relative_accessibility(there)).max() < 0.05, "points on spheres"


def test_what_lacks_atoms_has_no_accessibility(tmp_path):
    lines = [one for one in peptide(SEQUENCE) if (one.number, one.atom) != (2, "NZ")]
    assert np.flatnonzero(np.isnan(relative_accessibility(structure(tmp_path, lines)))).tolist() == [1]


@pytest.mark.parametrize("name", ["1A2K_l_u_B", "1S1Q_r_u_A", "1JTD_l_u_B"])
def test_real_chains_are_buried_where_contacts_are_many(structures, name):
    chain = read_structure(structures / f"{name}.pdb.gz")
    exposed, contacts = relative_accessibility(chain), weighted_contact_number(chain)
    known = np.isfinite(exposed)
    assert known.mean() > 0.95
    assert exposed[known].min() >= 0
    assert exposed[known].max() < 1.3
    assert np.corrcoef(exposed[known], contacts[known])[0, 1] < -0.6
    letters = np.array(list(chain.sequence))
    assert np.nanmean(exposed[np.isin(letters, list("KED"))]) > 2 * np.nanmean(exposed[np.isin(letters, list("ILVF"))])


def test_every_real_chain_is_read(structures):
    paths = sorted(structures.glob("*.pdb.gz"))[::8]
    assert all(len(read_structure(path).residues) > 20 for path in paths)


# --- which residue is which position ----------------------------------------------------------------------------------


def test_residues_find_their_positions(tmp_path):
    """Numbers of the file mean nothing; a tag, a mutation, a deleted loop and an unknown residue are told apart."""
    reference = Reference("GGSS" + SEQUENCE + "KKVV", first=101)
    tagged = [*peptide("H" + SEQUENCE[:8].replace("W", "Y"), 501), *peptide(SEQUENCE[12:], 530, start=60.0)]
    mapping = map_to_reference(structure(tmp_path, tagged), reference)
    assert mapping.places.tolist()[1:] == [*range(4, 12), *range(16, 24)]
    assert [str(one) for one in mapping.mismatches if one.label == "507"] == ["W110 is Y (residue 507)"]
    values = mapping.on_reference(np.arange(17.0))
    assert values[4:12].tolist() == list(range(1, 9))
    assert np.isnan(values[12:16]).all()
    assert any("W110 is Y (residue 507)" in note for note in mapping.notes())


def test_a_whole_structure_has_nothing_to_say(tmp_path):
    mapping = map_to_reference(structure(tmp_path, peptide(SEQUENCE, 7)), Reference(SEQUENCE))
    assert (mapping.identity, mapping.coverage, mapping.notes()) == (1.0, 1.0, [])


def test_a_structure_of_another_protein_is_refused(tmp_path):
    chain = structure(tmp_path, peptide("GPGPGPGPGPGPGPGP"))
    with pytest.raises(DataError, match="Expected a structure of the reference's protein, found chain A alike at"):
        map_to_reference(chain, Reference("MKVLAWMKVLAWHYEDR"))


def test_lactamase_is_found_in_the_alignment_of_its_family(structures, beta_lactamase):
    from sciencegen.domains.proteins.alignments import read_alignment

    reference = read_alignment(beta_lactamase).focus
    mapping = map_to_reference(read_structure(structures / "1JTD_l_u_B.pdb.gz"), reference)
    assert mapping.identity > 0.98
    assert 0.85 < mapping.coverage <= 1
