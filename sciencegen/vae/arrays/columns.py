"""Columns of a table for the VAE of arrays: each has a likelihood, and a scale on which it is stated.

The field "values" of a Batch holds u [batch column]: a number x as (x - mean) / std, a class as its index. The mask is
False where a cell is missing. A likelihood is the distribution of y:

    gaussian, student_t              y = u
    log_normal                       y = (log(x + shift) - log_mean) / log_std
    poisson, negative_binomial,
    discretized_logistic,
    multinomial (of a block)         y = x, a whole number
    bernoulli, categorical           y = the index of the class: u, or that of the number x among `levels`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.networks.normal import standard_normal
from sciencegen.vae import column_likelihoods as likelihoods
from sciencegen.vae.column_likelihoods import Cells, ColumnLikelihood
from sciencegen.vae.likelihoods import sum_over_items
from sciencegen.vae.multinomial import Multinomial

PARAMETERS = {
    "gaussian": 2, "student_t": 3, "log_normal": 2, "poisson": 1, "negative_binomial": 2, "discretized_logistic": 2,
    "bernoulli": 1,
}  # fmt: skip
"""Likelihood -> number of the decoder's outputs for a column; a categorical one has an output for each class."""
CLASSES = ("bernoulli", "categorical")
MULTINOMIAL = "multinomial"
"""Of the counts of a block of columns together; two outputs more than columns (`multinomial.Multinomial`)."""
DENSITIES = ("gaussian", "student_t", "log_normal")
COUNTS = ("poisson", "negative_binomial", MULTINOMIAL)
LIKELIHOODS = (*PARAMETERS, "categorical")
"""Of single columns."""
LARGEST_LOG = 20.0
"""Limit of the decoder's logarithms of rates, sizes and degrees of freedom."""
TINY = 1e-12
"""A number of 0 or less counts as this share of the typical one where its logarithm is needed."""


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    likelihood : str
        A name in `LIKELIHOODS`, or "multinomial".
    mean, std : float
        Of the numbers; 0 and 1 for classes.
    log_mean, log_std : float
        Of log(x + shift), where the numbers have one.
    shift : float
        0 for positive numbers, above 0 for others from 0 on; 1 for counts.
    classes : int
        Number of classes; 0 for numbers.
    levels : tuple of float
        The numbers that are classes, in ascending order; () for other classes.
    limits : pair of float, optional
        Of `discretized_logistic`: the least and the greatest number, which have the probability beyond them too.
    multinomial : str
        Name of the multinomial likelihood that columns share.
    read : bool
        Whether the encoder reads it. It must not read a condition that it has to infer.
    detached : bool
        Whether its likelihood has no gradient by the latent, as that of a condition that the decoder doesn't read: the
        latent need not hold it.
    noise : float
        Of `gaussian`: the standard deviation of the likelihood, in those of the column; 0 for one that is learned.
    normalized : bool
        Of `multinomial`: whether the encoder reads the counts divided by the root of the mean of the row's squares,
        not their logarithms.
    """

    likelihood: str
    mean: float = 0.0
    std: float = 1.0
    log_mean: float = 0.0
    log_std: float = 1.0
    shift: float = 0.0
    classes: int = 0
    levels: tuple[float, ...] = ()
    limits: tuple[float, float] | None = None
    multinomial: str = ""
    read: bool = True
    detached: bool = False
    noise: float = 0.0
    normalized: bool = False

    @property
    def features(self) -> int:
        """Number of the encoder's inputs, without the mask."""
        return self.classes or 1


