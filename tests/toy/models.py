"""The toy's model and representation, untrained, for tests of what uses a model."""

from __future__ import annotations

import numpy as np
import torch
from pointclouds import DOMAIN

from sciencegen.latent.explorer import LatentSpace

RECIPE = DOMAIN.recipes["autoencoder"]


def untrained(seed: int = 0):
    """A network of the toy's recipe, conditioned on the radius, and its representation."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    clouds = [DOMAIN.items.text(cloud) for cloud in generator.normal(0, 1, (30, 5, 2))]
    representation = RECIPE.fit(clouds, generator.normal(1, 0.5, (30, 1)), ["radius"])
    return RECIPE.build(representation, RECIPE.settings()).eval(), representation


def latent_space(model, representation) -> LatentSpace:
    return LatentSpace(model, representation, parse=DOMAIN.items.parse, text=DOMAIN.items.text)
