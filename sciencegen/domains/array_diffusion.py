"""A recipe of a diffusion model of items that are arrays of one shape (`arrays`), with an exact likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel
from sciencegen.diffusion.vectors import VectorDiffusionSettings, vector_diffusion
from sciencegen.domains.arrays import ArrayCodec, ArrayRepresentation
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, likelihood_oracles
from sciencegen.domains.recipes import ModelOracles, Recipe, Remember
from sciencegen.items import Item, Refusal
from sciencegen.scoring.oracles import Oracle
from sciencegen.vae.array_columns import VALUES


def array_diffusion_recipe(
    codec: ArrayCodec,
    name: str = "array-diffusion",
    conditions: tuple[str, ...] | None = (),
    settings: type[VectorDiffusionSettings] = VectorDiffusionSettings,
    description: str = "",
) -> Recipe:
    """A recipe of a conditional diffusion of items that are arrays of one shape.

    Parameters
    ----------
    codec : ArrayCodec
        Items with a missing number are refused.
    name : str
    conditions : tuple of str, optional
        Properties that the model is conditioned on by default, in addition to the user's own columns.
    settings : type
        `VectorDiffusionSettings`, or a frozen record that inherits it with other defaults.
    description : str

    Returns
    -------
    Recipe
        Its models score `log_likelihood`: log p of an item's numbers in nats, exact up to the steps of the
        probability-flow ODE (`--set "diffusion={flow_steps: 32}"`).

    Examples
    --------
    >>> from sciencegen.domains.arrays import ArrayCodec, array_items
    >>> items = array_items((2,), decimals=1)
    >>> codec = ArrayCodec(items, array=lambda item: item, item=lambda vector: vector.round(1))
    >>> array_diffusion_recipe(codec).name
    'array-diffusion'
    """

    def without_gaps(item: Item) -> np.ndarray | Refusal:
        array = codec.array(item)
        return Refusal("a number is missing") if not isinstance(array, Refusal) and np.isnan(array).any() else array

    whole = replace(codec, array=without_gaps)
    return Recipe(
        name=name,
        fit=whole.fit,
        load_representation=whole.load,
        build=lambda representation, settings: vector_diffusion(
            VALUES, representation.values.shape[1], len(representation.properties), settings
        ),
        settings=settings,
        conditions=conditions,
        description=description or "Diffusion of arrays, with exact likelihoods.",
        check=held_out_bits,
        one_thread=True,
        oracles=ModelOracles(make=array_oracles, names=(LOG_LIKELIHOOD,), on_request=(LOG_LIKELIHOOD,)),
    )


def held_out_bits(
    model: DiffusionModel, representation: ArrayRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Unconditional bound of -log2 p of the standardized numbers, in bits per number."""
    bound = model.terms(representation.batch(arrays)).nats.mean()
    return {"bits_per_value": float(bound) / (representation.values.shape[1] * math.log(2))}


def array_oracles(
    model: DiffusionModel, representation: ArrayRepresentation, remember: Remember
) -> Mapping[str, Oracle]:
    """Oracles of log p of an item's numbers before standardization: log p(u) - sum log std, u = (x - mean) / std."""
    volume = float(np.log(representation.values[1]).sum())

    def density(batch: Batch) -> Tensor:
        return model.log_prob(batch) - volume

    return likelihood_oracles(model, representation, density)
