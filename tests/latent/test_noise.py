"""Noise follows the item's number."""

from __future__ import annotations

from sciencegen.config import COMPUTE_CHUNK
from sciencegen.latent.geometry import latent_noise, uniform_targets


def test_noise_differs_by_seed_chunk_and_purpose_and_is_normal():
    first = latent_noise(0, 0, 32)
    assert (latent_noise(0, 0, 32) == first).all()
    assert first.shape == (COMPUTE_CHUNK, 32)
    assert all((other != first).any() for other in (latent_noise(1, 0, 32), latent_noise(0, 1, 32)))
    assert abs(first.mean()) < 0.03
    assert abs(first.std() - 1) < 0.03
    assert 0 <= uniform_targets(0, 0, 2).min() <= uniform_targets(0, 0, 2).max() < 1
