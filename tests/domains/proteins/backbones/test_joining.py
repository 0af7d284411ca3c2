"""A motif joined to a drawn chain: exact atoms, whole bonds, and little else moved."""

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import (
    C_N,
    C_O,
    bond_angles,
    bond_lengths,
    chain_breaks,
    torsions_of,
)
from sciencegen.domains.proteins.backbones.relaxation import NEIGHBOURS, join
from tests.domains.proteins.backbones.examples import chains, moved

ITEM = chains()[6].coordinates.astype(float)
"""32 residues."""
FIXED = np.isin(np.arange(32), [*range(10, 16), *range(22, 26)])


def shifted(by, seed=0):
    """The chain's N, CA and C in another frame, with the motif's residues moved at random by so many ångström."""
    places = ITEM[:, :3].copy()
    generator = np.random.default_rng(seed)
    for part in (slice(10, 16), slice(22, 26)):
        places[part] += by * generator.normal(size=3) / np.sqrt(3)
    return moved(places, seed)


@pytest.mark.parametrize("by", [0.0, 0.5, 1.0])
def test_the_motif_is_exact_and_the_chain_unbroken(by):
    found = join(shifted(by), FIXED, ITEM[FIXED])
    assert (found[FIXED] == ITEM[FIXED]).all()
    assert chain_breaks(found) == 0
    lengths = bond_lengths(found)
    assert lengths["C-N"] == pytest.approx(C_N, abs=0.1)
    assert lengths["C=O"] == pytest.approx(C_O, abs=0.01)
    assert np.abs(torsions_of(found)[2][:-1]).min() > 150


def test_angles_at_the_motifs_ends_are_those_of_peptides():
    found = bond_angles(join(shifted(1.0), FIXED, ITEM[FIXED]))
    for kind, ideal in (("CA-C-N", 116.2), ("C-N-CA", 121.7), ("O=C-N", 123.0)):
        assert found[kind] == pytest.approx(ideal, abs=12), kind


def test_a_chain_that_fits_stays():
    found = join(moved(ITEM[:, :3]), FIXED, ITEM[FIXED])
    assert found[:, :3] == pytest.approx(ITEM[:, :3], abs=0.15)


def test_residues_far_from_the_motif_are_moved_as_one():
    fixed = np.arange(32) < 8
    drawn = moved(ITEM[:, :3])
    drawn[:8] += (0.4, -0.3, 0.2)
    found, far = join(drawn, fixed, ITEM[fixed]), slice(8 + NEIGHBOURS, 32)
    distances = lambda places: np.linalg.norm(places[far, None] - places[None, far], axis=-1)  # noqa: E731
    assert distances(found[:, 1]) == pytest.approx(distances(drawn[:, 1]), abs=1e-6)


def test_an_unknown_oxygen_follows_the_next_residue():
    motif = ITEM[FIXED].copy()
    motif[-1, 3] = np.nan
    found = join(shifted(0.5), FIXED, motif)
    assert np.isfinite(found).all()
    assert bond_angles(found)["O=C-N"][25] == pytest.approx(123, abs=5)


def test_a_chain_without_free_neighbours_is_the_motif():
    found = join(moved(ITEM[:12, :3]), np.ones(12, bool), ITEM[:12])
    assert (found == ITEM[:12]).all()
