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


RIDGES = 10.0 ** np.arange(-3, 4)
"""Penalties of the regression of values on latents, relative to the mean square of the latents' singular values."""


def axes_of_values(latents: Latents, values: Float[np.ndarray, " item"]) -> tuple[PrincipalAxes, float]:
    """The direction along which values grow, and the principal axis of what is perpendicular to it.

    Parameters
    ----------
    latents : array [item latent]
    values : array [item]

    Returns
    -------
    PrincipalAxes
        Its first axis is w / |w| of `_regression`; the plane of largest variance for values that are all equal.
    float
        R^2 of leaving each item out, at the best ridge; 0 or less if the latents don't tell the values.
    """
    latents = np.asarray(latents, np.float64)
    centred = latents - latents.mean(0)
    slope, explained = _regression(centred, np.asarray(values, np.float64))
    if not slope.any():
        return principal_axes(latents), explained
    along = slope / np.linalg.norm(slope)
    rest = principal_axes(centred - np.outer(centred @ along, along), 1)
    axes = np.stack([along, rest.axes[0]])
    parts = centred @ axes.T
    shares = np.square(parts).sum(0) / np.square(centred).sum()
    return PrincipalAxes(latents.mean(0), axes, tuple(shares.tolist()), tuple(parts.std(0, ddof=1).tolist())), explained


def _regression(centred: Latents, values: Float[np.ndarray, " item"]) -> tuple[Float[np.ndarray, " latent"], float]:
    """The slope w of a ridge regression, and its R^2 of items left out, at the ridge where this is largest.

        w = argmin |y - X w|^2 + ridge |w|^2,   R^2 = 1 - sum_i (y_i - f_{-i}(x_i))^2 / sum_i (y_i - mean_{-i}(y))^2

    An item's error without it is its residual / (1 - its leverage). Zero slope and R^2 if values or latents are equal.
    """
    count, y = len(values), values - values.mean()
    left, scales, right = np.linalg.svd(centred, full_matrices=False)
    if not (scales.any() and y.any()):
        return np.zeros(centred.shape[1]), 0.0
    baseline = np.square(y * count / (count - 1)).sum()
    found = []
    for ridge in RIDGES * np.mean(scales**2):
        shrinkage = scales**2 / (scales**2 + ridge)
        leverage = 1 / count + np.square(left) @ shrinkage
        errors = (y - left @ (shrinkage * (left.T @ y))) / (1 - leverage)
        slope = right.T @ (left.T @ y * scales / (scales**2 + ridge))
        found.append((slope, 1 - float(np.square(errors).sum() / baseline)))
    return max(found, key=lambda one: one[1])
