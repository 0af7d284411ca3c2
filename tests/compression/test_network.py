"""The network computes in integers: no sum can leave the range in which floating-point numbers hold them exactly."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.network import COMPANDED, EXPERT_UNIT, LARGEST_CELL, compand, positions, shipped_network


@pytest.mark.parametrize("planes", [0, 1])
def test_sums_are_exact(planes: int) -> None:
    """In any order, for any input."""
    network = shipped_network(planes)
    first = (
        np.abs(network.hidden1).sum(1) * COMPANDED + np.abs(network.place).sum(1) * 128 + np.abs(network.bias1[:, 0])
    )
    second = np.abs(network.hidden2).sum(1) * COMPANDED + np.abs(network.bias2[:, 0])
    heads = np.abs(network.head).sum(1) * COMPANDED + np.abs(network.head_bias[:, 0])
    assert max(one.max() for one in (first, second, heads)) < 1 << 24
    assert np.abs(network.experts).sum(1).max() * LARGEST_CELL < 1 << 53
    assert all(np.array_equal(one, np.rint(one)) for one in (network.hidden1, network.hidden2, network.experts))


@pytest.mark.parametrize("planes", [0, 1])
def test_flat_image_is_predicted_as_it_is(planes: int) -> None:
    """Experts sum to about 1 where it is bright, and 0 is predicted as 0."""
    network = shipped_network(planes)
    zeros = np.zeros((network.inputs, 1))
    where = np.zeros((4, 1), np.float32)
    at_zero = network.predict(zeros, zeros.astype(np.float32), where, 16 * 16)
    assert abs(at_zero.mean[0] / 64) < 16 * 0.3
    assert (network.experts.sum(1) / EXPERT_UNIT < 2).all()


def test_companding_is_odd_and_grows() -> None:
    cells = np.arange(-5000, 5001)
    found = compand(cells, 16 * 16)
    assert np.array_equal(found, -found[::-1])
    assert (np.diff(found) >= 0).all()
    assert found[-1] == round(16 * np.arcsinh(5000 / 16))


def test_positions_are_symmetric() -> None:
    y, x = np.divmod(np.arange(64), 8)
    found = positions(y, x, 8, 8).reshape(4, 8, 8)
    assert np.array_equal(found[2], found[2][::-1])
    assert np.array_equal(found[0], found[1].T)
