"""Moves in a latent space whose prior is N(0, I). Each preserves it for independent parents, so that children resemble
draws of the model. Parents of a search are alike; `spherical_mix` of such makes latents longer than those of draws."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

Latents = Float[np.ndarray, "item latent"]


def crank_nicolson_step(
    latents: Latents,
    step: float | Float[np.ndarray, "item 1"],
    moving: Bool[np.ndarray, " latent"],
    generator: np.random.Generator,
) -> Latents:
    """Step z' = sqrt(1 - s^2) z + s eps on `moving` coordinates: preconditioned Crank-Nicolson (Cotter et al. 2013).

    Leaves N(0, I) invariant for every step 0 <= s <= 1; s = 1 is a fresh draw.
    """
    noise = generator.standard_normal(latents.shape, np.float32)
    moved = np.sqrt(1 - np.square(step)) * latents + step * noise
    return np.where(moving, moved, latents).astype(np.float32)


def exchange_coordinates(
    latents: Latents, others: Latents, moving: Bool[np.ndarray, " latent"], generator: np.random.Generator
) -> Latents:
    """Each moving coordinate comes from one of the two parents; the share of `others` is drawn per child."""
    share = generator.uniform(0.1, 0.6, (len(latents), 1))
    taken = (generator.random(latents.shape) < share) & moving
    return np.where(taken, others, latents).astype(np.float32)


def exchange_segment(
    latents: Latents, others: Latents, moving: Bool[np.ndarray, " latent"], generator: np.random.Generator
) -> Latents:
    """One run of neighbouring coordinates from the other parent (two-point crossover): for latents with positions."""
    return np.where(_segments(latents.shape, generator) & moving, others, latents).astype(np.float32)


def resample_segment(latents: Latents, moving: Bool[np.ndarray, " latent"], generator: np.random.Generator) -> Latents:
    """One run of neighbouring coordinates drawn afresh from the prior."""
    return exchange_segment(latents, generator.standard_normal(latents.shape, np.float32), moving, generator)


def spherical_mix(
    latents: Latents,
    others: Latents,
    fraction: float | Float[np.ndarray, "item 1"],
    moving: Bool[np.ndarray, " latent"],
) -> Latents:
    """Mix cos(a) z + sin(a) z_other, a = fraction * pi / 2; two independent prior draws give a prior draw."""
    angle = np.asarray(fraction) * np.pi / 2
    return np.where(moving, np.cos(angle) * latents + np.sin(angle) * others, latents).astype(np.float32)


def _segments(shape: tuple[int, int], generator: np.random.Generator) -> Bool[np.ndarray, "item latent"]:
    """For each row one run of coordinates, cyclic, of length 1 to half the row."""
    count, size = shape
    first = generator.integers(0, size, (count, 1))
    length = generator.integers(1, max(size // 2, 1) + 1, (count, 1))
    return (np.arange(size)[None] - first) % size < length
