"""q(z | x, c): distribution objects, and the networks that make them from an encoder's features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import beside_condition, condition_features
from sciencegen.networks.mlp import MLP, LayerSettings, MaskedAutoregressiveMLP, linear
from sciencegen.networks.shared_noise import LOG_2_PI, check_latents, standard_normal
from sciencegen.vae.likelihoods import Likelihood

# The diagonal Gaussian, used for posteriors, priors and inferred conditions.


def standard_normal_log_prob(values: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch"]:
    """Log N(values; 0, I), summed over the last dimension."""
    return -0.5 * (values.square() + LOG_2_PI).sum(-1)


def repeats(rows: int, batch: int, latent: Tensor) -> int:
    """Samples per item, if `rows` rows hold those of `batch` items, an item's samples in consecutive rows."""
    if batch == 0 or rows % batch:
        raise ShapeError(
            f"Expected a multiple of {batch} rows, each item's samples in a row, got {list(latent.shape)}."
        )
    return rows // batch


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag(exp(log_std))^2), one for each item of a batch. Kingma & Welling 2014, section 3."""

    mean: Float[Tensor, "*batch latent"]
    log_std: Float[Tensor, "*batch latent"]

    def __post_init__(self) -> None:
        if self.mean.shape != self.log_std.shape:
            raise ShapeError(
                f"Expected mean and log_std of one shape [batch latent], got {list(self.mean.shape)} and "
                f"{list(self.log_std.shape)}."
            )

    def sample(
        self, generator: Generator, count: int = 1
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]:
        """Draws z = mean + std * noise, and log q(z): `count` per item in consecutive rows."""
        mean, log_std = self.mean.repeat_interleave(count, 0), self.log_std.repeat_interleave(count, 0)
        noise = standard_normal(mean.shape, generator, mean)
        return mean + log_std.exp() * noise, standard_normal_log_prob(noise) - log_std.sum(-1)

    def reparameterized(
        self, noise: Float[Tensor, "_ latent"]
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " _"]]:
        """Latents z = mean + std * noise and log |dz/dnoise|; either may be one row, which is broadcast."""
        return self.mean + self.log_std.exp() * noise, self.log_std.sum(-1)

    def log_prob(self, latent: Float[Tensor, "samples latent"]) -> Float[Tensor, " samples"]:
        """Log q(z), for one or several latents of each item (in consecutive rows)."""
        check_latents(latent, self.mean.shape[-1])
        count = repeats(latent.shape[0], self.mean.shape[0], latent)
        mean, log_std = self.mean.repeat_interleave(count, 0), self.log_std.repeat_interleave(count, 0)
        return standard_normal_log_prob((latent - mean) * (-log_std).exp()) - log_std.sum(-1)

    def kl_per_dimension(self, other: DiagonalGaussian) -> Float[Tensor, "*batch latent"]:
        """KL(q || p) = log(s_p / s_q) + (s_q^2 + (m_q - m_p)^2) / (2 s_p^2) - 1/2 in each dimension.

        Kingma & Welling 2014, appendix B, with a general second Gaussian.
        """
        scaled = (self.mean - other.mean) * (-other.log_std).exp()
        difference = self.log_std - other.log_std
        return 0.5 * ((2 * difference).exp() + scaled.square() - 1) - difference

    def kl(self, other: DiagonalGaussian) -> Float[Tensor, "*batch"]:
        return self.kl_per_dimension(other).sum(-1)

    def detach(self) -> DiagonalGaussian:
        """The same distribution, with detached parameters."""
        return DiagonalGaussian(self.mean.detach(), self.log_std.detach())


def standard_normal_kl(posterior: DiagonalGaussian) -> Float[Tensor, "*batch"]:
    """KL(N(m, s^2) || N(0, I)) = 1/2 sum (m^2 + s^2 - 1) - sum log s, in single precision or better. Ibid."""
    mean, log_std = (v.to(torch.promote_types(v.dtype, torch.float32)) for v in (posterior.mean, posterior.log_std))
    return (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(-1)


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


# q(z | x, c) as a Gaussian with all covariances.
#
#     z = mean + L e,  e ~ N(0, I),  log q(z) = log N(e; 0, I) - sum_d log L_dd        Kingma & Welling 2019, alg. 3
#
# With a diagonal posterior the bound has a gap at the true decoder that doesn't vanish with the noise s of the
# observations,
#
#     1/2 (sum_d log P_dd - log det P),   P = J^T J / s^2 + the precision of the prior
#
# for its Jacobian J: 0 only where the columns of J are orthogonal. An identifiable VAE then prefers other latents to
# the sources.


@dataclass(frozen=True)
class FullCovarianceGaussian:
    """N(mean, L L^T), where L has the diagonal exp(log_std) and the entries `below` it: the latents of an item may be
    correlated. Kingma & Welling 2019, algorithm 3."""

    mean: Float[Tensor, "batch latent"]
    log_std: Float[Tensor, "batch latent"]
    below: Float[Tensor, "batch latent latent"]

    @property
    def factor(self) -> Float[Tensor, "batch latent latent"]:
        """L."""
        return self.below.tril(-1) + torch.diag_embed(self.log_std.exp())

    def reparameterized(
        self, noise: Float[Tensor, "_ latent"]
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " _"]]:
        """Latents z = mean + L noise, and log |dz/dnoise| = sum log L_dd."""
        return self.mean + (self.factor @ noise[..., None])[..., 0], self.log_std.sum(-1)

    def sample(
        self, generator: Generator, count: int = 1
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]:
        own = FullCovarianceGaussian(
            *(one.repeat_interleave(count, 0) for one in (self.mean, self.log_std, self.below))
        )
        noise = standard_normal(own.mean.shape, generator, own.mean)
        latent, log_volume = own.reparameterized(noise)
        return latent, standard_normal_log_prob(noise) - log_volume

    def log_prob(self, latent: Float[Tensor, "samples latent"]) -> Float[Tensor, " samples"]:
        check_latents(latent, self.mean.shape[-1])
        count = repeats(latent.shape[0], self.mean.shape[0], latent)
        mean, factor, log_std = (one.repeat_interleave(count, 0) for one in (self.mean, self.factor, self.log_std))
        noise = torch.linalg.solve_triangular(factor, (latent - mean)[..., None], upper=False)[..., 0]
        return standard_normal_log_prob(noise) - log_std.sum(-1)


class FullCovariancePosterior(nn.Module):
    """Features (and the condition) to a `FullCovarianceGaussian`; depth 0 is a linear head."""

    def __init__(
        self, feature_size: int, latent_size: int, property_count: int = 0, width: int = 128, depth: int = 0,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        self.sizes = [latent_size, latent_size, latent_size**2]
        self.head = MLP(feature_size + 2 * property_count, sum(self.sizes), width, depth, layers=layers)

    def forward(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"] | None = None
    ) -> FullCovarianceGaussian:
        known = beside_condition(features, condition, self.property_count)
        mean, log_std, below = self.head(known).split(self.sizes, -1)
        shape = (self.latent_size, self.latent_size)
        return FullCovarianceGaussian(mean, log_std.clamp(*LOG_STD_RANGE), below.unflatten(-1, shape))


class ProductPosterior(nn.Module):
    """A product of experts, each the evidence of one known number y_k for z, and of the prior N(0, I).

        q(z | x, c) = N(S sum_k p_k a_k (y_k - m_k(c)), S),   S = (I + sum_k p_k a_k a_k^T)^-1

    A missing number is left out. Of a decoder that is linear with Gaussian noise it is the exact posterior, a_k being
    the decoder's weights of y_k and p_k the precision of its noise: probabilistic principal components (Tipping &
    Bishop 1999, eq. 8). The product is that of Wu & Goodman, NeurIPS 2018, eq. 3.

    feature_size: of twice as many features as there are numbers: the numbers, 0 where missing, then 1 or 0 for each
    (`array_columns.EvidenceEncoder`). width and depth are those of other posteriors, and aren't used.
    """

    def __init__(
        self, feature_size: int, latent_size: int, property_count: int = 0, width: int = 128, depth: int = 0,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        self.loadings = nn.Parameter(0.1 * torch.randn(feature_size // 2, latent_size))
        self.log_precision = nn.Parameter(torch.zeros(feature_size // 2))
        self.centre = linear(2 * property_count, feature_size // 2, zero=True) if property_count else None

    def forward(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"] | None = None
    ) -> FullCovarianceGaussian:
        value, known = features.chunk(2, -1)
        weight = known * self.log_precision.clamp(-2 * LOG_STD_RANGE[1], -2 * LOG_STD_RANGE[0]).exp()
        if self.centre is not None:
            value = value - self.centre(condition_features(condition, features, self.property_count))
        identity = torch.eye(self.latent_size, dtype=features.dtype, device=features.device)
        precision = identity + torch.einsum("bk,kd,ke->bde", weight, self.loadings, self.loadings)
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        mean = (covariance @ ((weight * value) @ self.loadings)[..., None])[..., 0]
        factor = torch.linalg.cholesky(covariance)
        return FullCovarianceGaussian(mean, factor.diagonal(dim1=-2, dim2=-1).log(), factor)


# Hamiltonian variational inference: leapfrog steps on log p(x, z) refine the encoder's sample.
#
# Salimans, Kingma & Welling 2015, algorithm 3. In the coordinates e of the encoder's Gaussian, z = mean + std e, with
# e_0, v_0 ~ N(0, I) and K steps of sizes h that are learned, one for each number of z:
#
#     v <- v + h/2 g(e);   e <- e + h v;   v <- v + h/2 g(e),        g(e) = d/de log p(x, mean + std e)
#
# Leapfrog steps keep volumes, whatever the function g. Each number of g is limited, since steps would diverge before
# the encoder has learned how narrow the posterior is. With the momentum v as an auxiliary variable and a learned r(v_K
# | e_K), here a Gaussian whose mean is linear in e_K and g(e_K),
#
#     log p(x) >= E[ log p(x, z_K) + log r(v_K | e_K) - log N(e_0; 0, I) - log N(v_0; 0, I) + log |std| ]     eq. 13
#
# With steps of size 0 and r = N(0, I) it is the bound of the encoder alone.

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
        with torch.backends.cudnn.flags(enabled=leaf.device.type != "cuda"):  # its GRU has no second derivative
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
