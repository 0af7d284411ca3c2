"""Sources in a cut: the one in the middle, and others."""

from __future__ import annotations

import numpy as np

from sciencegen.domains.galaxies.survey_images import neighbours_in, own_segment, segments
from tests.domains.galaxies.examples import sersic

NOTHING = np.zeros((48, 48), bool)


def image(*shifts: tuple[float, float]) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=(48, 48))
    return noise + sum(sersic(1, 2, flux=400, side=48, shift=shift) for shift in shifts)


def test_another_source_is_a_neighbour() -> None:
    found = segments(image((0, 0), (16, 10)), 1.0, NOTHING)
    others = neighbours_in(found)
    assert own_segment(found) > 0
    assert others[33:35, 39:41].all()
    assert not others[20:28, 20:28].any()


def test_one_source_has_no_neighbours() -> None:
    assert not neighbours_in(segments(image((0, 0)), 1.0, NOTHING)).any()


def test_nothing_in_the_middle() -> None:
    found = segments(image((16, 10)), 1.0, NOTHING)
    assert own_segment(found) == 0
    assert neighbours_in(found).any()


def test_hidden_pixels_are_no_source() -> None:
    hidden = NOTHING.copy()
    hidden[28:40, 34:46] = True
    assert not neighbours_in(segments(image((0, 0), (16, 10)), 1.0, hidden))[28:40, 34:46].any()


def test_noise_is_seldom_a_source() -> None:
    generator = np.random.default_rng(0)
    found = [segments(generator.normal(size=(48, 48)), 1.0, NOTHING).any() for _ in range(200)]
    assert np.mean(found) < 0.05
