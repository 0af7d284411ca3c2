"""Geometry of a latent space whose prior is standard normal: arcs for interpolation, and principal axes."""

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
    A straight line would pass near the origin, where a normal prior in many dimensions has almost no mass.
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    t = np.linspace(0, 1, steps)[:, None]
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) < 1e-12:
        return ((1 - t) * start + t * end).astype(np.float32)
    first, last = start / lengths[0], end / lengths[1]
    angle = np.arccos(np.clip(first @ last, -1, 1))
    if np.sin(angle) < 1e-6:  # the arc between equal or opposite directions is not unique
        return ((1 - t) * start + t * end).astype(np.float32)
    direction = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    return (((1 - t) * lengths[0] + t * lengths[1]) * direction).astype(np.float32)


@dataclass(frozen=True)
class PrincipalAxes:
    """A centre and orthonormal axes, in the order of decreasing variance. shares: of the total variance, along each
    axis. deviations: the items' standard deviations along them."""

    centre: Float[np.ndarray, " latent"]
    axes: Float[np.ndarray, "axis latent"]
    shares: tuple[float, ...]
    deviations: tuple[float, ...]

    def project(self, latents: Latents) -> Float[np.ndarray, "item axis"]:
        return (np.asarray(latents, np.float64) - self.centre) @ self.axes.T

    def along(self, axis: int, steps: Float[np.ndarray, " step"]) -> Float[np.ndarray, "step latent"]:
        """Points on an axis, `steps` standard deviations from the centre."""
        return self.centre + np.outer(np.asarray(steps) * self.deviations[axis], self.axes[axis])


def principal_axes(latents: Latents, count: int = 2) -> PrincipalAxes:
    """The first axes; the largest entry of each is made positive, so that maps don't flip. If the latents span fewer
    dimensions, the other axes are 0."""
    latents = np.asarray(latents, np.float64)
    centre = latents.mean(0)
    _, scales, axes = np.linalg.svd(latents - centre, full_matrices=False)
    total = float((scales**2).sum()) or 1.0
    missing = max(0, count - len(axes))
    axes, scales = np.pad(axes, ((0, missing), (0, 0)))[:count], np.append(scales, np.zeros(missing))[:count]
    signs = np.sign(axes[np.arange(count), np.abs(axes).argmax(1)])
    shares, deviations = scales**2 / total, scales / np.sqrt(max(1, len(latents) - 1))
    return PrincipalAxes(
        centre, axes * np.where(signs == 0, 1, signs)[:, None], tuple(shares.tolist()), tuple(deviations.tolist())
    )
