"""Laws of the radius of gyration and of contact order."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import backbone_of
from sciencegen.domains.proteins.backbones.metrics import (
    expected_radius,
    gyration_ratio,
    radius_of_gyration,
    relative_contact_order,
)
from tests.domains.proteins.backbones.examples import MIRROR, helix, moved, random_backbone
from tests.domains.proteins.backbones.real import natives


def test_a_line_has_the_radius_of_a_rod() -> None:
    """Its CA are h apart along the axis: Rg² = h² (N² − 1) / 12."""
    stretched = backbone_of(np.full(41, 180.0), np.full(41, 180.0))
    rise = np.linalg.norm(stretched[2, 1] - stretched[0, 1]) / 2
    assert radius_of_gyration(stretched[::2]) == pytest.approx(2 * rise * np.sqrt((21**2 - 1) / 12))
    assert gyration_ratio(stretched) > 2


def test_the_radius_of_gyration_of_two_points() -> None:
    assert radius_of_gyration(np.array([[0.0, 0, 0], [2, 0, 0]])[:, None].repeat(4, 1)) == 1


def test_the_expected_radius_is_that_of_a_globule() -> None:
    assert expected_radius(100) == pytest.approx(12.66, abs=0.01)


@pytest.mark.parametrize("change", [moved, lambda backbone: backbone * MIRROR])
def test_motions_and_mirrors_change_nothing(change) -> None:
    backbone = random_backbone(40)
    for measure in (radius_of_gyration, gyration_ratio, relative_contact_order):
        assert measure(change(backbone)) == pytest.approx(measure(backbone))


def test_contacts_of_a_helix_are_near_and_a_stretched_chain_has_none() -> None:
    """In a helix those are i to i + 3 and i to i + 4."""
    assert relative_contact_order(helix(30)) == pytest.approx((27 * 3 + 26 * 4) / (27 + 26) / 30)
    assert np.isnan(relative_contact_order(backbone_of(np.full(9, 180.0), np.full(9, 180.0))))


def test_native_chains_are_globules() -> None:
    ratios = [gyration_ratio(backbone) for backbone, _ in natives(40)]
    assert np.median(ratios) == pytest.approx(1, abs=0.1)
