"""Several networks of one shape in one pass: every weight has a first dimension [member], every value too.

The members of an ensemble differ in their starting weights and in what they see; one batched matrix product a layer
trains them all.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.errors import ShapeError


def like_noise(like: Tensor, generator: Generator) -> Tensor:
    """Standard normal noise of the shape and on the device of `like`, drawn where `generator` lives."""
    return torch.randn(like.shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


class MemberLinear(nn.Module):
    """x W_m + b_m for each member m."""

    def __init__(self, members: int, inputs: int, outputs: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(gain * torch.randn(members, inputs, outputs) / math.sqrt(inputs))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(
        self, values: Float[Tensor, "member item inputs"], generator: Generator | None = None
    ) -> Float[Tensor, "member item outputs"]:
        if values.shape[0] != self.weight.shape[0] or values.shape[-1] != self.weight.shape[1]:
            raise ShapeError(
                f"Expected values [{self.weight.shape[0]} item {self.weight.shape[1]}] of members, "
                f"got {list(values.shape)}."
            )
        return torch.baddbmm(self.bias, values, self.weight)


class BayesianMemberLinear(MemberLinear):
    """The same with a mean-field Gaussian belief about each weight. Kingma & Welling 2014, appendix F; Blundell et al.
    2015.

    With a generator a pass draws one set of weights for each member, w = mean + std * noise; without one it uses the
    means.
    """

    def __init__(self, members: int, inputs: int, outputs: int, gain: float = 1.0, log_std: float = -5.0) -> None:
        super().__init__(members, inputs, outputs, gain)
        self.weight_log_std = nn.Parameter(torch.full_like(self.weight, log_std))
        self.bias_log_std = nn.Parameter(torch.full_like(self.bias, log_std))

    def forward(
        self, values: Float[Tensor, "member item inputs"], generator: Generator | None = None
    ) -> Float[Tensor, "member item outputs"]:
        if generator is None:
            return super().forward(values)
        weight = self.weight + self.weight_log_std.exp() * like_noise(self.weight, generator)
        bias = self.bias + self.bias_log_std.exp() * like_noise(self.bias, generator)
        return torch.baddbmm(bias, values, weight)

    def kl(self, prior_std: float = 1.0) -> Float[Tensor, " member"]:
        """KL(q(w) || N(0, prior_std^2)) in nats, summed over each member's weights.

        sum of log(s_0 / s) + (s^2 + m^2) / (2 s_0^2) - 1/2, each term summed before they are added: they are millions.
        """
        pairs = ((self.weight, self.weight_log_std), (self.bias, self.bias_log_std))
        sums = [_sum((2 * log_std).exp()) + _sum(mean.square()) for mean, log_std in pairs]
        count = sum(mean[0].numel() for mean, _ in pairs)
        log_stds = sum(_sum(log_std) for _, log_std in pairs)
        return 0.5 * torch.stack(sums).sum(0) / prior_std**2 - log_stds + count * (math.log(prior_std) - 0.5)


def _sum(value: Float[Tensor, "member row column"]) -> Float[Tensor, " member"]:
    return value.sum((1, 2))
