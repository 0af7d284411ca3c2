"""The recipes of the domain, imported on use: they need torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from pointclouds import CODEC

from sciencegen.domains.arrays import array_recipe
from sciencegen.vae.array_vae import ArrayVAESettings
from sciencegen.vae.bounds import Warmup


@dataclass(frozen=True)
class Settings(ArrayVAESettings):
    """Small and quick: nothing is fitted after training."""

    latent: int = 4
    width: int = 64
    beta: Warmup = field(default_factory=Warmup)
    flow_layers: int = 0
    decoder_noise: bool = False


RECIPES = {
    "autoencoder": array_recipe(CODEC, "autoencoder", conditions=("radius",), settings=Settings),
    "array-vae": array_recipe(CODEC, conditions=("radius",)),
}