@dataclass(frozen=True)
class Group:
    """Columns with one kind of likelihood (categorical: a single column). index: their places; scale: [5 column] of
    mean, std, log_mean, log_std and shift; classes, levels, limits, noise, normalized: as in
    `Column`, the same for all."""

    likelihood: str
    index: Sequence[int]
    scale: Float[Tensor, "5 column"]
    classes: int = 0
    levels: tuple[float, ...] = ()
    limits: tuple[float, float] | None = None
    noise: float = 0.0
    normalized: bool = False

    @property
    def parameters(self) -> int:
        """Number of the decoder's outputs."""
        if self.likelihood == MULTINOMIAL:
            return len(self.index) + 2
        each = self.classes if self.likelihood == "categorical" else PARAMETERS[self.likelihood]
        return each * len(self.index)

    def to_support(self, value: Cells) -> Cells:
        """U to y."""
        mean, std, log_mean, log_std, _ = self.scale.to(value)
        if self.likelihood == "log_normal":
            return (self._log(value) - log_mean) / log_std
        if self.likelihood in (*COUNTS, "discretized_logistic"):
            return (value.double() * std + mean).round().to(value)
        return self._nearest(value * std + mean) if self.levels else value

    def _log(self, value: Cells) -> Cells:
        """Log(x + shift)."""
        mean, std, log_mean, _, shift = self.scale.to(value)
        return (value * std + mean + shift).clamp(min=TINY * log_mean.exp()).log()

    def _nearest(self, value: Cells) -> Cells:
        """Indices of the nearest levels."""
        levels = torch.tensor(self.levels, device=value.device)
        return (value[..., None] - levels).abs().argmin(-1).to(value)

    def from_support(self, value: Cells) -> Cells:
        """Y to u."""
        mean, std, log_mean, log_std, shift = self.scale.to(value)
        if self.likelihood == "log_normal":
            return ((value * log_std + log_mean).exp() - shift - mean) / std
        if self.likelihood in (*COUNTS, "discretized_logistic"):
            return (value - mean) / std
        return (value.new_tensor(self.levels)[value.long()] - mean) / std if self.levels else value

    def log_volume(self, value: Cells) -> Cells:
        """Log dy/dx of densities, so that they are those of x; 0 for probabilities."""
        _, std, _, log_std, _ = self.scale.to(value)
        if self.likelihood == "log_normal":
            return -self._log(value) - log_std.log()
        return torch.zeros_like(value) - std.log() if self.likelihood in DENSITIES else torch.zeros_like(value)

    def features(self, value: Cells) -> Float[Tensor, "batch feature"]:
        """Inputs of the encoder, of order 1; far values are damped."""
        _, _, log_mean, log_std, _ = self.scale.to(value)
        if self.likelihood == "bernoulli" and len(self.index) > 1:
            return 2 * self.to_support(value) - 1
        if self.classes:
            return functional.one_hot(self.to_support(value)[:, 0].long(), self.classes).to(value)
        if self.normalized:
            return len(self.index) ** 0.5 * functional.normalize(self.to_support(value).clamp(min=0), dim=1)
        if self.likelihood in COUNTS:
            return (self._log(value) - log_mean) / log_std
        return torch.asinh(self.to_support(value) if self.likelihood == "log_normal" else value)

    def distribution(
        self, outputs: Float[Tensor, "batch parameter"], mask: Bool[Tensor, "batch column"] | None = None
    ) -> ColumnLikelihood:
        """The likelihood with the decoder's outputs, of which 0 is a typical one. mask: of all columns of the table."""
        if self.likelihood == MULTINOMIAL:
            return self._multinomial(outputs, None if mask is None else mask[:, list(self.index)])
        if self.classes:
            return (likelihoods.bernoulli if self.likelihood == "bernoulli" else likelihoods.categorical)(outputs)
        first, *others = outputs.chunk(PARAMETERS[self.likelihood], 1)
        mean, std, *_ = self.scale.to(outputs)
        logs = [one.clamp(-LARGEST_LOG, LARGEST_LOG) for one in (first, *others)]
        if self.likelihood == "poisson":
            return likelihoods.poisson(mean.clamp(min=1e-3).log() + logs[0])
        if self.likelihood == "negative_binomial":
            return likelihoods.negative_binomial(mean.clamp(min=1e-3).log() + logs[0], logs[1])
        log_scale = others[0].clamp(likelihoods.LEAST_LOG_SCALE, likelihoods.MOST_LOG_SCALE)
        if self.likelihood == "discretized_logistic":
            return likelihoods.discretized_logistic(mean + std * first, std.log() + log_scale, self.limits)
        if self.likelihood == "student_t":
            return likelihoods.StudentT(first, log_scale, 1.5 + logs[2].clamp(-2.5, 4))
        return likelihoods.Normal(first, torch.full_like(first, math.log(self.noise)) if self.noise else log_scale)

    def _multinomial(self, outputs: Tensor, known: Bool[Tensor, "batch column"] | None) -> Multinomial:
        logits, total = outputs.clamp(-LARGEST_LOG, LARGEST_LOG).split([len(self.index), 2], 1)
        mean = self.scale[0].to(outputs).clamp(min=1e-3)
        return Multinomial(mean.log() + logits, mean.sum().log() + total[:, :1], total[:, 1:], known)


