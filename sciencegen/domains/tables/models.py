"""Recipes of tables: rows as vectors, the networks that learn them, and their settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Literal, Protocol, TypeVar, get_args, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.diffusion.vectors import CodedDiffusion, VectorDiffusionSettings, vector_diffusion
from sciencegen.domains.arrays import SAME_COLUMNS, diffused_by, with_standardized_labels
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, Density, LogLikelihood, likelihood_oracles
from sciencegen.domains.recipes import ModelOracles, Recipe, Remember
from sciencegen.domains.tables import representation as table_representation
from sciencegen.domains.tables.column_choice import BlockSettings, columns_and_blocks
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Item
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.shared_noise import standard_normal
from sciencegen.networks.unet import UNetSettings, VectorUNetDenoiser
from sciencegen.networks.uvit import Grid, UViTDenoiser, UViTSettings
from sciencegen.optimization.goals import INDICATOR, indicator
from sciencegen.scoring.oracles import ArrayOracle, Oracle
from sciencegen.vae.array_columns import COUNTS, VALUES, ArrayBlock, Group, LikelihoodColumn, groups_of, in_order
from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings
from sciencegen.vae.posteriors import standard_normal_log_prob
from sciencegen.vae.series_vae import SeriesVAE, SeriesVAESettings

# What the recipes of tables share: representation, training, oracles and figures.

INFERRED = "inferred_"
"""Before the name of a condition: the likeliest value given the other cells."""


def check_score_samples(count: int) -> None:
    """Raise an error for no latents to bound a likelihood by."""
    if count < 1:
        raise ConfigError(f"Expected score_samples of 1 or more, got {count}.")


def in_bits(nats: Float[Tensor, " row"], batch: Batch) -> Mapping[str, float]:
    """The mean of log p of rows, and -log2 p for each row and for each known number or category."""
    known = batch[VALUES].numel() if batch.mask is None else int(batch.mask.sum())
    found, bits = float(nats.mean()), -float(nats.mean()) / math.log(2)
    return {"log_likelihood": found, "bits_per_item": bits, "bits_per_value": bits * len(nats) / known}


@runtime_checkable
class ScoredRows(Protocol):
    """Settings with the number of latents for each row by which its likelihood is bounded."""

    @property
    def score_samples(self) -> int: ...


def log_likelihood(model: ArrayVAE, batch: Batch) -> Float[Tensor, " row"]:
    """The bound of log p of each row in nats. model: with settings that are `Scored`."""
    assert isinstance(model.settings, ScoredRows)  # the recipe's `build` has made it
    return model.bound(batch, model.settings.score_samples)


def vae_figures(
    model: ArrayVAE, representation: TableRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Bound of log p of a row, with densities in the units of the columns, in nats, and of -log2 p of a row and of a
    value, in bits."""
    device = next(model.parameters()).device
    batch = representation.batch(arrays).to(device)
    return in_bits(log_likelihood(model, batch), batch)


def vae_oracles(model: ArrayVAE, representation: TableRepresentation, remember: Remember) -> Mapping[str, Oracle]:
    """`log_likelihood`, each number and indicator of the columns, for goals, and inferred conditions."""
    inferred = {}
    if model.settings.semi_supervised:
        device, names = next(model.parameters()).device, representation.properties
        count = 1 if model.settings.label_values else len(classes_of(representation)) or len(names)
        for at, name in enumerate(names[:count]):
            called, infer = f"{INFERRED}{name}", partial(_inferred, model, representation, at)
            inferred[called] = LogLikelihood(representation, infer, device, name=called, unit="")
    return {**oracles_of(model, representation, partial(log_likelihood, model)), **inferred}


def _inferred(model: ArrayVAE, representation: TableRepresentation, at: int, batch: Batch) -> Float[Tensor, " row"]:
    """The likeliest value of a condition, in its unit."""
    labels = representation.standardization
    return model.infer_condition(batch)[:, at] * float(labels.std[at]) + float(labels.mean[at])


Settings = TypeVar("Settings", bound=ArrayVAESettings)


