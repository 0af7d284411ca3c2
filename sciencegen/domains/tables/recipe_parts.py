"""What the recipes of tables share: representation, training, oracles and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from sciencegen.batch import Batch
from sciencegen.domains.arrays import SAME_COLUMNS, with_standardized_labels
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, Density, LogLikelihood, likelihood_oracles
from sciencegen.domains.recipes import ModelOracles, Recipe, Remember
from sciencegen.domains.tables import representation as table_representation
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.domains.tables.rows import INDICATOR, indicator
from sciencegen.errors import ConfigError
from sciencegen.items import Item
from sciencegen.scoring.oracles import ArrayOracle, Oracle
from sciencegen.vae.array_columns import VALUES, LikelihoodColumn
from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings

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


def check_vae(
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

vae_recipe = partial(table_recipe, check=check_vae, oracles=ModelOracles(make=vae_oracles, names=(LOG_LIKELIHOOD,)))
"""A recipe of an `ArrayVAE` whose settings are `Scored`."""
