"""Atoms that are placed, breaks, and handedness."""

import numpy as np

from sciencegen.domains.proteins.backbones.geometry import (
    bonded,
    dihedrals,
    is_dextro,
    place_hydrogens,
    place_oxygens,
)
from tests.domains.proteins.backbones.examples import (
    HELIX,
    MIRROR,
    built,
    needs_backbones,
    needs_structures,
    random_chain,
)
from tests.domains.proteins.backbones.real import holdout, table_of_backbones


def atoms(item):
    return item.coordinates.astype(float).swapaxes(0, 1)


def test_torsions_have_the_sign_of_iupac():
    n, ca, c, _ = atoms(built([HELIX] * 20))
    assert np.allclose(dihedrals(np.stack([c[:-1], n[1:], ca[1:], c[1:]], 1)), HELIX[0], atol=0.2)
    assert np.allclose(dihedrals(np.stack([n[:-1], ca[:-1], c[:-1], n[1:]], 1)), HELIX[1], atol=0.2)


@needs_backbones
def test_placed_oxygens_are_those_of_crystals():
    errors = []
    for places in table_of_backbones(10):
        n, ca, c, o = places.swapaxes(0, 1)
        errors.append(np.linalg.norm(place_oxygens(n, ca, c) - o, axis=1)[:-1])
    errors = np.concatenate(errors)
    assert np.median(errors) < 0.06
    assert (errors < 0.3).mean() > 0.99


def test_a_break_has_no_hydrogen_and_an_oxygen_all_the_same():
    n, ca, c, o = atoms(random_chain(0, 30))
    for places in (n, ca, c, o):
        places[10:] += 5
    assert np.flatnonzero(~bonded(n, c)).tolist() == [9]
    assert np.flatnonzero(np.isnan(place_hydrogens(n, c, o)).any(1)).tolist() == [0, 10]
    assert np.allclose(np.linalg.norm(place_oxygens(n, ca, c) - c, axis=1), 1.231)


def ideal_beta(n, ca, c):
    """Beta carbons of L-amino acids, with the constants of ProteinMPNN."""
    first, second = ca - n, c - ca
    return -0.58273431 * np.cross(first, second) + 0.56802827 * first - 0.54067466 * second + ca


def test_mirrored_residues_are_told_by_their_beta_carbon():
    n, ca, c, _ = atoms(random_chain(1, 30))
    beta = ideal_beta(n, ca, c)
    assert np.allclose(np.linalg.norm(beta - ca, axis=1), 1.53, atol=0.03)
    assert not is_dextro(n, ca, c, beta).any()
    assert is_dextro(n * MIRROR, ca * MIRROR, c * MIRROR, beta * MIRROR).all()
    assert not is_dextro(n, ca, c, np.full_like(beta, np.nan)).any()


@needs_structures
def test_no_residue_of_the_hold_out_counts_as_mirrored():
    assert len(holdout(4)) == 4
