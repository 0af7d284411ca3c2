"""One model of aligned rows: a conditional encoder and decoder, in which columns are independent given z."""

from __future__ import annotations

import math
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.networks.bayesian import BayesianLinear
from sciencegen.networks.mlp import MaskedAutoregressiveMLP
from sciencegen.vae.gaussian import DiagonalGaussian
from sciencegen.vae.posteriors import AutoregressiveFlowPosterior
from sciencegen.vae.semi_supervised import GaussianInference

LETTERS = "letters"
"""The field of a Batch: [batch column] integers, arbitrary where the mask is False."""
Letters = Int[Tensor, "item column"]
Mask = Bool[Tensor, "item column"]
Known = Float[Tensor, "item feature"]
"""The `condition_features` of each row; empty without properties."""


FLOW_STEPS, FLOW_CONTEXT = 2, 32


class Member(nn.Module):
    """One model: an encoder, a decoder, and a posterior of the decoder's last weights.

    known: number of condition features of both. posterior: one of `posteriors.POSTERIORS`. inference: whether there is
    a head q(c | x).
    """

    def __init__(
        self, columns: int, letters: int, hidden: int, latent: int, known: int = 0, posterior: str = "gaussian",
        inference: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.columns, self.letters, self.latent, self.known = columns, letters, latent, known
        self.encoder = nn.ModuleList([_linear(columns * letters + known, hidden), _linear(hidden, hidden)])
        self.mean, self.log_std = _linear(hidden, latent, 1.0), _linear(hidden, latent, 1.0, bias=-2.0)
        self.decoder = nn.ModuleList([_linear(latent + known, hidden), _linear(hidden, hidden)])
        self.output = BayesianLinear(hidden, columns * letters)
        nn.init.normal_(self.output.weight, std=0.1 / math.sqrt(hidden))
        nn.init.zeros_(self.output.bias)
        self.flow: nn.ModuleList | None = None
        if posterior == "iaf":
            self.context = _linear(hidden, FLOW_CONTEXT, 1.0)
            self.flow = nn.ModuleList([MaskedAutoregressiveMLP(latent, FLOW_CONTEXT) for _ in range(FLOW_STEPS)])
        self.inference = GaussianInference(hidden, known // 2) if inference else None

    def features(self, letters: Letters, mask: Mask, known: Known) -> Float[Tensor, "item hidden"]:
        """Of the encoder, with a condition; a gap is a column of zeros."""
        one_hot = functional.one_hot(letters.clamp(0, self.letters - 1).long(), self.letters) * mask[..., None]
        hidden = torch.cat([one_hot.flatten(1).to(self.output.weight), known], 1)
        for layer in self.encoder:
            hidden = functional.relu(layer(hidden))
        return hidden

    def unconditional_features(self, letters: Letters, mask: Mask) -> Float[Tensor, "item hidden"]:
        """Of the encoder without a condition: the input of q(c | x)."""
        return self.features(letters, mask, self.output.weight.new_zeros(len(letters), self.known))

    def posterior(self, letters: Letters, mask: Mask, known: Known) -> DiagonalGaussian | AutoregressiveFlowPosterior:
        """q(z | x, c)."""
        hidden = self.features(letters, mask, known)
        gaussian = DiagonalGaussian(self.mean(hidden), self.log_std(hidden).clamp(-8, 3))
        if self.flow is None:
            return gaussian
        steps = cast(list[MaskedAutoregressiveMLP], list(self.flow))
        return AutoregressiveFlowPosterior(gaussian, steps, self.context(hidden))

    def logits(
        self, z: Float[Tensor, "item latent"], known: Known, generator: Generator | None = None
    ) -> Float[Tensor, "item column letter"]:
        """Of p(x | z, c). With a generator, the last weights are sampled."""
        hidden = torch.cat([z, known], 1)
        for layer in self.decoder:
            hidden = functional.relu(layer(hidden))
        return self.output(hidden, generator).unflatten(-1, (self.columns, self.letters))

    def log_prob(
        self, z: Float[Tensor, "item latent"], letters: Letters, mask: Mask, known: Known,
        generator: Generator | None = None,
    ) -> Float[Tensor, " item"]:  # fmt: skip
        """Log p(x | z, c) without gaps."""
        log_p = torch.log_softmax(self.logits(z, known, generator), -1)
        picked = log_p.gather(-1, letters.clamp(0, self.letters - 1).long()[..., None])
        return torch.where(mask, picked[..., 0], 0.0).sum(-1)

    def evidence(
        self, letters: Letters, mask: Mask, known: Known, noise: Float[Tensor, "sample one latent"]
    ) -> Float[Tensor, "sample item"]:
        """Log p(x | z, c) p(z) / q(z | x, c) at the latents to which the posterior maps the noise."""
        posterior = self.posterior(letters, mask, known)

        def weight(one: Tensor) -> Tensor:
            z, log_volume = posterior.reparameterized(one)
            log_ratio = 0.5 * (one.square() - z.square()).sum(-1) + log_volume
            return self.log_prob(z, letters, mask, known) + log_ratio

        return torch.stack([weight(one) for one in noise])


def _linear(inputs: int, outputs: int, gain: float = 2**0.5, bias: float = 0.0) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
    nn.init.constant_(layer.bias, bias)
    return layer
