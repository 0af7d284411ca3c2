"""Geometry of a latent space whose prior is standard normal: arcs rather than chords, and the plane that shows most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Latents = Float[np.ndarray, "item latent"]


def arc(
    start: Float[np.ndarray, " latent"], end: Float[np.ndarray, " latent"], steps: int
) -> Float[np.ndarray, "step latent"]:
    """Spherical interpolation (Shoemake 1985) of the direction, linear in the length.

    u(t) = [sin((1 - t) w) u_0 + sin(t w) u_1] / sin(w), w the angle between the directions; z(t) = |z|(t) u(t)
    A chord would pass through the middle, where a normal prior in many dimensions has next to no mass.
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    t = np.linspace(0, 1, steps)[:, None]
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) < 1e-12:
        return ((1 - t) * start + t * end).astype(np.float32)
    first, last = start / lengths[0], end / lengths[1]
    angle = np.arccos(np.clip(first @ last, -1, 1))
    if np.sin(angle) < 1e-6:  # the same or opposite directions have no one arc between them
        return ((1 - t) * start + t * end).astype(np.float32)
    direction = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    return (((1 - t) * lengths[0] + t * lengths[1]) * direction).astype(np.float32)


@dataclass(frozen=True)
class Plane:
    """A centre and two orthonormal axes; `shares` of the variance lie along them."""

    centre: Float[np.ndarray, " latent"]
    axes: Float[np.ndarray, "2 latent"]
    shares: tuple[float, float]

    def project(self, latents: Latents) -> Float[np.ndarray, "item 2"]:
        return (np.asarray(latents, np.float64) - self.centre) @ self.axes.T


def principal_plane(latents: Latents) -> Plane:
    """The first two principal axes; each points where its largest entry is positive, so that maps don't flip."""
    latents = np.asarray(latents, np.float64)
    centre = latents.mean(0)
    _, scales, axes = np.linalg.svd(latents - centre, full_matrices=False)
    axes, scales = _at_least_two(axes), np.append(scales, [0.0, 0.0])
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(1)])
    total = float((scales**2).sum()) or 1.0
    return Plane(centre, axes * np.where(signs == 0, 1, signs)[:, None], tuple((scales[:2] ** 2 / total).tolist()))


def _at_least_two(axes: np.ndarray) -> np.ndarray:
    """Two rows even where the latents span fewer dimensions."""
    return np.pad(axes, ((0, max(0, 2 - len(axes))), (0, 0)))[:2]
