"""Fully connected networks: masked, Bayesian, and the denoiser of vectors."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.mlp import (
    ACTIVATIONS,
    MLP,
    BayesianLinear,
    LayerSettings,
    LevelEmbedding,
    MaskedAutoregressiveMLP,
    VectorDenoiser,
)


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


# A belief about weights is drawn around its mean with its std, and has the KL it says.


def layer(log_std):
    torch.manual_seed(0)
    return BayesianLinear(3, 4, log_std).double()


def test_without_a_generator_it_is_a_linear_layer():
    made, values = layer(-1.0), torch.randn(2, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(made(values), torch.nn.functional.linear(values, made.weight, made.bias))


def test_a_belief_is_drawn_around_its_mean_with_its_std():
    made, values = layer(-1.0), torch.randn(2, 3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    draws = torch.stack([made(values, generator) for _ in range(20_000)])
    torch.testing.assert_close(draws.mean(0), made(values), atol=0.02, rtol=0)
    std = torch.exp(torch.tensor(-1.0)).double() * (values.square().sum(-1) + 1).sqrt()
    torch.testing.assert_close(draws.std(0), std[:, None].expand(2, 4), rtol=0.02, atol=0)


def test_its_divergence_is_torchs():
    made, normal = layer(-2.0), torch.distributions.Normal
    expected = sum(
        torch.distributions.kl_divergence(normal(mean, log_std.exp()), normal(torch.zeros_like(mean), 0.7)).sum()
        for mean, log_std in ((made.weight, made.weight_log_std), (made.bias, made.bias_log_std))
    )
    torch.testing.assert_close(made.kl(0.7), expected)


def test_levels_are_told_apart_over_their_whole_range():
    embedded = LevelEmbedding(32)(torch.linspace(-15, 15, 121))
    apart = torch.cdist(embedded, embedded) + 10 * torch.eye(121)
    assert apart.min() > 0.1


def test_it_starts_as_zero_and_reads_level_and_condition():
    network = VectorDenoiser("z", 3, 2, width=16, depth=2, generator=Generator().manual_seed(0))
    z, level, condition = {"z": torch.randn(4, 3)}, torch.zeros(4), torch.zeros(4, 2)
    assert (network(z, level, condition, None)["z"] == 0).all()
    torch.nn.init.normal_(network.outward.weight)
    first = network(z, level, condition, None)["z"]
    assert (network(z, level + 1, condition, None)["z"] != first).any(1).all()
    assert (network(z, level, torch.full((4, 2), torch.nan), None)["z"] != first).any(1).all()
    torch.testing.assert_close(
        network(z, level, None, None)["z"], network(z, level, torch.full((4, 2), torch.nan), None)["z"]
    )


def test_other_shapes_and_odd_embeddings_are_refused():
    with pytest.raises(ShapeError, match=r"'z' of shape \[batch 3\], got \[4, 2\]"):
        VectorDenoiser("z", 3)({"z": torch.zeros(4, 2)}, torch.zeros(4), None, None)
    with pytest.raises(ConfigError, match="even size"):
        LevelEmbedding(3)