def with_conditions(
    representation: TableRepresentation, settings: Settings, columns: list[LikelihoodColumn]
) -> tuple[Settings, list[LikelihoodColumn]]:
    """The settings with the values of a class standardized as the condition is, and the columns, of which the encoder
    doesn't read conditions with `semi_supervised`, and the latent need not hold those that the decoder doesn't read."""
    given = of_conditions(representation, len(columns))
    normalized = settings.count_inputs == "normalized"
    columns = [replace(one, noise=settings.noise, normalized=normalized and bool(one.multinomial)) for one in columns]
    if settings.semi_supervised:
        columns = [replace(one, read=not condition) for one, condition in zip(columns, given, strict=True)]
    if not settings.decoder_condition:
        if not any(given):
            raise ConfigError("Expected a condition where decoder_condition is false, got none. Name one.")
        columns = [replace(one, detached=condition) for one, condition in zip(columns, given, strict=True)]
    if representation.properties:
        labels = representation.standardization
        settings = with_standardized_labels(settings, float(labels.mean[0]), float(labels.std[0]))
    return settings, columns


def of_conditions(representation: TableRepresentation, count: int) -> list[bool]:
    """Whether each of `count` columns is a condition, or a category whose indicators are."""
    names = {column.name for column in representation.columns}
    conditions = {name if name in names else name.rpartition(INDICATOR)[0] for name in representation.properties}
    plain = [column.name in conditions for column in representation.columns]
    return plain + [False] * (count - len(plain))


def classes_of(representation: TableRepresentation) -> list[list[float]]:
    """The standardized one-hot codes of a category whose indicators are the first conditions; [] for other ones."""
    for column in representation.columns:
        count = len(column.categories)
        names = [indicator(column.name, str(one)) for one in column.categories]
        if not column.numeric and representation.properties[:count] == tuple(names):
            labels = representation.standardization
            codes = (np.eye(count) - np.asarray(labels.mean)[:count]) / np.asarray(labels.std)[:count]
            return codes.tolist()
    return []


def oracles_of(
    model: nn.Module, representation: TableRepresentation, density: Density, together: int = 1
) -> Mapping[str, Oracle]:
    """`log_likelihood` by a density (`likelihood_oracles`), and each number and indicator of the columns, for goals."""
    columns = {name: ArrayOracle(name, partial(_measure_one, name)) for name in representation.measures.names}
    return {**columns, **likelihood_oracles(model, representation, density, together)}


def _measure_one(name: str, items: Sequence[Item]) -> np.ndarray:
    return table_representation.measure(items, [name])[:, 0]


table_recipe = partial(
    Recipe,
    fit=table_representation.fit,
    load_representation=table_representation.load,
    conditions=None,
    training={"steps": 3000, "learning_rate": 2e-3, "ema_decay": 0.995},
    one_thread=True,
    adaptation=SAME_COLUMNS,
)
"""A recipe of rows: `Recipe` with what all of these have."""

vae_recipe = partial(table_recipe, check=vae_figures, oracles=ModelOracles(make=vae_oracles, names=(LOG_LIKELIHOOD,)))
"""A recipe of an `ArrayVAE` whose settings are `Scored`."""


# Rows as vectors of real numbers, for a diffusion: `sciencegen.diffusion.vectors.Coding`.
#
# A number is its standardized value, or that of its logarithm where it has one; a whole number gets uniform noise of
# one unit first. A class is one of K corners, 2 e_k - 2/K, of two classes -1 and 1, with normal noise of `NOISE`.

CODES = "codes"
"""The field of the vectors."""
NOISE = 0.2
"""Standard deviation of the noise of classes, whose corners differ by 2: one draw in 1e7 is nearer to another."""
WHOLE = (*COUNTS, "discretized_logistic")


