"""Laws of the handedness of helices."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import backbone_of, helix_handedness
from tests.domains.proteins.backbones.examples import MIRROR, helix, moved
from tests.domains.proteins.backbones.real import natives


@pytest.mark.parametrize(("phi", "psi"), [(-57.0, -47.0), (-49.0, -26.0), (-57.0, -70.0)])
def test_ideal_helices_are_right_handed_and_their_mirror_images_left_handed(phi, psi) -> None:
    backbone = backbone_of(np.full(20, phi), np.full(20, psi))
    assert helix_handedness(backbone) == helix_handedness(moved(backbone)) == (15, 15)
    assert helix_handedness(backbone * MIRROR) == (0, 15)
    assert helix_handedness(backbone_of(np.full(20, -phi), np.full(20, -psi))) == (0, 15)


def test_without_a_helix_there_is_no_share() -> None:
    assert np.isnan(helix_handedness(backbone_of(np.full(9, -119.0), np.full(9, 113.0))).share)
    assert helix_handedness(helix(9), 9 * "E").total == 0
    assert helix_handedness(helix(9)[:0]).total == 0


def test_turns_lie_inside_one_helix() -> None:
    assert helix_handedness(helix(11), "HHHHH-HHHHH") == (4, 4)
    assert helix_handedness(helix(11), "HHH--H--HHH") == (0, 0)


def test_native_helices_are_right_handed() -> None:
    found = np.sum([helix_handedness(backbone) for backbone, _ in natives(40)], 0)
    assert found[0] / found[1] > 0.99
