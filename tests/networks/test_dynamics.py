"""Laws of the recurrent generator: the inputs' process, and what depends on what."""

import math

import pytest
import torch

from sciencegen.networks.dynamics import CORRELATION, DEVIATION, AutoregressiveInputs, DynamicsWriter


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
