"""Judges of backbones by all atoms: overlaps, room for side chains, contacts, torsions, and drawn sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciencegen.domains.proteins.backbones import geometry
from sciencegen.domains.proteins.backbones.geometry import (
    BURIED,
    backbone_of,
    beta_clashes,
    clashes,
    contacts_per_residue,
    crowded_betas,
    longest_coil,
    place_betas,
    ramachandran_outliers,
    side_chain_neighbours,
)
from sciencegen.domains.proteins.backbones.inverse_folding import beta_carbons
from sciencegen.domains.proteins.backbones.metrics import core_hydrophobic, measure, share_of
from tests.domains.proteins.backbones.examples import helix, moved, needs_structures, random_backbone
from tests.domains.proteins.backbones.real import committed, holdout

COUNTS = (clashes, beta_clashes, crowded_betas)


def test_ideal_helices_and_strands_have_no_overlaps() -> None:
    for one in (helix(40), backbone_of(np.full(40, -120.0), np.full(40, 130.0))):
        assert [count(one) for count in COUNTS] == [0, 0, 0]
        assert ramachandran_outliers(one) == 0


def test_atoms_of_neighbours_are_no_clash() -> None:
    one, far = helix(3)[1], helix(3)[1] + 50.0
    assert clashes(np.stack([one, one])) == 0
    assert clashes(np.stack([one, far, one])) == 14, "each atom with itself, and five pairs one or two bonds apart"


def test_where_alpha_carbons_keep_apart_other_atoms_may_not() -> None:
    """Two strands whose alpha carbons are 4.1 Å apart, as in draws of earlier versions."""
    strand = backbone_of(np.full(8, -120.0), np.full(8, 130.0))
    near = np.concatenate([strand, strand + np.array([0.0, 0.0, 4.1])])
    assert geometry.ca_clashes(near) == geometry.overlaps(near) == 0
    assert clashes(near) + beta_clashes(near) > 0


@pytest.mark.parametrize("seed", range(3))
def test_motions_change_nothing(seed) -> None:
    one = random_backbone(60, seed)
    other = moved(one, seed)
    assert [count(one) for count in COUNTS] == [count(other) for count in COUNTS]
    assert contacts_per_residue(one) == contacts_per_residue(other)
    np.testing.assert_allclose(side_chain_neighbours(one), side_chain_neighbours(other), atol=1e-9)


def test_a_cb_is_where_the_inverse_folding_network_has_it() -> None:
    one = random_backbone(20)
    n, ca, c, _ = torch.from_numpy(one).unbind(1)
    np.testing.assert_allclose(place_betas(one), beta_carbons(n - ca, c - ca) + ca, atol=1e-9)


def test_a_side_chain_counts_what_it_points_to() -> None:
    """A residue whose CB points along z: one above counts in full, one beside it by a ninth, one below not at all."""
    residue = helix(3)[1]
    away = place_betas(residue[None])[0] - residue[1]
    along = away / np.linalg.norm(away)
    beside = np.cross(along, [1.0, 0.0, 0.0])
    beside /= np.linalg.norm(beside)
    for where, share in ((along, 1.0), (beside, 1 / 9), (-along, 0.0)):
        both = np.stack([residue, residue + 6 * where])
        assert side_chain_neighbours(both)[0] == pytest.approx(share / (1 + np.exp(-3.0)), abs=1e-9)


def test_helices_have_no_contacts_and_bury_nothing() -> None:
    assert contacts_per_residue(helix(40)) == 0
    assert (side_chain_neighbours(helix(40)) < BURIED).all()


def test_the_longest_coil() -> None:
    assert longest_coil("--HHH---EE-") == 3
    assert longest_coil("HHH") == 0


def test_torsions_that_no_residue_likes_are_outliers() -> None:
    assert ramachandran_outliers(backbone_of(np.full(12, 60.0), np.full(12, -90.0))) == 1
    assert np.isnan(ramachandran_outliers(helix(2)))


def test_shares_of_letters() -> None:
    assert share_of("AGSTVFW", {"F", "W"}) == pytest.approx(2 / 7)
    chain = committed(1)[0].coordinates
    order = np.argsort(-side_chain_neighbours(chain))
    letters = np.full(len(chain), "S")
    letters[order[: (len(chain) + 1) // 2]] = "L"
    assert core_hydrophobic(chain, ["".join(letters), "S" * len(chain)]) == 0.5


@needs_structures
def test_natives_have_room() -> None:
    """Chains that nothing was fitted to: no model, and none of the cells of torsions."""
    chains = [item.coordinates.astype(float) for item in holdout(60)]
    residues = sum(map(len, chains))
    assert np.mean([clashes(one) == 0 for one in chains]) >= 0.7
    assert 100 * sum(map(crowded_betas, chains)) / residues == pytest.approx(4.5, abs=1.0)
    assert np.mean([contacts_per_residue(one) for one in chains]) == pytest.approx(1.85, abs=0.25)
    assert np.mean([ramachandran_outliers(one) for one in chains]) == pytest.approx(0.05, abs=0.02)
    assert measure(holdout(60), ["buried"]).mean() == pytest.approx(0.1, abs=0.05)