@dataclass(frozen=True)
class TableCoding:
    """Rows of a table as vectors [batch number]: the numbers in their order, then the classes of each column.

    columns: with the likelihoods by which the scale of numbers is chosen (`column_choice`).
    """

    columns: Sequence[LikelihoodColumn]

    @cached_property
    def groups(self) -> list[Group]:
        """The groups of `columns`: numbers first, each column of classes alone."""
        scaled = {"discretized_logistic": "gaussian", "student_t": "gaussian"} | dict.fromkeys(COUNTS, "log_normal")
        return groups_of([replace(one, likelihood=scaled.get(one.likelihood, one.likelihood)) for one in self.columns])

    @cached_property
    def places(self) -> list[int]:
        """The column of each number of a vector."""
        return [at for group in self.groups for at in group.index for _ in range(_width(group))]

    @property
    def size(self) -> int:
        return len(self.places)

    def drawn(self, batch: Batch, generator: Generator) -> tuple[Batch, Float[Tensor, " batch"]]:
        value = batch[VALUES]
        uniform = torch.rand(value.shape, generator=generator, device=generator.device).to(value) - 0.5
        noise = standard_normal((len(value), self.size), generator, value)
        return self._coded(batch, uniform, noise)

    def centre(self, batch: Batch) -> Batch:
        value = batch[VALUES]
        return self._coded(batch, torch.zeros_like(value), value.new_zeros(len(value), self.size))[0]

    def _coded(self, batch: Batch, uniform: Tensor, noise: Tensor) -> tuple[Batch, Tensor]:
        """Codes and -log q of uniform noise in -1/2..1/2 and standard normal noise."""
        value, known = batch[VALUES], self._known(batch)
        whole = value.new_tensor([one.likelihood in WHOLE for one in self.columns])
        value = value + uniform * whole / value.new_tensor([one.std for one in self.columns])
        codes, spreads = [], []
        for group, part in self._parts(noise):
            cells = value[:, list(group.index)]
            if group.classes:
                codes.append(_corners(group, cells) + NOISE * part)
                log_q = standard_normal_log_prob(part[..., None]) - torch.tensor(NOISE).log()
                spreads.append(-log_q)
            else:
                codes.append(group.to_support(cells))
                spreads.append(group.log_volume(cells))
        spread = torch.cat(spreads, 1).masked_fill(~known, 0.0).sum(1)
        return Batch({CODES: torch.cat(codes, 1).masked_fill(~known, 0.0)}, known, batch.condition), spread

    def _known(self, batch: Batch) -> Tensor:
        """The mask of a vector's numbers."""
        value = batch[VALUES]
        mask = torch.ones_like(value, dtype=torch.bool) if batch.mask is None else batch.mask
        return mask[:, self.places]

    def _parts(self, vectors: Tensor) -> Iterator[tuple[Group, Tensor]]:
        widths = [_width(group) * len(group.index) for group in self.groups]
        return zip(self.groups, vectors.split(widths, 1), strict=True)

    def read(self, batch: Batch) -> Batch:
        cells = [group.from_support(_nearest(part) if group.classes else part) for group, part in
                 self._parts(batch[CODES])]  # fmt: skip
        return Batch({VALUES: in_order(self.groups, cells)}, None, batch.condition)


def _width(group: Group) -> int:
    """Numbers of a vector for each column of a group."""
    return group.classes if group.classes > 2 else 1


