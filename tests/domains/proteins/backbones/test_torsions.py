"""Laws of torsion angles."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import (
    backbone_of,
    dihedrals,
    ramachandran_divergence,
    ramachandran_histogram,
    squared_outliers,
    torsions_of,
)
from tests.domains.proteins.backbones.examples import MIRROR, moved, random_backbone


def test_a_backbone_has_the_angles_it_is_built_from() -> None:
    phi, psi, omega = np.random.default_rng(0).uniform(-180, 180, (3, 30))
    first, second, third = torsions_of(backbone_of(phi, psi, omega))
    np.testing.assert_allclose(first[1:], phi[1:], atol=1e-6)
    np.testing.assert_allclose(second[:-1], psi[:-1], atol=1e-6)
    np.testing.assert_allclose(third[:-1], omega[:-1], atol=1e-6)
    assert np.isnan([first[0], second[-1], third[-1]]).all()


@pytest.mark.parametrize(("last", "angle"), [((1, 1, 0), 0), ((1, 0, 1), 90), ((1, 0, -1), -90), ((1, -1, 0.0), 180)])
def test_the_sign_is_that_of_iupac(last, angle) -> None:
    """Looking from the second point to the third, the last bond is turned clockwise by a positive angle."""
    points = np.array([(0, 1, 0), (0, 0, 0), (1, 0, 0), last], float)
    assert dihedrals(points) == pytest.approx(angle)


def test_a_mirror_changes_the_signs_and_a_motion_nothing() -> None:
    backbone = random_backbone(20)
    for found, expected in zip(torsions_of(moved(backbone)), torsions_of(backbone), strict=True):
        np.testing.assert_allclose(turned(found - expected), 0, atol=1e-6)
    for found, expected in zip(torsions_of(backbone * MIRROR), torsions_of(backbone), strict=True):
        np.testing.assert_allclose(turned(found + expected), 0, atol=1e-6)


def test_a_histogram_counts_inner_residues() -> None:
    counts = ramachandran_histogram([random_backbone(20), random_backbone(12, 1)])
    assert counts.sum() == 18 + 10
    helix = ramachandran_histogram([backbone_of(np.full(9, -57.0), np.full(9, -47.0))])
    assert helix[12, 13] == 7


def test_the_divergence_of_equal_sets_is_0_and_of_disjoint_sets_1() -> None:
    helix, strand = (backbone_of(np.full(9, phi), np.full(9, psi)) for phi, psi in ((-57.0, -47.0), (-119.0, 113.0)))
    assert ramachandran_divergence([helix], [helix, helix]) == pytest.approx(0, abs=1e-12)
    assert ramachandran_divergence([helix], [strand]) == pytest.approx(1)
    assert ramachandran_divergence([helix], [helix * MIRROR]) == pytest.approx(1)
    assert np.isnan(ramachandran_divergence([helix], []))


def test_the_gradient_of_squared_outliers_is_that_of_finite_differences() -> None:
    atoms, change = random_backbone(20)[:, :3], np.random.default_rng(1).normal(size=(20, 3, 3))
    value, gradient = squared_outliers(atoms)
    ends = [squared_outliers(atoms + step * change)[0] for step in (-1e-6, 1e-6)]
    assert value > 100
    assert (gradient * change).sum() == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-5)


def test_angles_of_proteins_are_no_outliers() -> None:
    assert squared_outliers(backbone_of(np.full(9, -57.0), np.full(9, -47.0))[:, :3])[0] == 0


def turned(angles: np.ndarray) -> np.ndarray:
    """Angles that are defined, in -180 to 180 degrees."""
    known = angles[np.isfinite(angles)]
    assert len(known) == len(angles) - 1
    return (known + 180) % 360 - 180
