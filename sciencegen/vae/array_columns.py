"""Columns of a table for the VAE of arrays, each with a likelihood and the scale on which it is stated; their networks.

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
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.networks.conditions import beside_condition
from sciencegen.networks.grids import ImageReader, ImageWriter, SeriesReader, SeriesWriter
from sciencegen.networks.mlp import MLP, LayerSettings
from sciencegen.networks.shared_noise import standard_normal
from sciencegen.vae import likelihoods
from sciencegen.vae.likelihoods import Cells, ColumnLikelihood, Gaussian, Multinomial, sum_over_items
from sciencegen.vae.posteriors import DiagonalGaussian

PARAMETERS = {
    "gaussian": 2, "student_t": 3, "log_normal": 2, "poisson": 1, "negative_binomial": 2, "discretized_logistic": 2,
    "bernoulli": 1,
}  # fmt: skip
"""Likelihood -> number of the decoder's outputs for a column; a categorical one has an output for each class."""
CLASSES = ("bernoulli", "categorical")
MULTINOMIAL = "multinomial"
"""Of the counts of a block of columns together; two outputs more than columns (`likelihoods.Multinomial`)."""
DENSITIES = ("gaussian", "student_t", "log_normal")
COUNTS = ("poisson", "negative_binomial", MULTINOMIAL)
LIKELIHOODS = (*PARAMETERS, "categorical")
"""Of single columns."""
LARGEST_LOG = 20.0
"""Limit of the decoder's logarithms of rates, sizes and degrees of freedom."""
TINY = 1e-12
"""A number of 0 or less counts as this share of the typical one where its logarithm is needed."""


@dataclass(frozen=True)
class LikelihoodColumn:
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


def groups_of(columns: Sequence[LikelihoodColumn], places: Sequence[int] | None = None) -> list[Group]:
    """The columns, or those at `places`, in groups that are computed together."""
    places = range(len(columns)) if places is None else places
    numbers = [name for name in LIKELIHOODS if name not in CLASSES]
    limits = list(dict.fromkeys(columns[at].limits for at in places))
    kinds = [(name, limit) for name in numbers for limit in limits]
    members = [[at for at in places if (columns[at].likelihood, columns[at].limits) == kind] for kind in kinds]
    shared = dict.fromkeys(columns[at].multinomial for at in places if columns[at].likelihood == MULTINOMIAL)
    members += [[at for at in places if columns[at].multinomial == name] for name in shared]
    members += [[at] for at in places if columns[at].classes]
    return [group_of(columns, index) for index in members if index]


def attached_and_detached(
    columns: Sequence[LikelihoodColumn], places: Sequence[int] | None = None
) -> tuple[list[Group], list[Group]]:
    """The groups of the columns, or of those at `places`, without and with `detached`."""
    places = range(len(columns)) if places is None else places
    parts = ([at for at in places if columns[at].detached is apart] for apart in (False, True))
    attached, detached = (groups_of(columns, part) for part in parts)
    return attached, detached


def group_of(columns: Sequence[LikelihoodColumn], index: Sequence[int]) -> Group:
    """One group of the columns at `index`, which have the likelihood, classes and limits of the first of them."""
    one = columns[index[0]]
    return Group(
        one.likelihood, index, _scale(columns, index), one.classes, one.levels, one.limits, one.noise, one.normalized
    )


def _scale(columns: Sequence[LikelihoodColumn], index: Sequence[int]) -> Float[Tensor, "5 column"]:
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


# The networks of the VAE of arrays: numbers in columns, some of which may be missing in an item.

VALUES = "values"
"""The field of a Batch: [batch value] standardized numbers; the mask [batch column] is False if one is missing."""
LEAST_LOG_STD = -6.0
"""Lower limit in the decoder, so that a column that is a function of others has a finite density."""

Condition = Float[Tensor, "batch property"] | None


@runtime_checkable
class EncodesInputs(Protocol):
    """An encoder that gives features of a network's inputs too."""

    inputs: int

    def of_inputs(self, inputs: Tensor) -> Tensor: ...


