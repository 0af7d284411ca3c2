"""p(z | c): standard normal, conditional Gaussian, mixtures, and a ladder of latents; a learned flow is in `flows`.

All share one signature: `log_prob(z, c)` and `forward(noise, c)`, which maps standard normal noise to latents of the
prior. c is [batch property] with NaN where a value is missing, or None. Where the prior is a diagonal Gaussian,
`gaussian(like, c)` gives it, so that a KL divergence can be exact; else it returns None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.vae.likelihoods import Likelihood
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, repeats, standard_normal_log_prob

Latent = Float[Tensor, "batch latent"]
Condition = Float[Tensor, "batch property"] | None

LATENT_PRIORS = ("flow", "diffusion")
"""p(z | c) that is fitted to the latents of a trained model: a normalizing flow (`flows.FlowPrior`), or a diffusion
(Vahdat et al. 2021; Rombach et al. 2022), which is passed to the model as its `prior`."""

LARGEST_LOG_STD = 4.0
"""Greatest magnitude of the logarithms of a prior's standard deviations."""


@runtime_checkable
class Prior(Protocol):
    """The density p(z | c), a map from normal noise to latents, and the prior as a Gaussian, if it is one."""

    latent_size: int

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]: ...

    def forward(self, noise: Latent, condition: Condition = None) -> Latent: ...

    def gaussian(self, like: Latent, condition: Condition = None) -> DiagonalGaussian | None: ...


class StandardNormalPrior(nn.Module):
    """N(0, I), independent of the condition. Kingma & Welling 2014."""

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        check_latents(latent, self.latent_size)
        return standard_normal_log_prob(latent)

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        check_latents(noise, self.latent_size)
        return noise

    def gaussian(self, like: Latent, condition: Condition = None) -> DiagonalGaussian:
        return DiagonalGaussian(torch.zeros_like(like), torch.zeros_like(like))


class ConditionalGaussianPrior(nn.Module):
    """N(mean(c), diag std(c)^2); starts as N(0, I). Sohn et al. 2015, eq. 4; Khemakhem et al. 2020, eq. 6 to 8.

    A missing value has its own embedding (see `condition_features`), so p(z) without a condition is learned as well.
    centred: whether the mean is 0, so that the condition sets the scales alone, as in the experiments of Khemakhem et
    al. With free means, a decoder that isn't one to one may give each condition latents of its own.
    """

    def __init__(
        self, latent_size: int, property_count: int, width: int = 64, depth: int = 2, centred: bool = False
    ) -> None:
        super().__init__()
        self.latent_size, self.property_count, self.centred = latent_size, property_count, centred
        self.network = MLP(2 * property_count, 2 * latent_size, width, depth, zero_output=True)

    def gaussian(self, like: Latent, condition: Condition = None) -> DiagonalGaussian:
        check_latents(like, self.latent_size)
        mean, raw = self.network(condition_features(condition, like, self.property_count)).chunk(2, -1)
        return DiagonalGaussian(torch.zeros_like(mean) if self.centred else mean, 4 * torch.tanh(raw / 4))

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        return self.gaussian(latent, condition).log_prob(latent)

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        return self.gaussian(noise, condition).reparameterized(noise)[0]


