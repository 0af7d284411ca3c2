"""Members side by side are what they would be one by one; the belief about weights has the KL it says."""

from __future__ import annotations

import pytest
import torch

from sciencegen.errors import ShapeError
from sciencegen.networks.members import BayesianMemberLinear, MemberLinear


def test_each_member_is_a_linear_layer_of_its_own():
    torch.manual_seed(0)
    layer = MemberLinear(3, 5, 4).double()
    values = torch.randn(3, 7, 5, dtype=torch.float64)
    found = layer(values)
    for member in range(3):
        alone = torch.nn.functional.linear(values[member], layer.weight[member].T, layer.bias[member, 0])
        torch.testing.assert_close(found[member], alone)


def test_a_belief_is_drawn_around_its_mean_with_its_std():
    torch.manual_seed(0)
    layer = BayesianMemberLinear(2, 3, 2, log_std=-1.0).double()
    values = torch.randn(2, 1, 3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    draws = torch.stack([layer(values, generator) for _ in range(20_000)])
    torch.testing.assert_close(draws.mean(0), layer(values), atol=0.02, rtol=0)
    std = torch.exp(torch.tensor(-1.0)).double() * (values.square().sum(-1) + 1).sqrt()
    torch.testing.assert_close(draws.std(0), std[..., None].expand(2, 1, 2), rtol=0.02, atol=0)


def test_its_divergence_is_torchs():
    torch.manual_seed(0)
    layer = BayesianMemberLinear(2, 3, 4, log_std=-2.0).double()
    normal = torch.distributions.Normal
    expected = sum(
        torch.distributions.kl_divergence(normal(mean, log_std.exp()), normal(torch.zeros_like(mean), 0.7)).sum((1, 2))
        for mean, log_std in ((layer.weight, layer.weight_log_std), (layer.bias, layer.bias_log_std))
    )
    torch.testing.assert_close(layer.kl(0.7), expected)


def test_values_of_another_number_of_members_are_refused():
    with pytest.raises(ShapeError, match=r"Expected values \[3 item 5\] of members, got \[2, 7, 5\]"):
        MemberLinear(3, 5, 4)(torch.zeros(2, 7, 5))
