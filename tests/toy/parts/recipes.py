"""A recipe that a package of somebody else adds to a domain that exists."""

from dataclasses import dataclass

from pointclouds import CODEC

from sciencegen.domains.arrays import array_recipe
from sciencegen.vae.arrays.array_vae import ArrayVAESettings


@dataclass(frozen=True)
class WideSettings(ArrayVAESettings):
    width: int = 128


WIDE = array_recipe(CODEC, "wide", conditions=("radius", "height"), settings=WideSettings)
