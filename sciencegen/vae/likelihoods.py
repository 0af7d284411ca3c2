"""p(x | z, c) as distribution objects, of whole items and of the columns of a table.

Those of items have log_prob(x) [batch], `mode` and `sample(generator)`. log_prob sums over all dimensions but the
first, without the padding, where `mask` [batch position] is False.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import special
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.errors import ShapeError
from sciencegen.networks.shared_noise import LOG_2_PI, standard_normal


@runtime_checkable
class Likelihood(Protocol):
    """What a decoder returns; the bound is the same for every kind of data. mask: False for padding."""

    @property
    def mask(self) -> Tensor | None: ...

    def log_prob(self, value: Tensor) -> Float[Tensor, " batch"]: ...

    @property
    def mode(self) -> Tensor: ...

    def sample(self, generator: Generator) -> Tensor: ...


def sum_over_items(log_prob: Float[Tensor, "batch ..."], mask: Bool[Tensor, "..."] | None) -> Float[Tensor, " batch"]:
    """Sum over all dimensions but the first, without padding."""
    if mask is not None:
        if mask.shape != log_prob.shape[: mask.ndim]:
            raise ShapeError(f"Expected a mask of shape {list(log_prob.shape[: mask.ndim])}, got {list(mask.shape)}.")
        real = mask.reshape(*mask.shape, *[1] * (log_prob.ndim - mask.ndim))
        log_prob = log_prob.masked_fill(~real, 0.0)  # not a product: padding may hold an infinity
    return log_prob.flatten(1).sum(-1) if log_prob.ndim > 1 else log_prob


def _same_shape(value: Tensor, parameter: Tensor) -> None:
    if value.shape != parameter.shape:
        raise ShapeError(f"Expected values of shape {list(parameter.shape)}, as decoded, got {list(value.shape)}.")


def _uniform(like: Tensor, generator: Generator) -> Tensor:
    noise = torch.rand(like.shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)
    return noise.clamp(1e-7, 1 - 1e-7)


@dataclass(frozen=True)
class Categorical:
    """One class at each position, independent given z; logits [batch position... class], values integer."""

    logits: Float[Tensor, "batch ... category"]
    mask: Bool[Tensor, "..."] | None = None

    def log_prob(self, value: Int[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
        _same_shape(value, self.logits[..., 0])
        log_prob = functional.log_softmax(self.logits, -1).gather(-1, value.long()[..., None])[..., 0]
        return sum_over_items(log_prob, self.mask)

    @property
    def mode(self) -> Tensor:
        return self.logits.argmax(-1)

    def sample(self, generator: Generator) -> Tensor:
        gumbel = -(-_uniform(self.logits, generator).log()).log()
        return (self.logits + gumbel).argmax(-1)


@dataclass(frozen=True)
class Gaussian:
    """Real values; log_std broadcasts against mean: a constant, a parameter, or a decoder's output."""

    mean: Float[Tensor, "batch ..."]
    log_std: Float[Tensor, "..."]
    mask: Bool[Tensor, "..."] | None = None

    def log_prob(self, value: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
        _same_shape(value, self.mean)
        scaled = (value - self.mean) * (-self.log_std).exp()
        return sum_over_items(-0.5 * (scaled.square() + LOG_2_PI) - self.log_std, self.mask)

    @property
    def mode(self) -> Tensor:
        return self.mean

    def sample(self, generator: Generator) -> Tensor:
        return self.mean + self.log_std.exp() * standard_normal(self.mean.shape, generator, self.mean)

    def noise(self, value: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """(value - mean) / std."""
        return (value - self.mean) * (-self.log_std).exp()

    def from_noise(self, noise: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Mean + std * noise."""
        return self.mean + self.log_std.exp() * noise


# Likelihoods of the columns of a table: p(x_j | z) of each column, elementwise, [batch column].
#
# Each has `log_prob(value)`, and a map between values and standard normal scores:
#
#     value(score) = F^-1(Phi(score)),  score(value) = Phi^-1(F(value-) + P(value) / 2)
#
# F is the distribution function, F(value-) its limit from below and P(value) the probability of the value, 0 for a
# density. Scores of standard normal noise are draws; `value(score(x))` is x, up to rounding in the far tails.


Cells = Float[Tensor, "batch column"]
FURTHEST = 7.0
"""Scores of values in the far tails are clipped to this magnitude."""
LEAST_LOG_SCALE, MOST_LOG_SCALE = -6.0, 4.0
"""Limits of log scales, so that a column that is a function of others has a finite density."""


@runtime_checkable
class ColumnLikelihood(Protocol):
    """Distributions of independent cells."""

    def log_prob(self, value: Cells) -> Cells: ...

    def value(self, score: Cells) -> Cells: ...

    def score(self, value: Cells) -> Cells: ...


@dataclass(frozen=True)
class Normal:
    """N(mean, exp(log_scale)^2)."""

    mean: Cells
    log_scale: Cells

    def log_prob(self, value: Cells) -> Cells:
        return -0.5 * (self.score(value).square() + LOG_2_PI) - self.log_scale

    def value(self, score: Cells) -> Cells:
        return self.mean + self.log_scale.exp() * score

    def score(self, value: Cells) -> Cells:
        return (value - self.mean) * (-self.log_scale).exp()


@dataclass(frozen=True)
class StudentT:
    """Student's t with location `mean`, scale exp(log_scale) and exp(log_freedom) degrees of freedom."""

    mean: Cells
    log_scale: Cells
    log_freedom: Cells

    def log_prob(self, value: Cells) -> Cells:
        freedom = self.log_freedom.exp()
        scaled = (value - self.mean) * (-self.log_scale).exp()
        half = 0.5 * (freedom + 1)
        constant = torch.lgamma(half) - torch.lgamma(0.5 * freedom) - 0.5 * (math.log(math.pi) + self.log_freedom)
        return constant - self.log_scale - half * torch.log1p(scaled.square() / freedom)

    def value(self, score: Cells) -> Cells:
        freedom, below = _numpy(self.log_freedom.exp()), special.ndtr(-np.abs(_numpy(score)))
        scaled = -np.sign(_numpy(score)) * special.stdtrit(freedom, below)  # by symmetry, so that tails are exact
        return self.mean + self.log_scale.exp() * _like(scaled, score)

    def score(self, value: Cells) -> Cells:
        scaled = _numpy((value - self.mean) * (-self.log_scale).exp())
        below = special.stdtr(_numpy(self.log_freedom.exp()), -np.abs(scaled))
        return _like(np.clip(-np.sign(scaled) * special.ndtri(below), -FURTHEST, FURTHEST), value)


@dataclass(frozen=True)
class Discrete:
    """A distribution of whole numbers by log P(k), F(k) and F^-1.

    log_mass: (value) -> log P(value), differentiable. below: (k) -> F(k) as arrays. quantile: (u) -> the least k with
    F(k) >= u.
    """

    log_mass: Callable[[Cells], Cells]
    below: Callable[[np.ndarray], np.ndarray]
    quantile: Callable[[np.ndarray], np.ndarray]

    def log_prob(self, value: Cells) -> Cells:
        return self.log_mass(value)

    def value(self, score: Cells) -> Cells:
        uniform = special.ndtr(np.clip(_numpy(score), -FURTHEST, FURTHEST))
        return _like(self.quantile(uniform), score)

    def score(self, value: Cells) -> Cells:
        cells = _numpy(value)
        middle = 0.5 * (self.below(cells - 1) + self.below(cells))
        return _like(np.clip(special.ndtri(middle), -FURTHEST, FURTHEST), value)


def poisson(log_rate: Cells) -> Discrete:
    """Poisson of counts; log P(k) = k log r - r - log k!."""

    def log_mass(value: Cells) -> Cells:
        exact, count = log_rate.double(), value.double()
        return (count * exact - exact.exp() - torch.lgamma(count + 1)).to(value.dtype)

    def below(k: np.ndarray) -> np.ndarray:
        return np.where(k < 0, 0.0, special.gammaincc(np.maximum(k, 0) + 1, _numpy(log_rate.exp())))

    return Discrete(log_mass, below, lambda u: _least(special.pdtrik(u, _numpy(log_rate.exp())), below, u))


def negative_binomial(log_mean: Cells, log_size: Cells) -> Discrete:
    """Negative binomial of counts with mean m and variance m + m^2 / r, r = exp(log_size).

    log P(k) = log G(k + r) - log G(r) - log k! + r log(r / (r + m)) + k log(m / (r + m)).
    """

    def log_mass(value: Cells) -> Cells:
        count, log_r, log_m = value.double(), log_size.double(), log_mean.double()
        r, log_sum = log_r.exp(), torch.logaddexp(log_r, log_m)
        ways = torch.lgamma(count + r) - torch.lgamma(r) - torch.lgamma(count + 1)
        return (ways + r * (log_r - log_sum) + count * (log_m - log_sum)).to(value.dtype)

    def below(k: np.ndarray) -> np.ndarray:
        size, share = parameters()
        return np.where(k < 0, 0.0, special.betainc(size, np.maximum(k, 0) + 1, share))

    def parameters() -> tuple[np.ndarray, np.ndarray]:
        """R, and r / (r + m)."""
        return _numpy(log_size.exp()), special.expit(_numpy(log_size - log_mean))

    return Discrete(log_mass, below, lambda u: _least(special.nbdtrik(u, *parameters()), below, u))


def discretized_logistic(mean: Cells, log_scale: Cells, limits: tuple[float, float] | None = None) -> Discrete:
    """Rounded logistic draws: P(k) = s((k + 1/2 - m) / e) - s((k - 1/2 - m) / e), where e is the scale.

    With limits, the least number has the probability of all below it too, and the greatest that of all above it.
    Kingma et al. 2016, appendix.
    """
    least, greatest = limits or (-math.inf, math.inf)

    def log_mass(value: Cells) -> Cells:
        # s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)), whose logarithm is exact for close a and b, and in both tails
        width, middle = (-log_scale.double()).exp(), (value - mean).double()
        upper, lower = (middle + 0.5) * width, (middle - 0.5) * width
        below, above = functional.logsigmoid(upper), functional.logsigmoid(-lower)
        inner = below + above + torch.log(-torch.expm1(-width))
        if limits is None:
            return inner.to(value.dtype)
        return torch.where(value <= least, below, torch.where(value >= greatest, above, inner)).to(value.dtype)

    def share(k: np.ndarray) -> np.ndarray:
        inner = special.expit((k + 0.5 - _numpy(mean)) / _numpy(log_scale.exp()))
        return np.where(k < least, 0.0, np.where(k >= greatest, 1.0, inner)) if limits else inner

    def quantile(u: np.ndarray) -> np.ndarray:
        k = np.ceil(_numpy(mean) + _numpy(log_scale.exp()) * special.logit(u) - 0.5)
        return np.clip(k, least, greatest) if limits else k

    return Discrete(log_mass, share, quantile)


def categorical(logits: Float[Tensor, "batch category"]) -> Discrete:
    """One column of classes 0, 1, ...; values are [batch 1]."""
    log_share = torch.log_softmax(logits, -1)

    def sums() -> np.ndarray:
        below = np.cumsum(_numpy(log_share.exp()), -1)
        return below / below[:, -1:]

    def cumulative(k: np.ndarray) -> np.ndarray:
        place = k.astype(np.int64)
        return np.where(place < 0, 0.0, np.take_along_axis(sums(), np.maximum(place, 0), 1))

    def quantile(u: np.ndarray) -> np.ndarray:
        return (sums()[:, None, :-1] < u[:, :, None]).sum(-1)

    return Discrete(lambda value: log_share.gather(-1, value.long()), cumulative, quantile)


def bernoulli(logit: Cells) -> Discrete:
    """Classes 0 and 1: P(1) = s(logit)."""

    def below(k: np.ndarray) -> np.ndarray:
        return np.where(k < 0, 0.0, np.where(k < 1, special.expit(-_numpy(logit)), 1.0))

    return Discrete(
        lambda value: functional.logsigmoid((2 * value - 1) * logit),
        below,
        lambda u: (u > special.expit(-_numpy(logit))).astype(np.float64),
    )


def _least(guess: np.ndarray, below: Callable[[np.ndarray], np.ndarray], uniform: np.ndarray) -> np.ndarray:
    """The least k of 0, 1, ... with F(k) >= u, from a guess that is wrong by less than 1, or NaN where k is 0."""
    k = np.maximum(np.ceil(np.nan_to_num(guess)), 0.0)
    k = np.where(below(k - 1) >= uniform, k - 1, k)
    return np.where(below(k) < uniform, k + 1, k)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy().astype(np.float64)


def _like(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float64)).to(like)


# The multinomial likelihood of a block of counts, and of its total: p(k | z) of a row.
#
#     k | N ~ Mult(N, pi),   pi = softmax(logits)                                        Liang et al. 2018, eq. 2
#     N ~ NB(m, r), of mean m and variance m + m^2 / r
#
# A negative binomial total keeps this form if only some columns are known: with their share s = sum pi over these,
# their total is NB(s m, r), and their counts given it are Mult(pi / s).


@dataclass(frozen=True)
class Multinomial:
    """Rows of counts. known: False at the columns that are missing, None for none.

    Scores: the first number is that of the total, number j that of count j, binomial given the counts after the first
    up to j - 1; the first count is what remains.
    """

    logits: Cells
    log_mean: Float[Tensor, "batch 1"]
    log_size: Float[Tensor, "batch 1"]
    known: Bool[Tensor, "batch column"] | None = None

    def log_prob(self, value: Cells) -> Cells:
        """Log p of the known counts of a row, in the column of the first known one; 0 elsewhere."""
        known = torch.ones_like(value, dtype=torch.bool) if self.known is None else self.known
        count = value.double().masked_fill(~known, 0.0)
        log_share = self.logits.double().log_softmax(1).masked_fill(~known, -torch.inf)
        log_part = log_share.logsumexp(1, keepdim=True)
        total = count.sum(1, keepdim=True)
        each = (count * (log_share - log_part)).masked_fill(~known, 0.0) - torch.lgamma(count + 1)
        given = torch.lgamma(total + 1) + each.sum(1, keepdim=True)
        whole = negative_binomial(self.log_mean.double() + log_part, self.log_size.double()).log_prob(total) + given
        first = known & (known.cumsum(1) == 1)
        return torch.where(first, whole, torch.zeros_like(count)).to(value.dtype)

    def value(self, score: Cells) -> Cells:
        from scipy.stats import binom  # on use: it takes a tenth of a second

        uniform = special.ndtr(np.clip(score.detach().cpu().numpy().astype(np.float64), -FURTHEST, FURTHEST))
        total = negative_binomial(self.log_mean, self.log_size).value(score[:, :1])
        left = total[:, 0].detach().cpu().numpy().astype(np.float64)
        counts = np.zeros_like(uniform)
        for at, share in enumerate(self._shares().T, 1):
            counts[:, at] = np.clip(binom.ppf(uniform[:, at], left, share), 0, left)
            left = left - counts[:, at]
        counts[:, 0] = left
        return torch.from_numpy(counts).to(score)

    def score(self, value: Cells) -> Cells:
        from scipy.stats import binom

        counts = value.detach().cpu().numpy().astype(np.float64)
        total = value.sum(1, keepdim=True)
        middle, left = np.full_like(counts, 0.5), counts.sum(1)
        for at, share in enumerate(self._shares().T, 1):
            k = counts[:, at]
            middle[:, at] = 0.5 * (binom.cdf(k - 1, left, share) + binom.cdf(k, left, share))
            left = left - k
        found = torch.from_numpy(np.clip(special.ndtri(middle), -FURTHEST, FURTHEST)).to(value)
        return torch.cat([negative_binomial(self.log_mean, self.log_size).score(total), found[:, 1:]], 1)

    def _shares(self) -> Float[np.ndarray, "batch _"]:
        """Of each column after the first: its share among those that are not counted yet."""
        share = self.logits.detach().double().softmax(1).cpu().numpy()
        rest = share[:, :1] + np.cumsum(share[:, :0:-1], 1)[:, ::-1]
        return np.clip(share[:, 1:] / rest, 0.0, 1.0)
