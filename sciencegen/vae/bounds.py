"""Bounds of log p(x): the evidence lower bound, the importance-weighted bound, and the weight of their KL."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.vae.posteriors import DiagonalGaussian

# Schedules of the KL weight: small at first, so that the model learns to use the latent.


def constant(progress: float) -> float:
    """1 from the first step on: no warm-up."""
    return 1.0


def linear(progress: float) -> float:
    """Bowman et al. 2016, Sønderby et al. 2016."""
    return min(1.0, progress)


def cosine(progress: float) -> float:
    """Half a cosine wave: flat at both ends."""
    return 0.5 * (1 - math.cos(math.pi * min(1.0, progress)))


def cyclical(progress: float) -> float:
    """Fu et al. 2019: in each cycle linear for the first half, then 1; never ends."""
    return min(1.0, 2 * (progress % 1.0))


WARMUPS = {"constant": constant, "linear": linear, "cosine": cosine, "cyclical": cyclical}
"""Shapes: progress (step / steps, may exceed 1) to the fraction of the way from start to end, 0..1."""


@dataclass(frozen=True)
class Warmup:
    """weight(step) = start + (end - start) * shape(step / steps). `steps`: length of the warm-up, or of a cycle."""

    shape: str = "constant"
    steps: int = 0
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if self.shape not in WARMUPS:
            raise unknown_name("warm-up", self.shape, WARMUPS)
        if self.steps < 0:
            raise ConfigError(f"Expected a number of warm-up steps of 0 or more, got {self.steps}.")

    def __call__(self, step: int) -> float:
        done = WARMUPS[self.shape](step / self.steps) if self.steps else 1.0
        return self.start + (self.end - self.start) * done


# Bounds of log p(x): the evidence lower bound, the importance-weighted bound, and their terms.


@dataclass(frozen=True)
class BoundTerms:
    """The two halves of the evidence lower bound, in nats.

    reconstruction: E_q log p(x | z, c). kl: KL(q(z | x, c) || p(z | c)), exact or from one sample.
    """

    reconstruction: Float[Tensor, " batch"]
    kl: Float[Tensor, " batch"]

    def __post_init__(self) -> None:
        if self.reconstruction.shape != self.kl.shape:
            raise ShapeError(
                f"Expected reconstruction and kl of one shape [batch], got {list(self.reconstruction.shape)} and "
                f"{list(self.kl.shape)}."
            )

    @property
    def elbo(self) -> Float[Tensor, " batch"]:
        """E_q log p(x | z) - KL(q || p) <= log p(x). Kingma & Welling 2014, eq. 3."""
        return self.reconstruction - self.kl

    def weighted(self, beta: float) -> Float[Tensor, " batch"]:
        """The bound with the KL weighted by beta; a bound for beta >= 1. Higgins et al. 2017, eq. 4."""
        return self.reconstruction - beta * self.kl


def kl_terms(
    posterior: DiagonalGaussian | object,
    prior: DiagonalGaussian | None,
    log_posterior: Float[Tensor, " batch"],
    log_prior: Float[Tensor, " batch"],
) -> Float[Tensor, "batch group"]:
    """KL(q || p) in groups that sum to the total: one per dimension, in closed form, if both are diagonal Gaussians
    (Kingma & Welling 2014, appendix B); else a single group, estimated by log q(z) - log p(z)."""
    if isinstance(posterior, DiagonalGaussian) and prior is not None:
        return posterior.kl_per_dimension(prior)
    return (log_posterior - log_prior)[:, None]


def free_bits(kl: Float[Tensor, "batch ..."], minimum: float) -> Float[Tensor, ""]:
    """sum_j max(minimum, mean over the batch of KL_j), in nats. Kingma et al. 2016, eq. 15.

    A group below `minimum` contributes the constant `minimum`: its gradient is zero, so it is not reduced further.
    """
    if minimum < 0:
        raise ConfigError(f"Expected free bits of 0 or more nats per group, got {minimum}.")
    mean = kl.mean(0)
    # Not clamp: at equality clamp passes the gradient, which must be zero there too. A one-sample estimate may be
    # negative, so without free bits the mean is not clipped at 0.
    return torch.where(mean > minimum, mean, torch.full_like(mean, minimum)).sum() if minimum > 0 else mean.sum()


def negative_elbo(
    reconstruction: Float[Tensor, " batch"],
    kl: Float[Tensor, "latents ..."],
    beta: float = 1.0,
    minimum: float = 0.0,
    items: int | None = None,
) -> Float[Tensor, ""]:
    """The loss of the models of this package: the negative evidence lower bound with a weighted divergence.

        -mean_i log p(x_i | z_i, c_i) + beta sum_j max(minimum, mean_i KL_ij)

    Parameters
    ----------
    reconstruction : Tensor [batch]
        log p(x | z, c) of each item in nats, at one sample of z.
    kl : Tensor [latents] or [latents group]
        KL(q(z | x, c) || p(z | c)) of each latent, in nats; optionally in groups that sum to the total.
    beta : float
        Weight of the divergence [2]_. Minus the loss is a lower bound of log p(x | c) if beta >= 1 and `minimum` is 0.
    minimum : float
        Nats of each group that are not penalized (`free_bits`, [3]_).
    items : int, optional
        Number of items over which the divergence is averaged, if some have no latent and so no divergence. Cannot be
        combined with free bits.

    Returns
    -------
    Tensor []
        Nats per item.

    References
    ----------
    .. [1] Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014, eq. 3.
    .. [2] Higgins et al., "beta-VAE", ICLR 2017, eq. 4.
    .. [3] Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", NeurIPS 2016, eq. 15.

    Examples
    --------
    >>> negative_elbo(torch.tensor([-3.0, -5.0]), torch.tensor([[0.5, 2.0], [0.5, 2.0]]), beta=0.5, minimum=1.0)
    tensor(5.5000)
    """
    if items is None:
        return -reconstruction.mean() + beta * free_bits(kl, minimum)
    if minimum:
        raise ConfigError(f"Expected no free bits where some items have no latent, got {minimum}.")
    return -reconstruction.mean() + beta * kl.sum() / items


def importance_weighted_bound(log_weights: Float[Tensor, "batch sample"]) -> Float[Tensor, " batch"]:
    """Log 1/K sum_k w_k with w_k = p(x, z_k) / q(z_k | x). Burda et al. 2016, eq. 8."""
    return torch.logsumexp(log_weights, -1) - math.log(log_weights.shape[-1])


def check_importance_samples(count: int, beta: Warmup, free_bits: float = 0.0) -> None:
    """Check a bound's settings: with several samples, beta must be 1 and there must be no free bits."""
    if count < 1:
        raise ConfigError(f"Expected 1 or more importance samples, got {count}.")
    if count > 1 and (free_bits > 0 or beta != Warmup()):
        raise ConfigError("Expected beta 1 and no free bits with several importance samples: set one or the other.")


