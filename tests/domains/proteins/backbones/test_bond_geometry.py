"""Laws of bond lengths, angles, clashes and breaks."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones import geometry
from sciencegen.domains.proteins.backbones.geometry import (
    backbone_of,
    bond_angles,
    bond_lengths,
    ca_clashes,
    ca_distances,
    chain_breaks,
)
from tests.domains.proteins.backbones.examples import MIRROR, helix, moved, random_backbone

LENGTHS = {"N-CA": geometry.N_CA, "CA-C": geometry.CA_C, "C-N": geometry.C_N, "C=O": geometry.C_O}
ANGLES = {
    "N-CA-C": geometry.N_CA_C, "CA-C-N": geometry.CA_C_N, "C-N-CA": geometry.C_N_CA, "CA-C=O": geometry.CA_C_O,
    "O=C-N": 360 - geometry.CA_C_N - geometry.CA_C_O,
}  # fmt: skip


def test_a_backbone_has_the_lengths_and_angles_it_is_built_with() -> None:
    backbone = random_backbone(20)
    lengths, angles = bond_lengths(backbone), bond_angles(backbone)
    assert lengths.keys() == LENGTHS.keys()
    assert angles.keys() == ANGLES.keys()
    for kind, value in LENGTHS.items():
        np.testing.assert_allclose(lengths[kind], value)
    for kind, value in ANGLES.items():
        np.testing.assert_allclose(angles[kind], value)
    assert len(lengths["C-N"]) == len(angles["C-N-CA"]) == 19


def test_trans_neighbours_are_3_8_angstrom_apart_and_cis_2_8() -> None:
    phi, psi = np.random.default_rng(0).uniform(-180, 180, (2, 20))
    np.testing.assert_allclose(ca_distances(backbone_of(phi, psi)), 3.80, atol=0.02)
    np.testing.assert_allclose(ca_distances(backbone_of(phi, psi, 0.0)), 2.8, atol=0.1)


@pytest.mark.parametrize("change", [moved, lambda backbone: backbone * MIRROR])
def test_motions_and_mirrors_change_nothing(change) -> None:
    backbone = random_backbone(40)
    other = change(backbone)
    assert (ca_clashes(other), chain_breaks(other)) == (ca_clashes(backbone), chain_breaks(backbone))
    np.testing.assert_allclose(ca_distances(other), ca_distances(backbone))
    for measure in (bond_lengths, bond_angles):
        for kind, values in measure(backbone).items():
            np.testing.assert_allclose(measure(other)[kind], values)


def test_clashes_are_of_residues_that_are_not_neighbours() -> None:
    backbone = helix(30)
    assert ca_clashes(backbone) == 0
    twice = np.concatenate([backbone, backbone + np.array([0.0, 0, 0.1])])
    assert ca_clashes(twice) == 30
    close = backbone_of(np.full(9, -119.0), np.full(9, 113.0), 0.0)
    assert (ca_distances(close) < 3.4).all()
    assert ca_clashes(close[:2]) == ca_clashes(close[:1]) == 0


def test_a_break_is_counted_once() -> None:
    broken = helix(30)
    assert chain_breaks(broken) == 0
    broken[10:] += 1.5
    broken[20:] += 5.0
    assert chain_breaks(broken) == 2
