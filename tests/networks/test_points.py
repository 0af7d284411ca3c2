"""Equivariant networks of points and their pairs."""

import math

import pytest
import torch
from torch.nn import functional

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.points import (
    EquivariantDenoiser,
    FieldShape,
    PairNetwork,
    PairNetworkSettings,
    centred,
    complete_graph,
    exactly,
    radial_functions,
)
from tests.networks.turns import orthogonal

# Laws of the networks in space: they turn with what they are given, and padding, order and place change nothing.


TOLERANCE = 1e-10
FIELDS = {
    "types": FieldShape(5, categorical=True),
    "charges": FieldShape(1),
    "bonds": FieldShape(3, pairs=True, categorical=True),
    "ring": FieldShape(2, noised=False),
}
SETTINGS = PairNetworkSettings(width=32, pair_width=16, layers=3, heads=4, vectors=4, context=16)


pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def denoiser():
    """With every weight away from zero, so that no term is silent."""
    torch.manual_seed(0)
    network = EquivariantDenoiser(FIELDS, 2, SETTINGS, scale=1.5)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network


def state(batch=3, points=7, seed=1):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    bonds = draw(batch, points, points, 3)
    z = {
        "positions": 2 * draw(batch, points, 3),
        "types": draw(batch, points, 5),
        "charges": draw(batch, points, 1),
        "ring": draw(batch, points, 2),
        "bonds": bonds + bonds.transpose(1, 2),
    }
    return z, draw(batch), draw(batch, 2)


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        error = (found[name] - value).norm() / value.norm().clamp(min=1)
        assert error < TOLERANCE, f"{name}: {error:.1e}"


@pytest.mark.parametrize("reflect", [False, True])
def test_positions_turn_with_the_item_and_nothing_else_does(denoiser, reflect):
    z, log_snr, condition = state()
    turn = orthogonal(reflect=reflect)
    assert torch.det(turn).sign() == (-1 if reflect else 1)
    plain = denoiser(z, log_snr, condition)
    turned = denoiser({**z, "positions": z["positions"] @ turn.T}, log_snr, condition)
    assert_close(turned, {**plain, "positions": plain["positions"] @ turn.T})
    assert (turned["positions"] - plain["positions"]).norm() > 0.1


def test_translations_change_nothing_and_the_centre_stays_at_zero(denoiser):
    z, log_snr, condition = state()
    plain = denoiser(z, log_snr, condition)
    moved = denoiser({**z, "positions": z["positions"] + torch.tensor([5.0, -3.0, 2.0])}, log_snr, condition)
    assert_close(moved, plain)
    assert plain["positions"].mean(1).abs().max() < TOLERANCE


def test_points_may_come_in_any_order(denoiser):
    z, log_snr, condition = state()
    order = torch.randperm(7, generator=torch.Generator().manual_seed(2))
    reorder = lambda name, value: value[:, order][:, :, order] if name == "bonds" else value[:, order]  # noqa: E731
    plain = denoiser(z, log_snr, condition)
    shuffled = denoiser({name: reorder(name, value) for name, value in z.items()}, log_snr, condition)
    assert_close(shuffled, {name: reorder(name, value) for name, value in plain.items()})


@pytest.mark.parametrize("fill", [0.0, 7.0])
def test_padding_changes_nothing(denoiser, fill):
    z, log_snr, condition = state()
    pad = lambda name, v: functional.pad(v, (0, 0, 0, 4, 0, 4) if name == "bonds" else (0, 0, 0, 4), value=fill)  # noqa: E731
    mask = torch.arange(11).expand(3, -1) < 7
    plain = denoiser(z, log_snr, condition)
    padded = denoiser({name: pad(name, value) for name, value in z.items()}, log_snr, condition, mask)
    cut = {name: v[:, :7, :7] if name == "bonds" else v[:, :7] for name, v in padded.items()}
    assert_close(cut, plain)
    assert all(padded[name][:, 7:].abs().max() == 0 for name in padded)
    assert padded["bonds"][:, :, 7:].abs().max() == 0


def test_each_item_is_its_own(denoiser):
    z, log_snr, condition = state()
    alone = denoiser({name: value[1:2] for name, value in z.items()}, log_snr[1:2], condition[1:2])
    assert_close(alone, {name: value[1:2] for name, value in denoiser(z, log_snr, condition).items()})


@pytest.mark.parametrize("points", [1, 2])
def test_one_and_two_points(denoiser, points):
    z, log_snr, condition = state(points=points)
    found = denoiser(z, log_snr, condition)
    assert found["bonds"].shape == (3, points, points, 3)
    assert all(value.isfinite().all() for value in found.values())
    assert (found["positions"].abs().max() == 0) == (points == 1)


def test_gradients_are_finite_where_points_are_in_one_place(denoiser):
    z, log_snr, condition = state()
    positions = z["positions"].clone()
    positions[:, 1] = positions[:, 0]
    positions[2] = 0.0
    positions.requires_grad_()
    sum(
        value.square().sum() for value in denoiser({**z, "positions": positions}, log_snr, condition).values()
    ).backward()
    assert positions.grad.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in denoiser.parameters())


