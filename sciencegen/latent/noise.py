"""Noise that depends only on the seed and the item's number, not on how many items are computed together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from sciencegen.config import COMPUTE_CHUNK

LATENT, TARGET, STEP = 0, 1, 2
"""Streams: numbers drawn for different purposes must be independent."""


def chunk_generator(seed: int, stream: int, chunk: int, *further: int) -> np.random.Generator:
    """The generator of one compute chunk: Philox keyed by (seed, stream, chunk) and any further numbers."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, stream, chunk, *further))))


def latent_noise(seed: int, chunk: int, size: int, again: int = 0) -> Float[np.ndarray, "chunk latent"]:
    """Standard normal noise of items chunk * COMPUTE_CHUNK and following. again: number of earlier draws."""
    generator = chunk_generator(seed, LATENT, chunk, *([again] if again else []))
    return generator.standard_normal((COMPUTE_CHUNK, size), dtype=np.float32)


def uniform_targets(seed: int, chunk: int, count: int) -> Float[np.ndarray, "chunk target"]:
    """Numbers in 0..1, from which each item's target within a requested range is computed."""
    return chunk_generator(seed, TARGET, chunk).random((COMPUTE_CHUNK, count))


def latents_near(
    latent: Float[np.ndarray, " latent"], radius: float, count: int, seed: int, attempt: int
) -> Float[np.ndarray, "near latent"]:
    """Steps sqrt(1 - r^2) z + r noise from a latent, which keep a standard normal distribution."""
    noise = chunk_generator(seed, STEP, attempt).standard_normal((count, len(latent)), dtype=np.float32)
    return np.sqrt(1 - radius**2) * latent + radius * noise
