"""Superposition by rigid motions: exact for moved points, and no reflection."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sciencegen.domains.superposition import superposed


def test_all_points_follow_the_motion_of_some():
    points = np.random.default_rng(0).normal(size=(9, 3))
    moved = points @ Rotation.random(rng=1).as_matrix().T + (5, -2, 1)
    assert superposed(points, points[:4], moved[:4]) == pytest.approx(moved)


def test_mirror_images_do_not_fit():
    points = np.random.default_rng(0).normal(size=(9, 3))
    image = superposed(points, points, points * (1, 1, -1))
    assert np.abs(image - points * (1, 1, -1)).max() > 0.1
    assert np.linalg.norm(image[0] - image[1]) == pytest.approx(np.linalg.norm(points[0] - points[1]))
