"""Superposition by rigid motions: exact for moved points, and no reflection."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sciencegen.domains.superposition import squared_distances, superposed


def test_all_points_follow_the_motion_of_some():
    points = np.random.default_rng(0).normal(size=(9, 3))
    moved = points @ Rotation.from_quat(np.random.default_rng(1).standard_normal(4)).as_matrix().T + (5, -2, 1)
    assert superposed(points, points[:4], moved[:4]) == pytest.approx(moved)


def test_mirror_images_do_not_fit():
    points = np.random.default_rng(0).normal(size=(9, 3))
    image = superposed(points, points, points * (1, 1, -1))
    assert np.abs(image - points * (1, 1, -1)).max() > 0.1
    assert np.linalg.det((image - image.mean(0))[:3] @ np.linalg.inv((points - points.mean(0))[:3])) > 0
    assert np.linalg.norm(image[0] - image[1]) == pytest.approx(np.linalg.norm(points[0] - points[1]))


def test_distances_of_all_pairs_are_those_after_superposition():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(3, 9, 3)), generator.normal(size=(4, 9, 3))
    found = squared_distances(first[:, None], second[None])
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            moved = superposed(one, one, other)
            assert found[row, column] == pytest.approx(np.square(moved - other).sum(-1))


def test_points_without_weight_do_not_matter():
    points = np.random.default_rng(0).normal(size=(1, 9, 3))
    moved = points @ Rotation.from_quat(np.random.default_rng(1).standard_normal(4)).as_matrix().T + (5, -2, 1)
    moved[0, 7:] += 3
    found = squared_distances(points, moved, (np.arange(9) < 7)[None].astype(float))
    assert found[0, :7] == pytest.approx(0, abs=1e-12)
    assert found[0, 7:] == pytest.approx(27)
