"""Laws of the assignment of secondary structure, and its agreement with DSSP."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import backbone_of, hydrogen_bonds, secondary_structure
from tests.domains.proteins.backbones.examples import (
    HELIX,
    MIRROR,
    STRAND,
    built,
    helix,
    moved,
    needs_backbones,
    random_backbone,
)
from tests.domains.proteins.backbones.real import known_structure, natives

THREE_STATES = str.maketrans("HGIEBTSC", "HHHEE---")


@pytest.mark.parametrize(("phi", "psi", "turn"), [(-57.0, -47.0, 4), (-49.0, -26.0, 3), (-57.0, -70.0, 5)])
def test_an_ideal_helix_is_one(phi, psi, turn) -> None:
    backbone = backbone_of(np.full(20, phi), np.full(20, psi))
    assert secondary_structure(backbone) == "-" + 18 * "H" + "-"
    assert np.diagonal(hydrogen_bonds(backbone), turn).all()


def test_an_ideal_helix_has_bonds_from_each_residue_to_the_fourth() -> None:
    item = built([HELIX] * 20)
    assert secondary_structure(item.coordinates) == "-" + "H" * 18 + "-"
    carbonyl, amide = np.nonzero(hydrogen_bonds(item.coordinates))
    assert set((amide - carbonyl).tolist()) == {4}
    assert len(carbonyl) == 16


@pytest.mark.parametrize("parallel", [True, False])
def test_two_strands_beside_each_other_are_a_sheet(parallel) -> None:
    assert "EEE" in secondary_structure(sheet(parallel))
    assert "H" not in secondary_structure(sheet(parallel))


def test_a_strand_alone_and_a_stretched_chain_are_neither() -> None:
    assert secondary_structure(backbone_of(np.full(9, -119.0), np.full(9, 113.0))) == 9 * "-"
    assert secondary_structure(backbone_of(np.full(9, 180.0), np.full(9, 180.0))) == 9 * "-"
    assert secondary_structure(built([STRAND] * 12).coordinates) == "-" * 12
    assert secondary_structure(built([HELIX] * 10).coordinates[:3]) == "---"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6])
def test_short_chains_have_letters_too(size) -> None:
    assert len(secondary_structure(helix(20)[:size])) == size


def test_motions_and_mirrors_change_nothing() -> None:
    for backbone in (helix(), sheet(True), sheet(False), random_backbone(40)):
        found = secondary_structure(backbone)
        assert secondary_structure(moved(backbone)) == found
        assert secondary_structure(backbone * MIRROR) == found


def test_a_break_ends_a_helix() -> None:
    """The residue after it has no hydrogen, so no bonds to it from either side."""
    broken = helix(20)
    broken[10:] += np.array([30.0, 0, 0])
    assert secondary_structure(broken) == 2 * ("-" + 8 * "H" + "-")


def test_atoms_in_one_place_have_letters() -> None:
    assert len(secondary_structure(np.zeros((7, 4, 3)))) == 7


def test_native_chains_agree_with_dssp() -> None:
    chains = natives(40)
    found = np.array(list("".join(secondary_structure(backbone) for backbone, _ in chains)))
    expected = np.array(list("".join(letters.translate(THREE_STATES) for _, letters in chains)))
    assert (found == expected).mean() > 0.97
    for state in "HE":
        assert (found == state).mean() == pytest.approx((expected == state).mean(), abs=0.03)


@needs_backbones
def test_letters_of_globular_chains_agree_with_dssp() -> None:
    counts = np.zeros((3, 3))
    for places, letters in known_structure(24):
        found = secondary_structure(places)
        for one, other in zip(found, letters.translate(THREE_STATES), strict=True):
            counts["HE-".index(one), "HE-".index(other)] += 1
    assert np.trace(counts) / counts.sum() > 0.95
    assert counts[0, 1] + counts[1, 0] < 5
    shares = counts.sum(1) / counts.sum() - counts.sum(0) / counts.sum()
    assert np.abs(shares).max() < 0.04  # residues of bulges are no strand here


@cache
def sheet(parallel: bool, size: int = 9) -> np.ndarray:
    """Two strands, the second where it has the most hydrogen bonds to the first on a grid of places."""
    strand = backbone_of(np.full(size, -120.0), np.full(size, 120.0))
    strand -= strand[:, 1].mean(0)
    along = np.linalg.svd(strand[:, 1])[2][0]
    sideways = ((strand[:, 3] - strand[:, 2]) * (-1) ** np.arange(size)[:, None]).sum(0)
    sideways -= sideways @ along * along
    frame = np.stack([along, sideways / np.linalg.norm(sideways), np.cross(along, sideways)])
    frame[2] /= np.linalg.norm(frame[2])
    first = strand @ frame.T
    turn = np.array([1.0, 1, 1]) if parallel else np.array([-1.0, -1, 1])
    places = [(x, y, 0) for y in (-4.8, 4.8) for x in np.arange(-4, 4, 0.5)]
    pairs = [np.concatenate([first, first * turn + np.array(place)]) for place in places]
    return max(pairs, key=lambda pair: hydrogen_bonds(pair).sum())
