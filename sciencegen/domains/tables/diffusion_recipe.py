"""The recipe `array-diffusion` of tables: a diffusion of rows as vectors (`coding`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.diffusion.vectors import CodedDiffusion, VectorDiffusionSettings, vector_diffusion
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD
from sciencegen.domains.recipes import ModelOracles, Remember
from sciencegen.domains.tables.coding import (
    CODES,
    NETWORKS,
    NetworkName,
    TableCoding,
    grids_of,
    network_of,
)
from sciencegen.domains.tables.column_choice import BlockSettings, columns_and_blocks
from sciencegen.domains.tables.recipe_parts import in_bits, oracles_of, table_recipe
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.unet import UNetSettings
from sciencegen.networks.uvit import UViTSettings
from sciencegen.scoring.oracles import Oracle

TOGETHER = 32
"""Rows of one integration of the density: it takes 0.3 s of a core for one row, and 0.6 s for 32."""


@dataclass(frozen=True)
class TableDiffusionSettings(VectorDiffusionSettings):
    """`VectorDiffusionSettings`, the kind of network, and how rows become vectors.

    Attributes
    ----------
    network : str
        "mlp", of sizes `width` and `depth`; "unet", for one column of images, or "uvit", for columns of images and
        series. Both read the other columns too (`diffusion_networks`).
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


def build(representation: TableRepresentation, settings: TableDiffusionSettings) -> CodedDiffusion:
    """A diffusion of the rows' codes."""
    chosen = BlockSettings(settings.likelihoods, settings.series, settings.images)
    columns, blocks = columns_and_blocks(representation.columns, representation.arrays, chosen)
    coding = TableCoding(columns)
    conditions = len(representation.properties)
    grids = grids_of(blocks, coding.places)
    network = network_of(settings.network, grids, coding.size, conditions, settings.unet, settings.uvit)
    diffusion = vector_diffusion(CODES, coding.size, conditions, settings, masked=True, network=network)
    return CodedDiffusion(coding, diffusion, settings.hidden, settings.score_samples, exact=network is None)


def check(
    model: CodedDiffusion, representation: TableRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """As `recipe_parts.check_vae`."""
    batch = representation.batch(arrays).to(next(model.parameters()).device)
    return in_bits(model.bound(batch), batch)


def oracles(model: CodedDiffusion, representation: TableRepresentation, remember: Remember) -> Mapping[str, Oracle]:
    """`log_likelihood`, and each number and indicator of the columns, for goals."""
    return oracles_of(model, representation, model.bound, TOGETHER)


ARRAY_DIFFUSION = table_recipe(
    name="array-diffusion",
    build=build,
    settings=TableDiffusionSettings,
    description="Diffusion of the rows of a table, with likelihoods; missing cells are hidden from the network.",
    check=check,
    oracles=ModelOracles(make=oracles, names=(LOG_LIKELIHOOD,), on_request=(LOG_LIKELIHOOD,)),
)