def _corners(group: Group, cells: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch number"]:
    index = group.to_support(cells)
    if group.classes == 2:
        return 2 * index - 1
    return 2 * functional.one_hot(index[:, 0].long(), group.classes).to(cells) - 2 / group.classes


def _nearest(codes: Float[Tensor, "batch number"]) -> Float[Tensor, "batch 1"]:
    """The class of each code."""
    return ((codes > 0) if codes.shape[1] == 1 else codes.argmax(1, keepdim=True)).to(codes)


# Networks of the diffusion of a table with columns of arrays.

NetworkName = Literal["mlp", "unet", "uvit"]

NETWORKS: tuple[str, ...] = get_args(NetworkName)


def grids_of(blocks: Sequence[ArrayBlock], columns: Sequence[int]) -> list[Grid]:
    """Where the numbers of each block are in a row's vector. columns: the column of each number of the vector."""
    places = {column: place for place, column in enumerate(columns)}
    grids = []
    for block in blocks:
        channels, *sides = block.shape
        height, width = (1, *sides) if block.kind == "series" else sides  # a series has a height of 1
        grids.append(Grid((channels, height, width), tuple(places[column] for column in block.index)))
    return grids


def network_of(
    name: str, grids: Sequence[Grid], size: int, conditions: int, unet: UNetSettings, uvit: UViTSettings
) -> nn.Module | None:
    """The network of this name for vectors of a size; None for "mlp", the default of a diffusion of vectors.

    Raises
    ------
    ConfigError
        If the columns don't fit the network.
    """
    if name == "mlp":
        return None
    if not grids:
        raise ConfigError(f"Expected a column of images for network={name}, got none. Take network=mlp.")
    if name == "uvit":
        return UViTDenoiser(CODES, size, grids, conditions, uvit)
    if len(grids) > 1 or grids[0].shape[1] == 1:
        shapes = ", ".join(str(list(grid.shape)) for grid in grids)
        raise ConfigError(
            f"Expected one column of images for network=unet, got arrays [channel height width] of {shapes}. "
            "Leave others out, or take network=uvit."
        )
    return VectorUNetDenoiser(CODES, size, grids[0], conditions, unet)


# The recipe `array-diffusion` of tables: a diffusion of rows as vectors (`TableCoding`).

TOGETHER = 32
"""Rows of one integration of the density: it takes 0.3 s of a core for one row, and 0.6 s for 32."""


@dataclass(frozen=True)
class TableDiffusionSettings(VectorDiffusionSettings):
    """`VectorDiffusionSettings`, the kind of network, and how rows become vectors.

    Attributes
    ----------
    network : str
        "mlp", of sizes `width` and `depth`; "unet", for one column of images, or "uvit", for columns of images and
        series. Both read the other columns too.
    unet : UNetSettings
        Sizes of the network "unet".
    uvit : UViTSettings
        Sizes of the network "uvit".
    diffusion : DiffusionSettings
        Three of ten rows lose all of their conditions in training: likelihoods and latents are those without any.
    hidden : float
        Share of the rows of which random cells are hidden in training, so that rows with gaps have a likelihood, and
        can be filled.
    likelihoods : mapping of str to str
        As in `TableVAESettings`: a log-normal column, and counts, enter by their logarithms, whole numbers with uniform
        noise of one unit, classes as corners.
    series, images : tuple of str
        As in `TableVAESettings`, for the networks "unet" and "uvit".
    score_samples : int
        Codes for each row by which `log_likelihood` is bounded.
    """

    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(dropout=ConditionDropout(some=0.5, everything=0.3, few=0.5))
    )
    network: NetworkName = "mlp"
    unet: UNetSettings = field(default_factory=lambda: UNetSettings(width=32, multipliers=(1, 2, 2), patch=1))
    uvit: UViTSettings = field(default_factory=UViTSettings)
    hidden: float = 0.3
    likelihoods: Mapping[str, str] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    score_samples: int = 1

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise unknown_name("network", self.network, NETWORKS)
        if not 0 <= self.hidden <= 1 or self.score_samples < 1:
            raise ConfigError(
                "Expected hidden between 0 and 1, and score_samples of 1 or more, got "
                f"{self.hidden} and {self.score_samples}."
            )


def build_diffusion(representation: TableRepresentation, settings: TableDiffusionSettings) -> CodedDiffusion:
    """A diffusion of the rows' codes."""
    chosen = BlockSettings(settings.likelihoods, settings.series, settings.images)
    columns, blocks = columns_and_blocks(representation.columns, representation.arrays, chosen)
    coding = TableCoding(columns)
    conditions = len(representation.properties)
    grids = grids_of(blocks, coding.places)
    network = network_of(settings.network, grids, coding.size, conditions, settings.unet, settings.uvit)
    diffusion = vector_diffusion(CODES, coding.size, conditions, settings, masked=True, network=network)
    return CodedDiffusion(coding, diffusion, settings.hidden, settings.score_samples, exact=network is None)