class MixturePrior(nn.Module):
    """p(z | c) = sum_k w_k(c) N(z; m_k, diag(s_k)^2), whose Gaussians are learned; they start as N(m_k, I) about 0.

    Without properties the weights are equal. generator: of the first means.
    """

    def __init__(
        self,
        latent_size: int,
        count: int,
        property_count: int = 0,
        width: int = 64,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.latent_size, self.property_count, self.count = latent_size, property_count, count
        self.means = nn.Parameter(torch.randn(count, latent_size, generator=generator))
        self.log_stds = nn.Parameter(torch.zeros(count, latent_size))
        self.weights = MLP(2 * property_count, count, width, 2, zero_output=True) if property_count else None

    def gaussian(self, like: Latent, condition: Condition = None) -> None:
        return None

    def components(self) -> DiagonalGaussian:
        """The Gaussians, [component latent]."""
        return DiagonalGaussian(self.means, LARGEST_LOG_STD * torch.tanh(self.log_stds / LARGEST_LOG_STD))

    def log_weights(self, like: Latent, condition: Condition = None) -> Float[Tensor, "batch component"]:
        if self.weights is None:
            logits = like.new_zeros(like.shape[0], self.count)
        else:
            logits = self.weights(condition_features(condition, like, self.property_count))
        return torch.log_softmax(logits, -1)

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        check_latents(latent, self.latent_size)
        components = self.components()
        scaled = (latent[:, None] - components.mean) * (-components.log_std).exp()
        each = standard_normal_log_prob(scaled) - components.log_std.sum(-1)
        return torch.logsumexp(each + self.log_weights(latent, condition), -1)

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        """The first number's quantile chooses the component; its position within that interval is used as new noise."""
        check_latents(noise, self.latent_size)
        weights = self.log_weights(noise, condition).double().exp()
        upper = weights.cumsum(-1)
        quantile = torch.special.ndtr(noise[:, :1].double())
        chosen = (quantile >= upper[:, :-1]).sum(-1, keepdim=True)
        weight = weights.gather(-1, chosen)
        within = ((quantile - upper.gather(-1, chosen) + weight) / weight).clamp(1e-9, 1 - 1e-9)
        noise = torch.cat([torch.special.ndtri(within).to(noise), noise[:, 1:]], -1)
        components, index = self.components(), chosen[:, 0]
        return components.mean[index] + components.log_std[index].exp() * noise


class VampPrior(MixturePrior):
    """p(z | c) = sum_k w_k(c) q(z | u_k), u_k learned pseudo-inputs. Tomczak & Welling 2018, eq. 9.

    posterior_of: pseudo-inputs to a DiagonalGaussian; the model's own encoder and posterior network. It isn't
    registered here (its weights belong to the model), but a deep copy of model and prior together keeps the link
    if it is a module or a bound method of one. Without properties the weights are equal, as in the paper.
    pseudo_inputs: initial values [component ...]: items as tensors, or, if items are discrete, an encoder's embeddings
    of them.
    """

    def __init__(
        self,
        latent_size: int,
        posterior_of: Callable[[Tensor], DiagonalGaussian],
        pseudo_inputs: Tensor,
        property_count: int = 0,
        width: int = 64,
    ) -> None:
        nn.Module.__init__(self)
        self.latent_size, self.property_count, self.count = latent_size, property_count, len(pseudo_inputs)
        self._posterior_of = (posterior_of,)
        self.pseudo_inputs = nn.Parameter(pseudo_inputs.clone())
        self.weights = MLP(2 * property_count, self.count, width, 2, zero_output=True) if property_count else None

    def components(self) -> DiagonalGaussian:
        """q(z | u_k) for every k, [component latent]."""
        return self._posterior_of[0](self.pseudo_inputs)


# A ladder of latents: the prior goes from the top level down, the posterior merges it with the encoder's evidence.
#
# Sønderby et al. 2016. With levels z_L (top) to z_1, z = (z_1, ..., z_L) in the columns of one latent:
#
#     p(z) = N(z_L; 0, I) prod_l N(z_l; m_l(z_l+1), s_l(z_l+1)^2)                                     eq. 1 to 3
#     q(z_l | z_l+1, x): precisions add, 1 / v = 1 / v^_l + 1 / s_l^2, and the mean is
#         v (m^_l / v^_l + m_l / s_l^2), where m^_l, v^_l are the encoder's                           eq. 16 to 19
#
# With one level it is the plain Gaussian posterior and prior.


def merged(first: DiagonalGaussian, second: DiagonalGaussian) -> DiagonalGaussian:
    """The normalized product of two densities: precisions add, means are weighted by them."""
    log_variance = -torch.logaddexp(-2 * first.log_std, -2 * second.log_std)
    shares = [(log_variance - 2 * one.log_std).exp() * one.mean for one in (first, second)]
    return DiagonalGaussian(shares[0] + shares[1], 0.5 * log_variance)


class LadderPrior(nn.Module):
    """p(z) of levels, from the top down. sizes: of the levels, from the lowest, next to the data, to the top."""

    def __init__(self, sizes: Sequence[int], width: int = 64, depth: int = 1) -> None:
        super().__init__()
        if not sizes or min(sizes) < 1:
            raise ConfigError(f"Expected one or more levels of size 1 or more, got {list(sizes)}.")
        self.sizes, self.latent_size = list(sizes), sum(sizes)
        self.below = nn.ModuleList(
            [MLP(above, 2 * size, width, depth, zero_output=True) for size, above in pairwise(sizes)]
        )

    def level(self, number: int, above: Float[Tensor, "batch above"]) -> DiagonalGaussian:
        """p(z_l | z_l+1) of a level below the top; they start as N(0, I)."""
        mean, raw = self.below[number](above).chunk(2, -1)
        return DiagonalGaussian(mean, LARGEST_LOG_STD * torch.tanh(raw / LARGEST_LOG_STD))

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        check_latents(latent, self.latent_size)
        levels = latent.split(self.sizes, 1)
        below = [self.level(at, above).log_prob(z) for at, (z, above) in enumerate(pairwise(levels))]
        return standard_normal_log_prob(levels[-1]) + sum(below, latent.new_zeros(len(latent)))

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        check_latents(noise, self.latent_size)
        *below, top = noise.split(self.sizes, 1)
        levels = [top]
        for at in reversed(range(len(below))):
            levels.insert(0, self.level(at, levels[0]).reparameterized(below[at])[0])
        return torch.cat(levels, 1)

    def gaussian(self, like: Latent, condition: Condition = None) -> DiagonalGaussian | None:
        """N(0, I) of a single level."""
        return DiagonalGaussian(torch.zeros_like(like), torch.zeros_like(like)) if len(self.sizes) == 1 else None


@dataclass(frozen=True)
class LadderDistribution:
    """q(z | x). evidence: the encoder's Gaussian of each level. Several samples of an item are in consecutive rows."""

    evidence: Sequence[DiagonalGaussian]
    prior: LadderPrior

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The mean of each level, given that of the level above."""
        size = sum(one.mean.shape[1] for one in self.evidence)
        return self.reparameterized(self.evidence[0].mean.new_zeros(len(self.evidence[0].mean), size))[0]

    def level(self, number: int, above: Tensor, count: int) -> DiagonalGaussian:
        """q(z_l | z_l+1, x) of a level below the top."""
        return merged(_repeated(self.evidence[number], count), self.prior.level(number, above))

    def reparameterized(
        self, noise: Float[Tensor, "samples latent"]
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]:
        """The latents of standard normal noise, and log |dz / dnoise|."""
        count = repeats(len(noise), len(self.evidence[0].mean), noise)
        *below, top = noise.split(self.prior.sizes, 1)
        z, log_volume = _repeated(self.evidence[-1], count).reparameterized(top)
        levels = [z]
        for at in reversed(range(len(below))):
            z, spread = self.level(at, levels[0], count).reparameterized(below[at])
            levels.insert(0, z)
            log_volume = log_volume + spread
        return torch.cat(levels, 1), log_volume

    def sample(
        self, generator: Generator, count: int = 1
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]:
        like = self.evidence[0].mean
        noise = standard_normal((len(like) * count, self.prior.latent_size), generator, like)
        latent, log_volume = self.reparameterized(noise)
        return latent, standard_normal_log_prob(noise) - log_volume

    def log_prob(self, latent: Float[Tensor, "samples latent"]) -> Float[Tensor, " samples"]:
        check_latents(latent, self.prior.latent_size)
        count = repeats(len(latent), len(self.evidence[0].mean), latent)
        levels = latent.split(self.prior.sizes, 1)
        below = [self.level(at, above, count).log_prob(z) for at, (z, above) in enumerate(pairwise(levels))]
        return sum(below, self.evidence[-1].log_prob(levels[-1]))


class LadderPosterior(nn.Module):
    """An encoder's features to q(z | x, c): each level's evidence by a network on the features of the level below."""

    def __init__(self, feature_size: int, prior: LadderPrior, property_count: int = 0, width: int = 128) -> None:
        super().__init__()
        self.latent_size, self.property_count = prior.latent_size, property_count
        self._prior = (prior,)  # its weights belong to the model
        inputs = [feature_size, *[width] * (len(prior.sizes) - 1)]
        self.heads = nn.ModuleList(
            [
                GaussianPosterior(size, one, property_count, width, 1)
                for size, one in zip(inputs, prior.sizes, strict=True)
            ]
        )
        self.upward = nn.ModuleList([MLP(size, width, width, 1) for size in inputs[:-1]])

    def forward(
        self, features: Float[Tensor, "batch feature"], condition: Condition = None
    ) -> LadderDistribution | DiagonalGaussian:
        evidence = [self.heads[0](features, condition)]
        for head, upward in zip(list(self.heads)[1:], self.upward, strict=True):
            features = functional.silu(upward(features))
            evidence.append(head(features, condition))
        return LadderDistribution(evidence, self._prior[0]) if len(evidence) > 1 else evidence[0]


class LowestLevel(nn.Module):
    """A decoder that reads the lowest level of the latent, its first `size` columns."""

    def __init__(self, decoder: nn.Module, size: int) -> None:
        super().__init__()
        self.decoder, self.size = decoder, size

    def forward(self, latent: Latent, condition: Condition = None, batch: Batch | None = None) -> Likelihood:
        return self.decoder(latent[:, : self.size], condition, batch)


def _repeated(one: DiagonalGaussian, count: int) -> DiagonalGaussian:
    return DiagonalGaussian(one.mean.repeat_interleave(count, 0), one.log_std.repeat_interleave(count, 0))
