"""Hamiltonian variational inference: leapfrog steps on log p(x, z) refine the encoder's sample.

Salimans, Kingma & Welling 2015, algorithm 3. In the coordinates e of the encoder's Gaussian, z = mean + std e, with
e_0, v_0 ~ N(0, I) and K steps of sizes h that are learned, one for each number of z:

    v <- v + h/2 g(e);   e <- e + h v;   v <- v + h/2 g(e),        g(e) = d/de log p(x, mean + std e)

Leapfrog steps keep volumes, whatever the function g. Each number of g is limited, since steps would diverge before the
encoder has learned how narrow the posterior is. With the momentum v as an auxiliary variable and a learned
r(v_K | e_K), here a Gaussian whose mean is linear in e_K and g(e_K),

    log p(x) >= E[ log p(x, z_K) + log r(v_K | e_K) - log N(e_0; 0, I) - log N(v_0; 0, I) + log |std| ]     eq. 13

With steps of size 0 and r = N(0, I) it is the bound of the encoder alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.mlp import linear
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.gaussian import DiagonalGaussian, standard_normal_log_prob
from sciencegen.vae.likelihoods import Likelihood

LARGEST_STEP, FIRST_STEP = 1.0, 0.2
"""Limit and start of h; a leapfrog step is unstable from 2 standard deviations of log p(x, z) on."""
STRONGEST = 30.0
"""Limit of each number of g. At the posterior it is of the order of 1."""
Latents = Float[Tensor, "samples latent"]


@dataclass(frozen=True)
class JointDensity:
    """log p(x, z | c) of the items of a batch, for one or several latents of each in consecutive rows."""

    decoder: Callable[[Tensor, Tensor | None, Batch], Likelihood]
    log_prior: Callable[[Tensor, Tensor | None], Tensor]
    field: str
    batch: Batch

    def __call__(self, latent: Latents) -> Float[Tensor, " samples"]:
        rows = self.batch.map(_differentiable).repeat_interleave(len(latent) // len(self.batch))
        likelihood = self.decoder(latent, rows.condition, rows)
        return likelihood.log_prob(rows[self.field]) + self.log_prior(latent, rows.condition)


class Reversal(nn.Module):
    """log r(v | e, g): N(B (e, g), (A A^T)^-1) with A lower triangular; it starts as N(0, I)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mean = linear(2 * size, size, zero=True)
        self.below = nn.Parameter(torch.zeros(size, size))
        self.log_scale = nn.Parameter(torch.zeros(size))

    def forward(self, momentum: Latents, place: Latents, force: Latents) -> Float[Tensor, " samples"]:
        factor = self.below.tril(-1) + torch.diag(self.log_scale.exp())
        noise = (momentum - self.mean(torch.cat([place, force], 1))) @ factor
        return standard_normal_log_prob(noise) + self.log_scale.sum()


@dataclass(frozen=True)
class HamiltonianPosterior:
    """The distribution of z_K. step: h of each number. `sample` gives log q(e_0, v_0) - log r(v_K | e_K) in place of
    log q(z_K), which is not known."""

    base: DiagonalGaussian
    joint: JointDensity
    reversal: Reversal
    step: Float[Tensor, " latent"]
    count: int

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The base's mean after the steps, without momentum."""
        return self._moved(self.base, torch.zeros_like(self.base.mean), torch.zeros_like(self.base.mean))[0]

    def sample(self, generator: Generator, count: int = 1) -> tuple[Latents, Float[Tensor, " samples"]]:
        base = DiagonalGaussian(*(one.repeat_interleave(count, 0) for one in (self.base.mean, self.base.log_std)))
        place, momentum = (standard_normal(base.mean.shape, generator, base.mean) for _ in range(2))
        latent, log_reversal = self._moved(base, place, momentum)
        first = standard_normal_log_prob(place) + standard_normal_log_prob(momentum)
        return latent, first - log_reversal - base.log_std.sum(-1)

    def _moved(
        self, base: DiagonalGaussian, place: Latents, momentum: Latents
    ) -> tuple[Latents, Float[Tensor, " samples"]]:
        """z_K and log r(v_K | e_K)."""
        keep = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            base = DiagonalGaussian(*map(_differentiable, (base.mean, base.log_std)))
            place, momentum = _differentiable(place), _differentiable(momentum)
            force = self._force(base, place, keep)
            for _ in range(self.count):
                momentum = momentum + 0.5 * self.step * force
                place = place + self.step * momentum
                force = self._force(base, place, keep)
                momentum = momentum + 0.5 * self.step * force
            found = base.reparameterized(place)[0], self.reversal(momentum, place, force)
        return found if keep else (found[0].detach(), found[1].detach())

    def _force(self, base: DiagonalGaussian, place: Latents, keep: bool) -> Latents:
        """The limited g(e). keep: whether it is differentiated further."""
        leaf = place if place.requires_grad and keep else place.detach().requires_grad_()
        total = self.joint(base.reparameterized(leaf)[0]).sum()
        return torch.autograd.grad(total, leaf, create_graph=keep)[0].clamp(-STRONGEST, STRONGEST)


class HamiltonianRefinement(nn.Module):
    """The learned step sizes and r; makes a `HamiltonianPosterior` of an encoder's Gaussian.

    count: number of leapfrog steps, each with one gradient of log p(x, z).
    """

    def __init__(self, latent_size: int, count: int) -> None:
        super().__init__()
        if count < 1:
            raise ConfigError(f"Expected 1 or more leapfrog steps, got {count}.")
        self.count, self.reversal = count, Reversal(latent_size)
        self.raw_step = nn.Parameter(torch.logit(torch.full((latent_size,), FIRST_STEP / LARGEST_STEP)))

    def forward(self, base: DiagonalGaussian, joint: JointDensity) -> HamiltonianPosterior:
        step = LARGEST_STEP * self.raw_step.sigmoid()
        return HamiltonianPosterior(base, joint, self.reversal, step, self.count)


def _differentiable(value: Tensor) -> Tensor:
    """The tensor, or its copy if it was made in inference mode and so can't take part in a gradient."""
    return value.clone() if value.is_inference() else value
