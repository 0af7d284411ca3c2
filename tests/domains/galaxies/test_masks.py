"""Masks and maps of segments."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.galaxies.items import hidden_pixels

PLANE = np.array([[0, 2, 2], [0, 1, 0], [3, 0, 1]])


@pytest.mark.parametrize(
    ("name", "expected"), [("MASK", PLANE != 0), ("dq", PLANE != 0), ("segmentation", PLANE > 1), ("SEGMAP", PLANE > 1)]
)
def test_names_say_what_numbers_mean(name: str, expected: np.ndarray) -> None:
    assert np.array_equal(hidden_pixels(PLANE, name), expected)


def test_without_a_source_in_the_middle_all_are_neighbours() -> None:
    plane = PLANE.copy()
    plane[1, 1] = 0
    assert np.array_equal(hidden_pixels(plane, "SEG"), plane != 0)
