"""A Bayesian linear layer: a mean-field Gaussian posterior over its weights."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.networks.normal import standard_normal


class BayesianLinear(nn.Linear):
    """A linear layer with a Gaussian over each weight. Kingma & Welling 2014, appendix F; Blundell et al. 2015.

    With a generator, a forward pass draws one set of weights, w = mean + std * noise; without one it uses the means.
    """

    def __init__(self, inputs: int, outputs: int, log_std: float = -5.0) -> None:
        super().__init__(inputs, outputs)
        self.weight_log_std = nn.Parameter(torch.full_like(self.weight, log_std))
        self.bias_log_std = nn.Parameter(torch.full_like(self.bias, log_std))

    def forward(
        self, values: Float[Tensor, "*batch inputs"], generator: Generator | None = None
    ) -> Float[Tensor, "*batch outputs"]:
        if generator is None:
            return super().forward(values)
        pairs = ((self.weight, self.weight_log_std), (self.bias, self.bias_log_std))
        weight, bias = (
            torch.addcmul(mean, log_std.exp(), standard_normal(mean.shape, generator, mean)) for mean, log_std in pairs
        )
        return functional.linear(values, weight, bias)

    def kl(self, prior_std: float = 1.0) -> Float[Tensor, ""]:
        """KL(q(w) || N(0, prior_std^2)) in nats, of all weights together.

        sum of log(s_0 / s) + (s^2 + m^2) / (2 s_0^2) - 1/2 over the weights; each term is summed on its own first.
        """
        pairs = ((self.weight, self.weight_log_std), (self.bias, self.bias_log_std))
        squares = torch.stack([(2 * log_std).exp().sum() + mean.square().sum() for mean, log_std in pairs]).sum()
        log_stds = torch.stack([log_std.sum() for _, log_std in pairs]).sum()
        count = sum(mean.numel() for mean, _ in pairs)
        return 0.5 * squares / prior_std**2 - log_stds + count * (math.log(prior_std) - 0.5)
