"""Networks of series and images: shapes of any size, and dynamics."""

import math

import pytest
import torch

from sciencegen.networks import grids
from sciencegen.networks.grids import CORRELATION, DEVIATION, AutoregressiveInputs, DynamicsWriter

# Networks of series and images of any size.


SHAPES = [(1, 1), (3, 5), (8, 8), (9, 30)]


@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_size_are_read_and_written(shape):
    features = grids.ImageReader(2, shape, 16)(torch.randn(3, 2, *shape))
    assert features.shape == (3, 16)
    assert grids.ImageWriter(16, 5, shape, 16)(features).shape == (3, 5, *shape)


@pytest.mark.parametrize("time", [1, 2, 11])
def test_series_of_any_length_are_read_and_written(time):
    features = grids.SeriesReader(2, (time,), 8)(torch.randn(3, 2, time))
    assert features.shape == (3, 8)
    assert grids.SeriesWriter(8, 5, (time,), 8)(features).shape == (3, 5, time)


def test_what_is_written_at_a_time_depends_on_the_time():
    written = grids.SeriesWriter(4, 1, (6,), 8)(torch.randn(2, 4))
    assert written.std(2).min() > 1e-5


def test_each_number_is_read():
    """The gradient of the features with regard to every input isn't zero."""
    for reader, shape in ((grids.ImageReader(1, (9, 7), 16), (1, 9, 7)), (grids.SeriesReader(1, (9,), 16), (1, 9))):
        inputs = torch.randn(1, *shape, requires_grad=True)
        reader(inputs).sum().backward()
        assert (inputs.grad.abs() > 0).all()


# Laws of the recurrent generator: the inputs' process, and what depends on what.


def test_inputs_are_autoregressive_with_one_variance_at_all_times():
    inputs = AutoregressiveInputs(2, 5)
    innovations = torch.randn(40_000, 5, 2, generator=torch.Generator().manual_seed(0))
    found = inputs(innovations).detach()
    by_recursion = [DEVIATION * innovations[:, 0]]
    for step in range(1, 5):
        new = DEVIATION * math.sqrt(1 - CORRELATION**2) * innovations[:, step]
        by_recursion.append(CORRELATION * by_recursion[-1] + new)
    torch.testing.assert_close(found, torch.stack(by_recursion, 1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.std(0), torch.full((5, 2), DEVIATION), atol=0.01, rtol=0)


def made(**sizes) -> DynamicsWriter:
    torch.manual_seed(0)
    return DynamicsWriter(**{"code": 2, "others": 1, "channels": 5, "time": 4, "width": 8, "factors": 3} | sizes)


@pytest.mark.parametrize(("inputs", "others"), [(0, 0), (0, 1), (2, 0), (2, 1)])
def test_numbers_are_linear_in_few_factors(inputs, others):
    network = made(inputs=inputs, others=others)
    features = torch.randn(6, 2 + 4 * inputs + others)
    numbers, factors = network(features), network.factors_of(features)
    assert (numbers.shape, factors.shape) == ((6, 5, 4), (6, 4, 3))
    torch.testing.assert_close(numbers.transpose(1, 2), network.outward(factors))


def test_an_input_changes_no_time_before_it():
    network = made(inputs=1, others=0)
    features = torch.randn(1, 6)
    other = features.clone()
    other[:, 2 + 2] += 1.0
    changed = (network.factors_of(features) - network.factors_of(other)).abs().sum(2)[0]
    assert changed[:2].max() == 0
    assert changed[2:].min() > 0


def test_without_inputs_equal_states_evolve_alike():
    """A time later in the series of a code is the first time of no other law: dynamics don't depend on the time."""
    network = made(others=0)
    code = torch.randn(3, 2)
    state, known = torch.tanh(network.first(code))[None], torch.zeros(3, 1, 1)
    steps = []
    for _ in range(4):
        _, state = network.network(known, state)
        steps.append(state[0])
    expected = torch.stack(steps, 1) @ torch.nn.functional.normalize(network.factors.weight, dim=1).T
    torch.testing.assert_close(network.factors_of(code), expected)
