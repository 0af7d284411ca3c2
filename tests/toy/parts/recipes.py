"""Recipes that a package of somebody else adds to a domain that exists."""

from dataclasses import dataclass

from pointclouds import CODEC

from sciencegen.diffusion.vectors import VectorDiffusionSettings
from sciencegen.domains.array_diffusion import array_diffusion_recipe
from sciencegen.domains.arrays import array_recipe
from sciencegen.vae.array_vae import ArrayVAESettings


@dataclass(frozen=True)
class WideSettings(ArrayVAESettings):
    width: int = 128


WIDE = array_recipe(CODEC, "wide", conditions=("radius", "height"), settings=WideSettings)


@dataclass(frozen=True)
class SmallSettings(VectorDiffusionSettings):
    width: int = 64
    depth: int = 2


DIFFUSION = array_diffusion_recipe(CODEC, "diffusion", conditions=("radius",), settings=SmallSettings)
