"""Networks of spherical harmonics, and the properties that they read."""

import pytest
import torch
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.harmonics import (
    READOUTS,
    HarmonicNetwork,
    HarmonicSettings,
    PropertyNetwork,
    neighbours,
    pooled_vectors,
)
from tests.networks.turns import orthogonal

# Laws of the network of spherical harmonics.


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
    return found.scalars.sum(1), pooled_vectors(found, positions, mask)


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
    assert error(found.scalars.sum(1), plain[0]) < TOLERANCE
    assert error(pooled_vectors(found, padded[0], mask), plain[1]) < TOLERANCE
    assert all(value[:, 6:].abs().max() == 0 for value in found)


def test_points_out_of_reach_are_alone(network):
    positions, features = points(2)
    positions = 0.4 * positions
    far = positions.clone()
    far[:, 1] += 100.0
    alone = sum(network(positions[:, i : i + 1], features[:, i : i + 1]).scalars.sum(1) for i in range(2))
    assert error(network(far, features).scalars.sum(1), alone) < TOLERANCE
    assert error(network(positions, features).scalars.sum(1), alone) > 1e-6


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
    at = lambda r: network(torch.stack([0 * direction, r * direction])[None], features[:1]).scalars.sum(1)  # noqa: E731
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


@pytest.mark.long
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


# Laws of the network of properties: every readout is one number of the item, wherever it lies and however turned.


@pytest.fixture(scope="module")
def network_properties():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    made = PropertyNetwork(4, [*READOUTS, *READOUTS], SETTINGS)
    torch.set_default_dtype(torch.float32)
    return made


def batch(count=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    positions = 1.5 * torch.randn(3, count, 3, generator=generator)
    types = functional.one_hot(torch.randint(4, (3, count), generator=generator), 4).double()
    return Batch({"positions": positions, "types": types}, torch.ones(3, count, dtype=torch.bool))


def changed(one, **fields):
    return Batch({**one.fields, **fields}, one.mask)


def worst(found, expected):
    """By readout, relative to the size of what it says."""
    return ((found - expected).abs().max(0).values / expected.abs().max(0).values).max()


@pytest.mark.parametrize("reflect", [False, True])
def test_turning_and_mirroring_change_no_readout(network_properties, reflect):
    plain = batch()
    other = changed(plain, positions=plain["positions"] @ orthogonal(reflect=reflect).T)
    assert worst(network_properties(other), network_properties(plain)) < TOLERANCE


def test_the_place_and_the_order_change_no_readout(network_properties):
    plain = batch()
    moved = changed(plain, positions=plain["positions"] + torch.tensor([5.0, -3.0, 2.0]))
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    shuffled = changed(plain, positions=plain["positions"][:, order], types=plain["types"][:, order])
    assert worst(network_properties(moved), network_properties(plain)) < TOLERANCE
    assert worst(network_properties(shuffled), network_properties(plain)) < TOLERANCE


def test_padding_changes_no_readout(network_properties):
    plain = batch()
    fields = {name: functional.pad(value, (0, 0, 0, 3), value=4.0) for name, value in plain.fields.items()}
    padded = Batch(fields, torch.arange(9).expand(3, -1) < 6)
    assert worst(network_properties(padded), network_properties(plain)) < TOLERANCE


def test_every_readout_depends_on_the_places_and_on_its_own_output(network_properties):
    plain, answers = batch(), network_properties(batch())
    stretched = changed(plain, positions=1.3 * plain["positions"])
    assert ((network_properties(stretched) - answers).abs() > 1e-6).all()
    assert (answers[:, : len(READOUTS)] - answers[:, len(READOUTS) :]).abs().min() > 1e-6


def test_a_dipole_is_the_length_of_a_vector(network_properties):
    plain = batch()
    alone = PropertyNetwork(4, ["dipole"], SETTINGS)
    found = alone.network(plain["positions"], plain["types"], plain.mask)
    length = pooled_vectors(found, plain["positions"], plain.mask)[:, 0].norm(dim=-1)
    torch.testing.assert_close(alone(plain)[:, 0], length, rtol=1e-6, atol=1e-6)


def test_a_symmetric_item_has_no_dipole():
    """Four equal points at the corners of a tetrahedron."""
    corners = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])[None]
    types = functional.one_hot(torch.zeros(1, 4, dtype=torch.long), 4).double()
    found = PropertyNetwork(4, ["dipole"], SETTINGS)(Batch({"positions": corners, "types": types}))
    assert found.item() == pytest.approx(1e-4, rel=1e-3)  # what keeps the root smooth


def test_two_items_far_apart_add_up_in_a_sum_and_not_in_a_mean():
    network_properties = PropertyNetwork(4, ["sum", "mean"], SETTINGS)
    one = batch(2).select(slice(1))
    close = 0.3 * one["positions"]
    single = Batch({"positions": close, "types": one["types"]})
    both = torch.cat([close, close + 100.0], 1), one["types"].repeat(1, 2, 1)
    double = network_properties(Batch({"positions": both[0], "types": both[1]}))
    torch.testing.assert_close(double, network_properties(single) * torch.tensor([2.0, 1.0]))


def test_unknown_values_teach_nothing(network_properties):
    plain = batch()
    values = torch.randn(3, 6)
    holes = values.clone()
    holes[1] = float("nan")
    known = network_properties.loss(plain.with_condition(holes), 0, torch.Generator())["loss"]
    rest = plain.with_condition(values).select(torch.tensor([0, 2]))
    torch.testing.assert_close(known, network_properties.loss(rest, 0, torch.Generator())["loss"])
    nothing = network_properties.loss(plain.with_condition(torch.full((3, 6), float("nan"))), 0, torch.Generator())[
        "loss"
    ]
    assert nothing == 0


def test_an_unknown_readout_is_refused():
    with pytest.raises(ConfigError, match="readout"):
        PropertyNetwork(4, ["total"], SETTINGS)
