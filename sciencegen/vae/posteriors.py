"""q(z | x, c): distribution objects, and the networks that make them from an encoder's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.networks.conditions import beside_condition
from sciencegen.networks.mlp import MLP, LayerSettings, MaskedAutoregressiveMLP
from sciencegen.networks.normal import check_latents
from sciencegen.vae.gaussian import DiagonalGaussian, repeats, standard_normal_kl, standard_normal_log_prob

LOG_STD_RANGE = (-9.0, 4.0)
"""Posterior log standard deviations are clipped to this range, so that early steps do not overflow."""
FLOW_CONTEXT = 32
"""Features that each step of the inverse autoregressive flow sees of the item."""


@runtime_checkable
class SampledPosterior(Protocol):
    """Latents for each item of a batch, and what stands for their log density in a bound. Several samples of an item
    are in consecutive rows."""

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The deterministic centre."""

    def sample(
        self, generator: Generator, count: int = 1
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]: ...


@runtime_checkable
class Posterior(SampledPosterior, Protocol):
    """A distribution of latents with a density."""

    def log_prob(self, latent: Float[Tensor, "samples latent"]) -> Float[Tensor, " samples"]: ...

    def reparameterized(
        self, noise: Float[Tensor, "_ latent"]
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " _"]]:
        """z(noise) of standard normal noise, and log |dz/dnoise|: log q(z) = log N(noise; 0, I) - log |dz/dnoise|.

        Either the noise or the distribution may have one row, which is broadcast.
        """


@dataclass(frozen=True)
class AutoregressiveFlowPosterior:
    """Inverse autoregressive flow from a diagonal Gaussian. Kingma et al. 2016, algorithm 1.

    z_0 = mean + std * noise;  z_t = gate_t * z_{t-1} + (1 - gate_t) * shift_t,  where element d of gate_t and shift_t
    depends on elements before d of z_{t-1}, and  log q(z_T) = log q(z_0) - sum_t sum_d log gate_t. The order of the
    elements is reversed between steps.
    """

    base: DiagonalGaussian
    steps: Sequence[MaskedAutoregressiveMLP]
    context: Float[Tensor, "batch context"]

    def reparameterized(
        self, noise: Float[Tensor, "_ latent"]
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " _"]]:
        """z_T and log |dz_T/dnoise| = sum log std + sum_t sum_d log gate_t."""
        latent, log_volume = self.base.reparameterized(noise)
        latent, log_det = self._carry(latent, len(latent) // len(self.context))
        return latent, log_volume + log_det

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The base's mean, transformed by the flow (not the expectation, but a point of high density)."""
        return self._carry(self.base.mean, 1)[0]

    def sample(
        self, generator: Generator, count: int = 1
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]:
        latent, log_prob = self.base.sample(generator, count)
        latent, log_det = self._carry(latent, count)
        return latent, log_prob - log_det

    def log_prob(self, latent: Float[Tensor, "samples latent"]) -> Float[Tensor, " samples"]:
        """Exact, by inverting the flow one element at a time (latent_size passes per step: slow, for checks)."""
        check_latents(latent, self.base.mean.shape[-1])
        count = repeats(latent.shape[0], self.base.mean.shape[0], latent)
        context = self.context.repeat_interleave(count, 0)
        for step in reversed(self.steps):
            latent = self._undo(step, latent.flip(-1), context)
        return self.base.log_prob(latent) - self._carry(latent, count)[1]

    def _carry(self, latent: Tensor, count: int) -> tuple[Tensor, Tensor]:
        context = self.context.repeat_interleave(count, 0)
        log_det = latent.new_zeros(latent.shape[0])
        for step in self.steps:
            shift, logit = _shift_and_logit(step, latent, context)
            gate = logit.sigmoid()
            latent = (gate * latent + (1 - gate) * shift).flip(-1)
            log_det = log_det + functional.logsigmoid(logit).sum(-1)
        return latent, log_det

    @staticmethod
    def _undo(step: MaskedAutoregressiveMLP, after: Tensor, context: Tensor) -> Tensor:
        before = torch.zeros_like(after)
        for _ in range(after.shape[-1]):  # after pass d the first d elements are correct
            shift, logit = _shift_and_logit(step, before, context)
            gate = logit.sigmoid()
            before = (after - (1 - gate) * shift) / gate
        return before


def kl_to_standard_normal(
    posterior: Posterior, latent: Float[Tensor, "samples latent"], log_posterior: Float[Tensor, " samples"]
) -> Float[Tensor, " _"]:
    """KL(q(z) || N(0, I)): of a diagonal Gaussian the exact value of each item; else log q(z) - log N(z; 0, I) of each
    sample."""
    if isinstance(posterior, DiagonalGaussian):
        return standard_normal_kl(posterior)
    return log_posterior - standard_normal_log_prob(latent)


def _shift_and_logit(step: MaskedAutoregressiveMLP, latent: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    """The gate starts near 1 ("forget-gate bias", Kingma et al. 2016, section 4), so a new flow is near identity."""
    shift, logit = step(latent, context)
    return shift, logit + 2.0


class GaussianPosterior(nn.Module):
    """Features (and the condition, where property_count > 0) to a diagonal Gaussian; depth 0 is a linear head."""

    def __init__(
        self, feature_size: int, latent_size: int, property_count: int = 0, width: int = 128, depth: int = 0,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        self.head = MLP(feature_size + 2 * property_count, 2 * latent_size, width, depth, layers=layers)

    def forward(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"] | None = None
    ) -> DiagonalGaussian:
        known = beside_condition(features, condition, self.property_count)
        mean, log_std = self.head(known).chunk(2, -1)
        return DiagonalGaussian(mean, log_std.clamp(*LOG_STD_RANGE))


class FlowPosterior(nn.Module):
    """Features (and the condition) to a Gaussian followed by `steps` of inverse autoregressive flow."""

    def __init__(
        self,
        feature_size: int,
        latent_size: int,
        property_count: int = 0,
        width: int = 64,
        depth: int = 0,
        steps: int = 2,
        layers: LayerSettings | None = None,
    ) -> None:
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        self.sizes = [2 * latent_size, FLOW_CONTEXT]
        self.head = MLP(feature_size + 2 * property_count, sum(self.sizes), width, depth, layers=layers)
        self.steps = nn.ModuleList([MaskedAutoregressiveMLP(latent_size, FLOW_CONTEXT, width) for _ in range(steps)])

    def forward(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"] | None = None
    ) -> AutoregressiveFlowPosterior:
        known = beside_condition(features, condition, self.property_count)
        gaussian, context = self.head(known).split(self.sizes, -1)
        mean, log_std = gaussian.chunk(2, -1)
        return AutoregressiveFlowPosterior(
            DiagonalGaussian(mean, log_std.clamp(*LOG_STD_RANGE)),
            [step for step in self.steps if isinstance(step, MaskedAutoregressiveMLP)],
            context,
        )


POSTERIORS = {"gaussian": GaussianPosterior, "iaf": FlowPosterior}
"""Classes by their name in settings; each is built from (feature_size, latent_size, property_count, width, depth)."""