def effective_sample_size(log_weights: Float[Tensor, "batch sample"]) -> Float[Tensor, " batch"]:
    """(sum_k w_k)^2 / sum_k w_k^2, between 1 and K: the effective number of importance samples."""
    return (2 * torch.logsumexp(log_weights, -1) - torch.logsumexp(2 * log_weights, -1)).exp()


def doubly_reparameterized_surrogate(
    latent: Float[Tensor, "samples latent"], log_weights: Float[Tensor, "batch sample"]
) -> Float[Tensor, " batch"]:
    """A surrogate whose gradient is the doubly reparameterized gradient of the importance-weighted bound.

    Tucker et al. 2019, eq. 8:  sum_k v_k^2 (d log w_k / d z_k) (d z_k / d phi)  for the posterior's parameters phi,
    with v_k = w_k / sum_j w_j; for the model's parameters the ordinary  sum_k v_k d log w_k.
    `log_weights` must be computed from these `latent`s with `posterior.detach()`. Call this function only once: it
    registers a hook on the gradient of `latent`.
    """
    share = torch.softmax(log_weights.detach(), -1)
    if share.numel() != latent.shape[0]:
        raise ShapeError(f"Expected {share.numel()} latents, one for each weight, got {list(latent.shape)}.")
    if latent.requires_grad:
        latent.register_hook(lambda gradient: gradient * share.reshape(-1, 1))
    return (share * log_weights).sum(-1)


def segment_logsumexp(values: Float[Tensor, " entry"], rows: Int[Tensor, " entry"], size: int) -> Float[Tensor, " row"]:
    """Log-sum-exp over the entries of each row, where entry e belongs to row rows[e]; every row needs at least one."""
    highest = values.new_full((size,), -math.inf).scatter_reduce(0, rows, values.detach(), "amax")
    total = values.new_zeros(size).index_add(0, rows, (values - highest[rows]).exp())
    return total.log() + highest


def bits_per_dimension(
    log_prob: Float[Tensor, " batch"], dimensions: int, bin_width: float = 1.0
) -> Float[Tensor, " batch"]:
    """-log2 p / D. For a density over values quantized in bins of `bin_width`, P(x) is about p(x) * bin_width^D.

    Theis et al. 2016, section 3.1 (for uniformly dequantized data this is an upper bound).
    """
    if dimensions < 1:
        raise ConfigError(f"Expected 1 or more dimensions, got {dimensions}.")
    return -(log_prob / dimensions + math.log(bin_width)) / math.log(2)