def test_every_weight_and_every_input_has_a_say(denoiser):
    z, log_snr, condition = state()
    inputs = [value.clone().requires_grad_() for value in (*z.values(), log_snr, condition)]
    found = denoiser(dict(zip(z, inputs, strict=False)), *inputs[len(z) :])
    sum((value * torch.randn_like(value)).sum() for value in found.values()).backward()
    assert all(one.grad.abs().max() > 0 for one in inputs)
    silent = [name for name, weight in denoiser.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []


def test_estimates_have_the_spaces_of_their_fields(denoiser):
    z, log_snr, condition = state()
    found = denoiser(z, log_snr, condition)
    assert set(found) == {"positions", "types", "charges", "bonds"}
    torch.testing.assert_close(found["types"].sum(-1), torch.ones(3, 7))
    torch.testing.assert_close(found["bonds"].sum(-1), 1 - torch.eye(7).expand(3, 7, 7))
    assert torch.equal(found["bonds"], found["bonds"].transpose(1, 2))


def test_without_noise_positions_stay(denoiser):
    z, _, condition = state()
    found = denoiser(z, torch.full((3,), 60.0), condition)
    torch.testing.assert_close(found["positions"], z["positions"] - z["positions"].mean(1, keepdim=True))


def test_a_free_condition_is_no_condition(denoiser):
    z, log_snr, condition = state()
    free = torch.full_like(condition, float("nan"))
    assert_close(denoiser(z, log_snr, free), denoiser(z, log_snr))
    assert (denoiser(z, log_snr, condition)["positions"] - denoiser(z, log_snr)["positions"]).norm() > 1e-6


def test_reduced_precision_moves_little(denoiser):
    torch.set_default_dtype(torch.float32)
    network = EquivariantDenoiser(FIELDS, 2, SETTINGS, scale=1.5)
    with torch.no_grad():
        network.shift.add_(0.3)
    z, log_snr, condition = state()
    z = {name: value.float() for name, value in z.items()}
    plain = network(z, log_snr.float(), condition.float())
    with torch.autocast("cpu", torch.bfloat16):
        reduced = network(z, log_snr.float(), condition.float())
    for name, value in plain.items():
        assert reduced[name].dtype == torch.float32
        assert (reduced[name] - value).norm() / value.norm() < 0.02


def test_what_is_refused(denoiser):
    z, log_snr, condition = state()
    with pytest.raises(ConfigError, match=r"Unknown field .*'ring'"):
        denoiser({name: value for name, value in z.items() if name != "ring"}, log_snr, condition)
    with pytest.raises(ShapeError, match=r"'bonds' of shape \[batch point point 3\], got \[3, 7, 5\]"):
        denoiser({**z, "bonds": z["types"]}, log_snr, condition)
    with pytest.raises(ShapeError, match=r"a condition of shape \[3, 2\] .*, got \[3, 1\]"):
        denoiser(z, log_snr, condition[:, :1])
    with pytest.raises(ConfigError, match="scale above 0"):
        EquivariantDenoiser(FIELDS, scale=0.0)
    with pytest.raises(ConfigError, match="8 heads divide, got 30"):
        PairNetworkSettings(width=30)
    with pytest.raises(ConfigError, match="width 1 or more"):
        FieldShape(0)
    with pytest.raises(ShapeError, match="Expected positions"):
        PairNetwork(1, 0, SETTINGS)(z["positions"], z["types"], None, torch.zeros(3, 5))


# The network over pairs alone: vectors turn, features don't.


PAIRS_SETTINGS = PairNetworkSettings(width=16, pair_width=8, layers=2, heads=4, vectors=3, context=8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = PairNetwork(4, 2, PAIRS_SETTINGS)
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


# The complete graph, its matrices, and functions of distances.


def test_the_matrices_of_the_complete_graph():
    graph = complete_graph(4, torch.float64, torch.device("cpu"))
    assert torch.equal(graph.gradient.T @ graph.gradient, 4 * torch.eye(4) - torch.ones(4, 4))
    assert torch.equal(graph.incidence.T @ graph.incidence, 2 * torch.eye(4) + torch.ones(4, 4))
    assert graph.edge[graph.first, graph.second].tolist() == list(range(6))
    assert graph.edge.diagonal().tolist() == [6] * 4


def test_values_are_centred_over_real_points():
    positions = torch.randn(2, 5, 3, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    found = centred(positions, mask)
    assert found.sum(1).abs().max() < 1e-12
    assert not found[1, 3:].any()
    assert torch.allclose(centred(positions, None)[0], found[0])


def test_radial_functions_peak_at_their_centres():
    centres = torch.linspace(0, 6, 4, dtype=torch.float64)
    found = radial_functions(centres, 4, 6.0)
    assert torch.allclose(found.diagonal(), torch.ones(4, dtype=torch.float64))
    assert torch.allclose(found, found.T)
    assert found[0, 1] == pytest.approx(math.exp(-0.5))


def test_geometry_is_computed_in_its_own_precision_under_autocast():
    values = torch.randn(4, 4, dtype=torch.float32)
    exact = values @ values
    with torch.autocast("cpu", torch.bfloat16):
        assert (values @ values).dtype == torch.bfloat16
        assert torch.equal(exactly(torch.matmul, values, values), exact)


def test_a_graph_of_a_draw_serves_training():
    """It is cached; one made in inference mode can't be part of a gradient."""
    complete_graph.cache_clear()
    with torch.inference_mode():
        graph = complete_graph(5, torch.float64, torch.device("cpu"))
    points = torch.randn(5, 3, requires_grad=True)
    (graph.gradient @ points).square().sum().backward()
    assert points.grad is not None
