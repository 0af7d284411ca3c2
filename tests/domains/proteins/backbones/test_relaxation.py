"""Laws of relaxation: good chains stay, bad ones get sound bonds nearby, wherever they lie in space."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import (
    TRANS_ANGLE,
    TRANS_DISTANCE,
    backbone_of,
    ca_clashes,
    ca_distances,
    chain_breaks,
    clashes,
    place_oxygens,
    ramachandran_outliers,
    torsions_of,
)
from sciencegen.domains.proteins.backbones.relaxation import PlacedAtoms, relaxed
from tests.domains.proteins.backbones.examples import helix, moved, needs_structures
from tests.domains.proteins.backbones.real import committed, holdout


def noised(atoms: np.ndarray, spread: float, seed: int = 0) -> np.ndarray:
    return atoms + spread * np.random.default_rng(seed).normal(size=atoms.shape)


def whole(atoms: np.ndarray) -> np.ndarray:
    return np.concatenate([atoms, place_oxygens(*atoms.swapaxes(0, 1))[:, None]], 1)


def test_a_good_chain_is_returned_as_it_is() -> None:
    atoms = helix(30)[:, :3]
    assert relaxed(atoms) is atoms


@needs_structures
def test_native_chains_stay() -> None:
    chains = [item.coordinates[:, :3] for item in holdout(20)]
    assert np.mean([relaxed(chain) is chain for chain in chains]) >= 0.9


@pytest.mark.parametrize("spread", [0.2, 0.5])
def test_noise_is_repaired_nearby(spread) -> None:
    atoms = noised(helix(60)[:, :3], spread)
    repaired = relaxed(atoms)
    distances = ca_distances(whole(repaired))
    assert chain_breaks(whole(repaired)) == 0
    assert np.mean((distances > TRANS_DISTANCE[0]) & (distances < TRANS_DISTANCE[1])) >= 0.98
    assert np.sqrt(np.square(repaired - atoms).sum(-1).mean()) < 1.8 * spread  # noise moves atoms by 1.7


@pytest.mark.parametrize("spread", [0.2, 0.3, 0.5])
def test_peptide_bonds_become_planar(spread) -> None:
    """Distances within their limits alone leave |omega| as small as 131 degrees."""
    chains = [item.coordinates[:, :3] for item in committed(6)] + [helix(60)[:, :3]]
    noisy = [noised(chain, spread, seed) for seed, chain in enumerate(chains)]
    before, after = (np.concatenate([_twists(one) for one in group]) for group in (noisy, map(relaxed, noisy)))
    assert np.mean(before > TRANS_ANGLE) < 0.9
    assert np.mean(np.minimum(after, 180 - after) < 15) == 1
    assert np.mean(after > TRANS_ANGLE) > 0.99


def test_a_twisted_chain_with_native_distances_is_no_good_chain() -> None:
    flat, twisted = (backbone_of(np.full(9, -120.0), np.full(9, 130.0), omega)[:, :3] for omega in (180.0, 140.0))
    assert relaxed(flat) is flat
    assert _twists(relaxed(twisted)).min() > 160


def _twists(atoms: np.ndarray) -> np.ndarray:
    """|omega| of each peptide bond, degrees."""
    return abs(torsions_of(whole(atoms))[2][:-1])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_chains_keep_their_shape(count) -> None:
    assert relaxed(noised(helix(12)[:count, :3], 0.5)).shape == (count, 3, 3)


def test_chains_that_pass_through_themselves_move_apart() -> None:
    first = helix(20)[:, :3]
    both = np.concatenate([first, first[::-1] + np.array([0.5, 0.5, 0.0])])
    assert ca_clashes(whole(both)) > 0
    assert ca_clashes(whole(relaxed(both))) < ca_clashes(whole(both))


def test_fixed_residues_stay() -> None:
    atoms, fixed = noised(helix(40)[:, :3], 0.3), np.arange(40) < 10
    repaired = relaxed(atoms, fixed)
    np.testing.assert_array_equal(repaired[fixed], atoms[fixed])
    assert np.abs(ca_distances(whole(repaired[12:])) - 3.8).max() < 0.16
    assert relaxed(atoms, fixed | True) is atoms


def test_the_gradient_of_atoms_is_that_of_points() -> None:
    """By differences, of a random linear function of all points."""
    generator = np.random.default_rng(0)
    atoms, placement, step = noised(helix(5)[:, :3], 0.2), PlacedAtoms(5), 1e-5
    weight = generator.normal(size=placement.points(atoms).shape)
    slopes = np.zeros_like(atoms)
    for place in np.ndindex(atoms.shape):
        shift = np.zeros_like(atoms)
        shift[place] = step
        ends = [(weight * placement.points(atoms + sign * shift)).sum() for sign in (1, -1)]
        slopes[place] = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(placement.pulled(atoms, weight), slopes, atol=1e-7)


def test_atoms_that_overlap_move_apart_though_alpha_carbons_do_not() -> None:
    strand = backbone_of(np.full(8, -120.0), np.full(8, 130.0))[:, :3]
    both = np.concatenate([strand, strand + np.array([0.0, 4.2, -1.5])])
    assert ca_clashes(whole(both)) == 0
    assert clashes(whole(both)) > 0
    assert clashes(whole(relaxed(both))) == 0


def test_torsion_angles_of_no_protein_are_turned_nearby() -> None:
    phi, psi = np.full(30, -57.0), np.full(30, -47.0)
    phi[15], psi[15] = -100.0, -100.0
    atoms = noised(backbone_of(phi, psi)[:, :3], 0.05)
    repaired = relaxed(atoms)
    assert ramachandran_outliers(whole(atoms)) > 0
    assert ramachandran_outliers(whole(repaired)) == 0
    assert np.linalg.norm(repaired - atoms, axis=-1).max() < 1


def test_unusual_bonds_of_fixed_residues_do_not_keep_others_from_turning() -> None:
    phi, psi = np.full(30, -57.0), np.full(30, -47.0)
    phi[15], psi[15] = -100.0, -100.0
    atoms, fixed = noised(backbone_of(phi, psi)[:, :3], 0.05), np.arange(30) < 8
    atoms[3, 0] += 0.2
    repaired = relaxed(atoms, fixed)
    np.testing.assert_array_equal(repaired[fixed], atoms[fixed])
    assert ramachandran_outliers(whole(atoms[9:])) > 0
    assert ramachandran_outliers(whole(repaired[9:])) == 0


def test_unusual_fixed_residues_leave_a_good_chain_as_it_is() -> None:
    atoms, fixed = helix(30)[:, :3].copy(), np.arange(30) < 8
    atoms[3, 0] += 0.4
    assert relaxed(atoms, fixed) is atoms
    assert relaxed(atoms) is not atoms


def test_rotations_are_a_symmetry() -> None:
    atoms = noised(helix(20)[:, :3], 0.2)
    np.testing.assert_allclose(relaxed(moved(atoms)), moved(relaxed(atoms)), atol=1e-3)


def test_missing_coordinates_stay_missing() -> None:
    atoms = helix(12)[:, :3].copy()
    for place in (np.nan, np.inf, 1e30):
        atoms[3] = place
        assert relaxed(atoms) is atoms