class ArrayEncoder(nn.Module):
    """Numbers, and a mask of those that are known, to features [batch feature]. direct: whether these include the
    numbers."""

    def __init__(self, size: int, width: int, depth: int, direct: bool = False) -> None:
        super().__init__()
        self.inputs, self.direct, self.features = size, direct, width + size * direct
        self.network = MLP(2 * size, width, width, depth)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        array = batch[VALUES]
        present = torch.ones_like(array) if batch.mask is None else batch.mask.to(array)
        features = functional.silu(self.network(torch.cat([array * present, present], -1)))
        return torch.cat([features, array * present], -1) if self.direct else features

    def of_inputs(self, inputs: Float[Tensor, "batch column"]) -> Float[Tensor, "batch feature"]:
        """Features of whole arrays, such as a VampPrior's pseudo-items."""
        return self(Batch({VALUES: inputs}))


class ArrayDecoder(nn.Module):
    """p(x | z, c) = N(mean(z, c), diag(std)^2), with a learned standard deviation for each column, or `noise`."""

    def __init__(
        self, size: int, latent_size: int, property_count: int, width: int, depth: int, noise: float = 0.0,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.property_count, self.noise = property_count, noise
        self.network = MLP(latent_size + 2 * property_count, size, width, depth, layers=layers)
        self.log_std = nn.Parameter(torch.zeros(size))

    def forward(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, batch: Batch | None = None
    ) -> Gaussian:
        mean = self.network(beside_condition(latent, condition, self.property_count))
        log_std = torch.full_like(self.log_std, math.log(self.noise)) if self.noise else self.log_std
        return Gaussian(mean, log_std.clamp(min=LEAST_LOG_STD), None if batch is None else batch.mask)


class PseudoPosterior(nn.Module):
    """q(z | u) of pseudo-items u [component input], for a VampPrior."""

    def __init__(self, encoder: EncodesInputs, posterior: nn.Module) -> None:
        super().__init__()
        self.encoder, self.posterior = encoder, posterior

    def forward(self, arrays: Float[Tensor, "component input"]) -> DiagonalGaussian:
        return self.posterior(self.encoder.of_inputs(arrays), None)


# Which cells of a table the encoder reads: known ones, and in training those that dropout leaves.

WEIGHTS = "weights"
"""A field of a Batch: [batch column] by which the encoder multiplies cells (`with_dropout`)."""


def present(batch: Batch, columns: Sequence[LikelihoodColumn]) -> Cells:
    """1 for known cells of columns that the encoder reads, else 0."""
    value = batch[VALUES]
    known = torch.ones_like(value) if batch.mask is None else batch.mask.to(value)
    return known * value.new_tensor([column.read for column in columns])


def with_dropout(batch: Batch, columns: Sequence[LikelihoodColumn], rate: float, generator: Generator) -> Batch:
    """The batch with the weights by which the encoder multiplies cells: those of counts of multinomials are 0 with the
    probability `rate`, else 1 / (1 - rate). Liang et al. 2018, section 2.1.3."""
    of_counts = [bool(column.multinomial) for column in columns]
    if rate == 0 or not any(of_counts):
        return batch
    value = batch[VALUES]
    counts = torch.tensor(of_counts, device=value.device)
    drawn = torch.rand(value.shape, generator=generator, device=generator.device).to(value)
    weights = torch.where(counts, (drawn >= rate).to(value) / (1 - rate), torch.ones_like(value))
    return Batch({**batch.fields, WEIGHTS: weights}, batch.mask, batch.condition)


def read_weights(batch: Batch, mask: Cells) -> Cells:
    """By which the encoder multiplies its inputs: the mask, in training with dropout."""
    return mask * batch[WEIGHTS] if WEIGHTS in batch.fields else mask


def with_shared_counts(
    mask: Bool[Tensor, "batch column"], columns: Sequence[LikelihoodColumn]
) -> Bool[Tensor, "batch column"]:
    """The mask, with all columns of a multinomial of which one is known: their scores belong together."""
    mask = mask.clone()
    for name in dict.fromkeys(one.multinomial for one in columns if one.multinomial):
        index = [at for at, one in enumerate(columns) if one.multinomial == name]
        mask[:, index] = mask[:, index].any(1, keepdim=True)
    return mask


# The networks of the VAE of arrays whose columns have likelihoods of their own.


class ColumnEncoder(nn.Module):
    """Cells, and a mask of those that are known, to features [batch feature]. direct: whether these include the
    numbers, standardized: `of_inputs` doesn't know them."""

    def __init__(self, columns: Sequence[LikelihoodColumn], width: int, depth: int, direct: bool = False) -> None:
        super().__init__()
        self.columns, self.groups = columns, groups_of(columns)
        self.inputs = sum(column.features for column in columns) + len(columns)
        self.numbers = [at for at, one in enumerate(columns) if direct and not one.classes]
        self.features = width + len(self.numbers)
        self.network = MLP(self.inputs, width, width, depth)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        value, mask = batch[VALUES], present(batch, self.columns)
        weights = read_weights(batch, mask)
        known = (group.features(value[:, group.index]) * weights[:, group.index] for group in self.groups)
        features = self.of_inputs(torch.cat([*known, mask], 1))
        return torch.cat([features, (value * mask)[:, self.numbers]], 1) if self.numbers else features

    def of_inputs(self, inputs: Float[Tensor, "batch input"]) -> Float[Tensor, "batch feature"]:
        """Features of the network's inputs, such as those of a VampPrior's pseudo-items."""
        return functional.silu(self.network(inputs))


class EvidenceEncoder(nn.Module):
    """Numbers of cells on the scale of their likelihood, 0 where missing, then 1 or 0 for each: no network, for a
    `ProductPosterior`."""

    def __init__(self, columns: Sequence[LikelihoodColumn]) -> None:
        super().__init__()
        self.columns, self.groups = columns, groups_of(columns)
        self.features = 2 * sum(column.features for column in columns)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        value, mask = batch[VALUES], present(batch, self.columns)
        weights, numbers, known = read_weights(batch, mask), [], []
        for group in self.groups:
            index = list(group.index)
            plain = group.likelihood in ("gaussian", "log_normal")
            found = group.to_support(value[:, index]) if plain else group.features(value[:, index])
            numbers.append(found * weights[:, index])
            known.append(mask[:, index].expand_as(found))
        return torch.cat([*numbers, *known], 1)


class ColumnDecoder(nn.Module):
    """p(x | z, c), `Cellwise`."""

    def __init__(
        self, columns: Sequence[LikelihoodColumn], latent_size: int, property_count: int, width: int, depth: int,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        attached, detached = attached_and_detached(columns)
        self.groups, self.property_count = [*attached, *detached], property_count
        known = latent_size + 2 * property_count
        self.network, self.detached = (
            outputs_of(groups, known, width, depth, layers) for groups in (attached, detached)
        )

    def forward(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, batch: Batch | None = None
    ) -> Cellwise:
        known = beside_condition(latent, condition, self.property_count)
        outputs = plain_outputs(known, self.network, self.detached)
        return Cellwise(self.groups, torch.cat(outputs, 1), None if batch is None else batch.mask)


def outputs_of(
    groups: Sequence[Group], inputs: int, width: int, depth: int, layers: LayerSettings | None = None
) -> MLP | None:
    """A network for the likelihoods' parameters; None without groups."""
    outputs = sum(group.parameters for group in groups)
    return MLP(inputs, outputs, width, depth, layers=layers) if groups else None


def plain_outputs(
    known: Float[Tensor, "batch input"], attached: nn.Module | None, detached: nn.Module | None
) -> list[Float[Tensor, "batch _"]]:
    """The parameters of columns by two networks, the second of which gives its inputs no gradient."""
    parts = ((attached, known), (detached, known.detach()))
    return [network(inputs) for network, inputs in parts if network is not None]


# Blocks of columns that are the numbers of a series or an image: one likelihood, and networks of their own.
#
# A block's numbers are columns as others are. The networks differ: recurrent ones over the time of a
# series, convolutions over an image. Given the latent, all numbers are independent.

READERS = {"series": SeriesReader, "image": ImageReader}
WRITERS = {"series": SeriesWriter, "image": ImageWriter}


@dataclass(frozen=True)
class ArrayBlock:
    """A series or an image.

    Parameters
    ----------
    kind : {"series", "image"}
    shape : tuple of int
        Channels and time, or channels, height and width.
    index : tuple of int
        Columns of the numbers, in the order of the flat array of this shape.
    """

    kind: Literal["series", "image"]
    shape: tuple[int, ...]
    index: tuple[int, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        return self.shape[1:]


def _others(columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock]) -> list[int]:
    """The columns outside of blocks."""
    inside = {at for block in blocks for at in block.index}
    return [at for at in range(len(columns)) if at not in inside]


class BlockEncoder(nn.Module):
    """Cells, and a mask of those that are known, to features [batch feature]."""

    def __init__(
        self, columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock], width: int, depth: int
    ) -> None:
        super().__init__()
        self.columns, self.blocks, others = columns, blocks, _others(columns, blocks)
        self.groups = [*groups_of(columns, others), *(group_of(columns, block.index) for block in blocks)]
        self.alone = len(self.groups) - len(blocks)
        plain = sum(columns[at].features for at in others) + len(others)
        self.sizes = [plain, *(2 * math.prod(block.shape) for block in blocks)]
        self.inputs, self.features = sum(self.sizes), width
        self.readers = nn.ModuleList([READERS[b.kind](2 * b.shape[0], b.positions, width) for b in blocks])
        self.network = MLP(plain + width * len(blocks), width, width, depth)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        value, mask = batch[VALUES], present(batch, self.columns)
        weights, places = read_weights(batch, mask), [list(group.index) for group in self.groups]
        masks = [mask[:, index] for index in places]
        known = [group.features(value[:, at]) * weights[:, at] for group, at in zip(self.groups, places, strict=True)]
        plain = [*known[: self.alone], *masks[: self.alone]]
        arrays = [one for pair in zip(known[self.alone :], masks[self.alone :], strict=True) for one in pair]
        return self.of_inputs(torch.cat([*plain, *arrays], 1))

    def of_inputs(self, inputs: Float[Tensor, "batch input"]) -> Float[Tensor, "batch feature"]:
        """Features of the networks' inputs, such as those of a VampPrior's pseudo-items."""
        plain, *arrays = self.split(inputs)
        read = [reader(one) for reader, one in zip(self.readers, arrays, strict=True)]
        return functional.silu(self.network(torch.cat([plain, *read], 1)))

    def split(self, inputs: Float[Tensor, "batch input"]) -> list[Tensor]:
        """The inputs of the plain columns [batch input], and of each block [batch channel ...]."""
        plain, *arrays = inputs.split(self.sizes, 1)
        shapes = [(2 * block.shape[0], *block.positions) for block in self.blocks]
        return [plain, *(one.unflatten(1, shape) for one, shape in zip(arrays, shapes, strict=True))]


WriterOf = Callable[[ArrayBlock, int, int, int], nn.Module]
"""(block, inputs, channels of outputs, width) -> a network from features to outputs at each position."""


def writer_of(block: ArrayBlock, inputs: int, channels: int, width: int) -> nn.Module:
    """The decoder's network of a block."""
    return WRITERS[block.kind](inputs, channels, block.positions, width)


class BlockDecoder(nn.Module):
    """p(x | z, c), `Cellwise`."""

    def __init__(
        self, columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock], latent_size: int, property_count: int,
        width: int, depth: int, writer: WriterOf = writer_of,
    ) -> None:  # fmt: skip
        super().__init__()
        attached, detached = attached_and_detached(columns, _others(columns, blocks))
        arrays = [group_of(columns, block.index) for block in blocks]
        self.groups, self.property_count = [*attached, *detached, *arrays], property_count
        known = latent_size + 2 * property_count
        self.network, self.detached = (outputs_of(groups, known, width, depth) for groups in (attached, detached))
        self.writers = nn.ModuleList([
            writer(block, known, group.parameters // math.prod(block.positions), width)
            for block, group in zip(blocks, arrays, strict=True)
        ])  # fmt: skip

    def forward(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, batch: Batch | None = None
    ) -> Cellwise:
        known = self.known(latent, condition)
        plain = plain_outputs(known, self.network, self.detached)
        outputs = torch.cat([*plain, *(writer(known).flatten(1) for writer in self.writers)], 1)
        return Cellwise(self.groups, outputs, None if batch is None else batch.mask)

    def known(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None
    ) -> Float[Tensor, "batch feature"]:
        """Inputs of the networks."""
        return beside_condition(latent, condition, self.property_count)
