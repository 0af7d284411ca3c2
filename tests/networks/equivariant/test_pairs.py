"""The network over pairs alone: vectors turn, features don't."""

import pytest
import torch

from sciencegen.networks.points import PairNetwork, PairNetworkSettings

SETTINGS = PairNetworkSettings(width=16, pair_width=8, layers=2, heads=4, vectors=3, context=8)

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = PairNetwork(4, 2, SETTINGS)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return made


def inputs(points=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    pairs = draw(2, points, points, 2)
    return draw(2, points, 3), draw(2, points, 4), pairs + pairs.transpose(1, 2), draw(2, 8)


@pytest.mark.parametrize("reflect", [False, True])
def test_vectors_turn_and_features_stay(network, reflect):
    positions, points, pairs, context = inputs()
    matrix = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    matrix = matrix if (torch.det(matrix) < 0) == reflect else -matrix
    still, turned = network(positions, points, pairs, context), network(positions @ matrix.T, points, pairs, context)
    assert (turned.vectors - still.vectors @ matrix.T).abs().max() < 1e-10
    assert (turned.points - still.points).abs().max() < 1e-10
    assert (turned.pairs - still.pairs).abs().max() < 1e-10


def test_every_pair_is_there_once_and_points_come_in_any_order(network):
    positions, points, pairs, context = inputs()
    found = network(positions, points, pairs, context)
    assert found.pairs.shape[:2] == (2, 15)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    moved = network(positions[:, order], points[:, order], pairs[:, order][:, :, order], context)
    assert (moved.points - found.points[:, order]).abs().max() < 1e-10
