import pytest
import torch
from torch import Generator

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.mlp import ACTIVATIONS, MLP, LayerSettings, MaskedAutoregressiveMLP


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("residual", [False, True])
def test_any_leading_dimensions(name, residual):
    network = MLP(3, 2, 8, 3, layers=LayerSettings(name, residual=residual))
    values = torch.randn(5, 4, 3)
    assert network(values).shape == (5, 4, 2)
    torch.testing.assert_close(network(values)[1, 2], network(values[1, 2]))


def test_depth_zero_is_linear_and_zero_output_is_zero():
    network, (a, b) = MLP(3, 2, depth=0), torch.randn(2, 3)
    torch.testing.assert_close(network(a + b), network(a) + network(b) - network(torch.zeros(3)))
    assert not MLP(3, 2, zero_output=True)(a).any()


def test_a_direct_map_is_added_to_the_outputs():
    network, values = MLP(3, 2, 8, layers=LayerSettings(direct=True)), torch.randn(5, 3)
    whole, through = network(values), network.direct(values)
    network.direct.weight.data.zero_()
    network.direct.bias.data.zero_()
    torch.testing.assert_close(network(values), whole - through)


def test_weights_from_a_generator_follow_from_it_alone():
    first, second = (MLP(3, 2, generator=Generator().manual_seed(5)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_what_is_refused():
    with pytest.raises(ShapeError, match=r"Expected 3 features in the last dimension, got \[5, 4\]"):
        MLP(3, 2)(torch.zeros(5, 4))
    with pytest.raises(ConfigError, match="Unknown activation 'rely'"):
        MLP(3, 2, layers=LayerSettings("rely"))
    with pytest.raises(ShapeError, match=r"Expected values \[batch 4\] and context \[batch 2\]"):
        MaskedAutoregressiveMLP(4, 2)(torch.zeros(1, 4), torch.zeros(1, 3))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_an_output_depends_on_earlier_inputs_and_on_the_context_only(size):
    network = MaskedAutoregressiveMLP(size, 3, 32)
    torch.nn.init.normal_(network.output.weight)
    values, context = torch.randn(1, size), torch.randn(1, 3)
    for output in range(2):
        by_value, by_context = torch.autograd.functional.jacobian(
            lambda v, c, output=output: network(v, c)[output][0], (values, context)
        )
        depends = by_value[:, 0] != 0
        assert torch.equal(depends, torch.ones(size, size).tril(-1).bool())
        assert (by_context[:, 0] != 0).all()
