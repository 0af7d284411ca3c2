"""The network computes in integers: no sum can leave the range in which floating-point numbers hold them exactly."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.network import (
    COMPANDED,
    EXPERT_STEP,
    EXPERT_UNIT,
    FRACTION,
    LARGEST_CELL,
    LARGEST_WEIGHT,
    SIGMA_UNIT,
    UNIT1,
    UNIT2,
    compand,
    positions,
    shipped_network,
)


@pytest.mark.parametrize("planes", [0, 1])
def test_sums_are_exact(planes: int) -> None:
    """In any order, for any input."""
    network = shipped_network(planes)
    first = (
        np.abs(network.hidden1).sum(1) * COMPANDED + np.abs(network.place).sum(1) * 128 + np.abs(network.bias1[:, 0])
    )
    second = np.abs(network.hidden2).sum(1) * COMPANDED + np.abs(network.bias2[:, 0])
    heads = np.abs(network.head).sum(1) * COMPANDED + np.abs(network.head_bias[:, 0])
    assert max(one.max() for one in (UNIT1 * first, UNIT2 * second, heads)) < 1 << 24
    assert np.abs(network.experts).sum(1).max() * LARGEST_CELL * FRACTION < 1 << 53
    integers = 2 * UNIT1 * network.bias1, UNIT1 * network.hidden1, UNIT2 * network.hidden2, network.experts
    assert all(np.array_equal(one, np.rint(one)) for one in integers)


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
    found = compand(cells * 64, 16 * 16)
    assert np.array_equal(found, -found[::-1])
    assert (np.diff(found) >= 0).all()
    assert found[-1] == round(16 * np.arcsinh(5000 / 16))


@pytest.mark.parametrize("sigma", [1, 17, 256, 4096 * 16])
def test_companded_values_of_near_and_far_pixels(sigma: int) -> None:
    parts = np.unique(np.rint(np.geomspace(1, 1 << 46, 3000)).astype(np.int64))
    exact = np.minimum(16 * np.arcsinh(parts / FRACTION * SIGMA_UNIT / sigma), COMPANDED)
    found = compand(parts, sigma)
    assert np.abs(found - exact).max() < 0.51
    assert found[-1] == COMPANDED
    turned = np.stack([parts, -parts]).T
    assert np.array_equal(compand(turned, sigma), np.stack([found, -found]).T)


def test_changes_of_experts_stay_in_range() -> None:
    network = shipped_network(0)
    changed = network.with_changes(np.full(network.experts.shape, 1 << 14))
    steps = (changed.experts - network.experts) / EXPERT_STEP
    assert np.abs(changed.experts).max() <= LARGEST_WEIGHT
    assert np.array_equal(steps, np.rint(steps))
    assert np.array_equal(network.with_changes(steps).experts, changed.experts)


def test_positions_are_symmetric() -> None:
    y, x = np.divmod(np.arange(64), 8)
    found = positions(y, x, 8, 8).reshape(4, 8, 8)
    assert np.array_equal(found[2], found[2][::-1])
    assert np.array_equal(found[0], found[1].T)
