"""A belief about weights is drawn around its mean with its std, and has the KL it says."""

from __future__ import annotations

import torch

from sciencegen.networks.mlp import BayesianLinear


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
