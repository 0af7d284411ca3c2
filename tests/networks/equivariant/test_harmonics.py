"""Laws of the network of spherical harmonics."""

import pytest
import torch
from torch.nn import functional

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.harmonics import HarmonicNetwork, HarmonicSettings, neighbours, pooled_scalars, pooled_vectors
from tests.networks.equivariant.turns import orthogonal

TOLERANCE = 1e-10
SETTINGS = HarmonicSettings(scalars=8, vectors=4, tensors=3, layers=2, radial=6, narrowing=1)


pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture(scope="module")
def network():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    made = HarmonicNetwork(4, 3, 2, SETTINGS)
    torch.set_default_dtype(torch.float32)
    return made


def points(count=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return 1.5 * torch.randn(3, count, 3, generator=generator), torch.randn(3, count, 4, generator=generator)


def properties(network, positions, features, mask=None):
    found = network(positions, features, mask)
    return pooled_scalars(found), pooled_vectors(found, positions, mask)


def error(found, expected):
    return (found - expected).norm() / expected.norm()


@pytest.mark.parametrize("reflect", [False, True])
def test_vectors_turn_with_the_item_and_numbers_do_not(network, reflect):
    positions, features = points()
    turn = orthogonal(reflect=reflect)
    scalars, vectors = properties(network, positions, features)
    turned_scalars, turned_vectors = properties(network, positions @ turn.T, features)
    assert error(turned_scalars, scalars) < TOLERANCE
    assert error(turned_vectors, vectors @ turn.T) < TOLERANCE
    assert error(vectors @ turn.T, vectors) > 0.1


def test_narrow_messages_keep_the_law():
    network = HarmonicNetwork(4, 3, 2, HarmonicSettings(8, 4, 3, 2, 6))
    positions, features = points()
    turn = orthogonal(reflect=True)
    vectors = properties(network, positions, features)[1]
    assert error(properties(network, positions @ turn.T, features)[1], vectors @ turn.T) < TOLERANCE


def test_the_place_and_the_order_change_nothing(network):
    positions, features = points()
    plain = properties(network, positions, features)
    moved = properties(network, positions + torch.tensor([5.0, -3.0, 2.0]), features)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    shuffled = properties(network, positions[:, order], features[:, order])
    for other in (moved, shuffled):
        assert max(error(a, b) for a, b in zip(other, plain, strict=True)) < TOLERANCE


def test_padding_changes_nothing(network):
    positions, features = points()
    padded = [functional.pad(value, (0, 0, 0, 3), value=4.0) for value in (positions, features)]
    mask = torch.arange(9).expand(3, -1) < 6
    plain, found = properties(network, positions, features), network(*padded, mask)
    assert error(pooled_scalars(found), plain[0]) < TOLERANCE
    assert error(pooled_vectors(found, padded[0], mask), plain[1]) < TOLERANCE
    assert all(value[:, 6:].abs().max() == 0 for value in found)


def test_points_out_of_reach_are_alone(network):
    positions, features = points(2)
    positions = 0.4 * positions
    far = positions.clone()
    far[:, 1] += 100.0
    alone = sum(pooled_scalars(network(positions[:, i : i + 1], features[:, i : i + 1])) for i in range(2))
    assert error(pooled_scalars(network(far, features)), alone) < TOLERANCE
    assert error(pooled_scalars(network(positions, features)), alone) > 1e-6


@pytest.mark.parametrize("count", [1, 2])
def test_one_and_two_points(network, count):
    positions, features = points(count)
    _, vectors = properties(network, positions, features)
    if count == 1:
        assert vectors.abs().max() == 0
    else:
        axis = positions[:, 0] - positions[:, 1]
        assert torch.linalg.cross(vectors, axis[:, None].expand_as(vectors)).abs().max() < TOLERANCE


def test_gradients_are_finite_where_points_are_in_one_place(network):
    positions, features = points()
    positions[:, 1] = positions[:, 0]
    positions.requires_grad_()
    sum(value.square().sum() for value in properties(network, positions, features)).backward()
    assert positions.grad.isfinite().all()
    assert positions.grad.abs().max() < 1e4


def test_the_reach_ends_smoothly(network):
    """The force at the cutoff is zero, so that an energy has no step there."""
    _, features = points(2)
    direction = torch.tensor([1.0, 0, 0])
    at = lambda r: pooled_scalars(network(torch.stack([0 * direction, r * direction])[None], features[:1]))  # noqa: E731
    assert error(at(4.999), at(5.001)) < 1e-4
    assert error(at(3.0), at(5.001)) > 1e-4


def test_every_weight_has_a_say(network):
    positions, features = points()
    sum((v * torch.randn_like(v)).sum() for v in properties(network, positions, features)).backward()
    silent = [name for name, w in network.named_parameters() if w.numel() and (w.grad is None or not w.grad.any())]
    assert silent == []


def test_what_is_refused(network):
    positions, _ = points()
    with pytest.raises(ShapeError, match=r"points \[batch point 4\], got \[3, 6, 3\] and \[3, 6, 3\]"):
        network(positions, positions)
    with pytest.raises(ConfigError, match="one or more of everything"):
        HarmonicSettings(vectors=1)


def test_the_module_is_imported_without_the_library():
    """e3nn takes a second to import, and the pair network doesn't need it."""
    import subprocess
    import sys

    code = "import sys, sciencegen.networks.harmonics; assert 'e3nn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_features_start_with_a_size_near_one():
    """Messages that start near zero teach nothing about the surroundings for thousands of steps."""
    torch.manual_seed(0)
    network = HarmonicNetwork(4, 3, 2)
    positions, features = points(12)
    real = torch.ones(3, 12, dtype=torch.bool)
    edges, hidden = neighbours(positions, real, 16, 5.0), network.point_in(features[real])
    for layer in network.layers:
        hidden = layer(hidden, edges)
        assert all(0.03 < part.std() < 10 for part in hidden.split([64, 96, 80], -1))