def expected(group: Group, outputs: Float[Tensor, "batch parameter"]) -> Cells:
    """E[x | z] of a group of single numbers, in their units: the rate of counts; of `student_t` the location, and of
    `discretized_logistic` that of the logistic distribution."""
    mean, std, log_mean, log_std, shift = group.scale.to(outputs)
    first, *others = outputs.chunk(PARAMETERS[group.likelihood], 1)
    if group.likelihood == "bernoulli":
        low, high = group.levels or (0.0, 1.0)
        return low + (high - low) * first.sigmoid()
    if group.likelihood in COUNTS:
        return mean.clamp(min=1e-3) * first.clamp(-LARGEST_LOG, LARGEST_LOG).exp()
    if group.likelihood == "log_normal":
        variance = (2 * others[0].clamp(likelihoods.LEAST_LOG_SCALE, likelihoods.MOST_LOG_SCALE)).exp()
        return (log_mean + log_std * first + 0.5 * log_std.square() * variance).exp() - shift
    return mean + std * first


def groups_of(columns: Sequence[Column], places: Sequence[int] | None = None) -> list[Group]:
    """The columns, or those at `places`, in groups that are computed together."""
    places = range(len(columns)) if places is None else places
    numbers = [name for name in LIKELIHOODS if name not in CLASSES]
    members = [[at for at in places if columns[at].likelihood == name] for name in numbers]
    shared = dict.fromkeys(columns[at].multinomial for at in places if columns[at].likelihood == MULTINOMIAL)
    members += [[at for at in places if columns[at].multinomial == name] for name in shared]
    members += [[at] for at in places if columns[at].classes]
    return [group_of(columns, index) for index in members if index]


def attached_and_detached(
    columns: Sequence[Column], places: Sequence[int] | None = None
) -> tuple[list[Group], list[Group]]:
    """The groups of the columns, or of those at `places`, without and with `detached`."""
    places = range(len(columns)) if places is None else places
    parts = ([at for at in places if columns[at].detached is apart] for apart in (False, True))
    attached, detached = (groups_of(columns, part) for part in parts)
    return attached, detached


def group_of(columns: Sequence[Column], index: Sequence[int]) -> Group:
    """One group of the columns at `index`, which have the likelihood, classes and limits of the first of them."""
    one = columns[index[0]]
    return Group(
        one.likelihood, index, _scale(columns, index), one.classes, one.levels, one.limits, one.noise, one.normalized
    )


def _scale(columns: Sequence[Column], index: Sequence[int]) -> Float[Tensor, "5 column"]:
    chosen = (columns[at] for at in index)
    return torch.tensor([(one.mean, one.std, one.log_mean, one.log_std, one.shift) for one in chosen]).T


@dataclass(frozen=True)
class Cellwise:
    """p(x | z) of rows: independent cells, without the missing ones. outputs: of the decoder. Values are u, densities
    those of x."""

    groups: Sequence[Group]
    outputs: Float[Tensor, "batch parameter"]
    mask: Bool[Tensor, "batch column"] | None = None

    @cached_property
    def distributions(self) -> list[ColumnLikelihood]:
        """The likelihood of each group."""
        parts = self.outputs.split([group.parameters for group in self.groups], 1)
        return [group.distribution(part, self.mask) for group, part in zip(self.groups, parts, strict=True)]

    def cells(self, value: Cells) -> Cells:
        """Log p of each cell, also of missing ones; of a multinomial in one of its cells."""
        return self._each(value, lambda group, p, part: p.log_prob(group.to_support(part)) + group.log_volume(part))

    def log_prob(self, value: Cells) -> Float[Tensor, " batch"]:
        return sum_over_items(self.cells(value), self.mask)

    def noise(self, value: Cells) -> Cells:
        """The standard normal scores of values."""
        return self._each(value, lambda group, p, part: p.score(group.to_support(part)))

    def from_noise(self, noise: Cells) -> Cells:
        """The values of standard normal scores."""
        return self._each(noise, lambda group, p, part: group.from_support(p.value(part)))

    @property
    def mode(self) -> Cells:
        """The medians."""
        return self.from_noise(self.outputs.new_zeros(len(self.outputs), _width(self.groups)))

    def sample(self, generator: Generator) -> Cells:
        shape = (len(self.outputs), _width(self.groups))
        return self.from_noise(standard_normal(shape, generator, self.outputs))

    def _each(self, cells: Cells, function: Callable[[Group, ColumnLikelihood, Cells], Cells]) -> Cells:
        pairs = zip(self.groups, self.distributions, strict=True)
        return in_order(self.groups, [function(group, p, cells[:, list(group.index)]) for group, p in pairs])


def in_order(groups: Sequence[Group], parts: Sequence[Float[Tensor, "batch _"]]) -> Cells:
    """The columns of the groups' parts in their own order."""
    order = torch.tensor([at for group in groups for at in group.index])
    return torch.cat(list(parts), 1)[:, order.argsort()]


def _width(groups: Sequence[Group]) -> int:
    return sum(len(group.index) for group in groups)