def diffusion_figures(
    model: CodedDiffusion, representation: TableRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """As `vae_figures`."""
    batch = representation.batch(arrays).to(next(model.parameters()).device)
    return in_bits(model.bound(batch), batch)


def oracles(model: CodedDiffusion, representation: TableRepresentation, remember: Remember) -> Mapping[str, Oracle]:
    """`log_likelihood`, and each number and indicator of the columns, for goals."""
    return oracles_of(model, representation, model.bound, TOGETHER)


ARRAY_DIFFUSION = table_recipe(
    name="array-diffusion",
    build=build_diffusion,
    settings=TableDiffusionSettings,
    description="Diffusion of the rows of a table, with likelihoods; missing cells are hidden from the network.",
    check=diffusion_figures,
    oracles=ModelOracles(make=oracles, names=(LOG_LIKELIHOOD,), on_request=(LOG_LIKELIHOOD,)),
)


# The recipe `sequence-vae` of tables: a series with recurrent dynamics (`vae.series_vae`).


@dataclass(frozen=True)
class TableSequenceSettings(SeriesVAESettings):
    """`SequenceVAESettings`, and the likelihoods.

    Attributes
    ----------
    likelihoods : mapping of str to str
        As in `TableVAESettings`.
    series : tuple of str
        The name of columns `name0`, `name1`, ... that are the times of the series; a column of arrays needs none.
    score_samples : int
        Latents for each row by which `log_likelihood` is bounded.
    """

    likelihoods: Mapping[str, str] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    score_samples: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        check_score_samples(self.score_samples)


def build_series_vae(representation: TableRepresentation, settings: TableSequenceSettings) -> SeriesVAE:
    """A VAE with a recurrent generator of the one series of the table."""
    tables = (array.name for array in representation.arrays if len(array.shape) < 3)
    chosen = BlockSettings(settings.likelihoods, tuple(dict.fromkeys((*tables, *settings.series))))
    columns, blocks = columns_and_blocks(representation.columns, representation.arrays, chosen)
    settings, columns = with_conditions(representation, settings, columns)
    classes = classes_of(representation)
    properties = len(representation.properties)
    return SeriesVAE(len(columns), properties, settings, columns, blocks, classes, diffused_by(settings))


SEQUENCE_VAE = vae_recipe(
    name="sequence-vae",
    build=build_series_vae,
    settings=TableSequenceSettings,
    description="VAE of a series with recurrent dynamics, such as counts of spikes: initial state, factors and rates.",
    training={"steps": 3000, "batch_size": 64, "learning_rate": 4e-3, "ema_decay": 0.995},
)


# The recipes of tables, imported on use: they need torch.


@dataclass(frozen=True)
class TableVAESettings(ArrayVAESettings):
    """`ArrayVAESettings`, and the likelihoods.

    Attributes
    ----------
    likelihoods : mapping of str to str
        Column -> "gaussian", "student_t", "log_normal", "poisson", "negative_binomial", "discretized_logistic",
        "bernoulli" or "categorical", which arrays can't have; other columns get one by what they hold
        (`column_choice.automatic`).
    series : tuple of str
        Columns of arrays that are learned as series [time channel], and names of columns `name0`, `name1`, ... that
        are the times of one.
    images : tuple of str
        Columns of arrays that are learned as images. Others are by their shape (`schema.is_series`).
    multinomial : mapping of str to sequence of str
        Count columns that share a likelihood: the counts of a row are multinomial given their total [1]_, which is
        negative binomial. The name of columns `name0`, `name1`, ... stands for all of them.
    score_samples : int
        Latents for each row by which `log_likelihood` is bounded.

    References
    ----------
    .. [1] Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, eq. 2.
    """

    likelihoods: Mapping[str, str] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    multinomial: Mapping[str, Sequence[str]] = field(default_factory=dict)
    score_samples: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        check_score_samples(self.score_samples)


def build_vae(representation: TableRepresentation, settings: TableVAESettings) -> ArrayVAE:
    """A VAE with a likelihood for each column, and networks for arrays."""
    chosen = BlockSettings(settings.likelihoods, settings.series, settings.images, settings.multinomial)
    columns, blocks = columns_and_blocks(representation.columns, representation.arrays, chosen)
    settings, columns = with_conditions(representation, settings, columns)
    classes = classes_of(representation)
    properties, diffused = len(representation.properties), diffused_by(settings)
    return ArrayVAE(len(columns), properties, settings, columns, blocks, classes=classes, diffused=diffused)


RECIPES = {
    "array-vae": vae_recipe(
        name="array-vae",
        build=build_vae,
        settings=TableVAESettings,
        description="VAE of the rows of a table, with a likelihood for each column; missing cells are marginalized.",
    ),
    ARRAY_DIFFUSION.name: ARRAY_DIFFUSION,
    SEQUENCE_VAE.name: SEQUENCE_VAE,
}
