"""Laws of the network of properties: every readout is one number of the item, wherever it lies and however turned."""

import pytest
import torch
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.harmonics import READOUTS, HarmonicSettings, PropertyNetwork, pooled_vectors
from tests.networks.equivariant.turns import orthogonal

TOLERANCE = 1e-10
SETTINGS = HarmonicSettings(scalars=8, vectors=4, tensors=3, layers=2, radial=6, narrowing=1)

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture(scope="module")
def network():
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
def test_turning_and_mirroring_change_no_readout(network, reflect):
    plain = batch()
    other = changed(plain, positions=plain["positions"] @ orthogonal(reflect=reflect).T)
    assert worst(network(other), network(plain)) < TOLERANCE


def test_the_place_and_the_order_change_no_readout(network):
    plain = batch()
    moved = changed(plain, positions=plain["positions"] + torch.tensor([5.0, -3.0, 2.0]))
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    shuffled = changed(plain, positions=plain["positions"][:, order], types=plain["types"][:, order])
    assert worst(network(moved), network(plain)) < TOLERANCE
    assert worst(network(shuffled), network(plain)) < TOLERANCE


def test_padding_changes_no_readout(network):
    plain = batch()
    fields = {name: functional.pad(value, (0, 0, 0, 3), value=4.0) for name, value in plain.fields.items()}
    padded = Batch(fields, torch.arange(9).expand(3, -1) < 6)
    assert worst(network(padded), network(plain)) < TOLERANCE


def test_every_readout_depends_on_the_places_and_on_its_own_output(network):
    plain, answers = batch(), network(batch())
    stretched = changed(plain, positions=1.3 * plain["positions"])
    assert ((network(stretched) - answers).abs() > 1e-6).all()
    assert (answers[:, : len(READOUTS)] - answers[:, len(READOUTS) :]).abs().min() > 1e-6


def test_a_dipole_is_the_length_of_a_vector(network):
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
    network = PropertyNetwork(4, ["sum", "mean"], SETTINGS)
    one = batch(2).select(slice(1))
    close = 0.3 * one["positions"]
    single = Batch({"positions": close, "types": one["types"]})
    both = torch.cat([close, close + 100.0], 1), one["types"].repeat(1, 2, 1)
    double = network(Batch({"positions": both[0], "types": both[1]}))
    torch.testing.assert_close(double, network(single) * torch.tensor([2.0, 1.0]))


def test_unknown_values_teach_nothing(network):
    plain = batch()
    values = torch.randn(3, 6)
    holes = values.clone()
    holes[1] = float("nan")
    known = network.loss(plain.with_condition(holes), 0, torch.Generator())["loss"]
    rest = plain.with_condition(values).select(torch.tensor([0, 2]))
    torch.testing.assert_close(known, network.loss(rest, 0, torch.Generator())["loss"])
    nothing = network.loss(plain.with_condition(torch.full((3, 6), float("nan"))), 0, torch.Generator())["loss"]
    assert nothing == 0


def test_an_unknown_readout_is_refused():
    with pytest.raises(ConfigError, match="readout"):
        PropertyNetwork(4, ["total"], SETTINGS)
