"""Geometry of a latent space whose prior is standard normal: arcs for interpolation, and principal axes."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from io import StringIO

import numpy as np
from jaxtyping import Float, Int

from sciencegen.config import COMPUTE_CHUNK
from sciencegen.data.statistics import evenly_spaced
from sciencegen.errors import ConfigError, MissingLibrary
from sciencegen.files import NUMBA_CONFIG
from sciencegen.progress import Report, silent

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


AHEAD, ASIDE, BACK, EMPTY = 20.0, 0.5, 2.0, 100.0
"""Costs of a path: of the squared error of a step's progress, of the squared detour that an item is, of the root of a
change of similarity in the wrong direction, and of a step without an item."""


def even_path(
    similarities: Float[np.ndarray, "item 2"], between: float, burdens: Float[np.ndarray, " item"], steps: int
) -> list[int | None]:
    """The items that make the most even path between two others, by dynamic programming (Bellman 1957).

    With d the distances 1 - similarity of an item to the start and to the end, its progress is d_0 / (d_0 + d_1). The
    progress of step k of n should be k / (n + 1), and grows from step to step, so that no item is there twice.

    Parameters
    ----------
    similarities : array [item 2]
        Of each candidate to the start and to the end.
    between : float
        The similarity of start and end.
    burdens : array [item]
        What speaks against each candidate, 0 or more.
    steps : int
        Number of items between the ends.

    Returns
    -------
    list of int or None
        The candidate of each step; None for a step that has none, since there are too few.

    Examples
    --------
    >>> even_path(np.array([[0.9, 0.3], [0.5, 0.5], [0.4, 0.4], [0.3, 0.9]]), 0.2, np.zeros(4), 3)
    [0, 1, 3]
    >>> even_path(np.array([[0.5, 0.5]]), 0.2, np.zeros(1), 3)
    [None, 0, None]
    """
    distances = 1 - np.asarray(similarities, np.float64).reshape(-1, 2)
    total = distances.sum(1)
    progress = distances[:, 0] / np.maximum(total, 1e-12)
    order = [int(one) for one in np.lexsort((burdens, progress)) if 0 < progress[one] < 1]
    alike = np.concatenate([[[1.0, between]], np.asarray(similarities, np.float64)[order].reshape(-1, 2)])
    progress = np.concatenate([[0.0], progress[order]])
    detours = total[order] / max(1 - between, 1e-12) - 1
    own = np.concatenate([[0.0], np.asarray(burdens)[order] + ASIDE * detours**2])
    grown = np.array([-1, 1]) * alike  # both grow on the way
    back = np.sqrt(np.maximum(grown[:, None] - grown, 0)).sum(-1)
    moves = np.where(progress[:, None] < progress - 1e-9, BACK * back, np.inf)
    costs, chosen = np.where(np.arange(len(own)) == 0, 0.0, np.inf), list[Int[np.ndarray, " item"]]()
    for step in range(1, steps + 1):
        through = costs[:, None] + moves
        before = through.argmin(0)
        with_item = through[before, np.arange(len(own))] + own + AHEAD * (progress - step / (steps + 1)) ** 2
        without = costs + EMPTY
        chosen.append(np.where(with_item <= without, before, -1))
        costs = np.minimum(with_item, without)
    at = int((costs + BACK * np.sqrt(np.maximum(grown - [-between, 1], 0)).sum(-1)).argmin())
    path: list[int | None] = []
    for before in reversed(chosen):
        path.append(None if before[at] < 0 else order[at - 1])
        at = at if before[at] < 0 else int(before[at])
    return path[::-1]


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


# Nonlinear maps of latents onto a plane, and how much of the latents' neighbourhoods a map keeps.

NEIGHBOURS = 15
"""Nearest items whose distances UMAP keeps, and of which the share that a map keeps is stated."""
MEAN_OF = 5
"""Nearest items of which a place or a latent is the weighted mean."""
FITTED_TO = 50_000
"""UMAP is fitted to at most so many items, evenly spaced; it places the others between these."""
ASKED = 500
"""Items whose neighbourhoods are compared."""
BLOCK = 256


@dataclass(frozen=True)
class Embedding:
    """Items in a latent space and on a plane, with what lies between them by weighted means (Shepard 1968).

        f(x) = sum_i w_i f_i / sum_i w_i,   w_i = 1 / |x - x_i|^2   over the `MEAN_OF` nearest items

    Parameters
    ----------
    latents : array [item latent]
    points : array [item 2]
    """

    latents: Latents = field(repr=False)
    points: Float[np.ndarray, "item 2"] = field(repr=False)

    def project(self, latents: Latents) -> Float[np.ndarray, "row 2"]:
        """Latents on the plane; those of items are at their own places."""
        near, weights = _weights(np.asarray(latents, np.float32), self.latents, self._squares)
        return (weights[..., None] * self.points[near]).sum(1)

    def lift(self, place: Float[np.ndarray, " 2"]) -> Float[np.ndarray, " latent"]:
        """A latent for a place of the plane. It gets the mean length of those that it is the mean of: a mean of normal
        vectors is shorter than they are."""
        point = np.asarray(place, np.float32)[None]
        near, weights = _weights(point, self.points, np.square(self.points).sum(1))
        found = weights[0] @ self.latents[near[0]]
        length = weights[0] @ np.linalg.norm(self.latents[near[0]], axis=1)
        return (found * (length / max(float(np.linalg.norm(found)), 1e-12))).astype(np.float32)

    @cached_property
    def _squares(self) -> Float[np.ndarray, " item"]:
        return np.square(self.latents).sum(1)


def _weights(
    rows: Float[np.ndarray, "row axis"], items: Float[np.ndarray, "item axis"], squares: Float[np.ndarray, " item"]
) -> tuple[Int[np.ndarray, "row near"], Float[np.ndarray, "row near"]]:
    """The nearest items of each row, and their weights, which sum to 1."""
    near, found = nearest_items(rows, items, squares, MEAN_OF)
    weights = 1 / np.maximum(found, 1e-9)
    return near, weights / weights.sum(1, keepdims=True)


def nearest_items(
    rows: Float[np.ndarray, "row axis"], items: Float[np.ndarray, "item axis"],
    squares: Float[np.ndarray, " item"], count: int,
) -> tuple[Int[np.ndarray, "row near"], Float[np.ndarray, "row near"]]:  # fmt: skip
    """The nearest items of each row and their squared distances, in blocks of rows. squares: of the items' lengths."""
    count = min(count, len(items))
    near, found = np.empty((len(rows), count), np.int64), np.empty((len(rows), count))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        rough = squares - 2 * block @ items.T
        chosen = np.argpartition(rough, count - 1, 1)[:, :count]
        exact = np.square(block[:, None].astype(np.float64) - items[chosen]).sum(2)
        order = np.argsort(exact, 1, "stable")
        part = slice(start, start + BLOCK)
        near[part], found[part] = np.take_along_axis(chosen, order, 1), np.take_along_axis(exact, order, 1)
    return near, found


def neighbours_kept(latents: Latents, points: Float[np.ndarray, "item 2"]) -> float:
    """The share of the nearest items in the latent space that are among the nearest on the map, over `ASKED` items.

    Chance is `NEIGHBOURS` / the number of items.
    """
    chosen = evenly_spaced(len(latents), FITTED_TO)
    spaces = [np.asarray(space, np.float32)[chosen] for space in (latents, points)]
    asked, count = evenly_spaced(len(chosen), ASKED), min(NEIGHBOURS, len(chosen) - 1)
    near = [nearest_items(one[asked], one, np.square(one).sum(1), count + 1)[0] for one in spaces]
    others = [
        [set(row.tolist()) - {own} for row, own in zip(rows, asked.tolist(), strict=True)] for rows in near
    ]  # fmt: skip
    shared = [len(first & second) / max(len(first), 1) for first, second in zip(*others, strict=True)]
    return float(np.mean(shared))


def check_umap() -> None:
    """Raise an error if the package isn't installed, or if numba, with which it compiles, would be configured by the
    current folder: it unpickles what lies in the cache that the file names."""
    if os.path.exists(NUMBA_CONFIG):
        raise ConfigError(
            f"Expected no {NUMBA_CONFIG} in the current folder for `projection` umap: it decides which code runs. "
            "Remove it, or start in another folder. Set NUMBA_... as environment variables instead."
        )
    if find_spec("umap") is None:
        raise MissingLibrary("umap", "for `projection` umap")


class _Epochs(StringIO):
    """The stream of UMAP's progress bar, which has no callback: reports each line "epoch/number of epochs"."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def write(self, text: str) -> int:
        if (found := re.search(r"(\d+)/(\d+)", text)) is not None:
            self._report("epochs of UMAP", int(found[1]), int(found[2]))
        return len(text)


def umap_embedding(latents: Latents, seed: int, report: Report = silent) -> Embedding:
    """Latents on a plane by UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426), in one thread, so that the same
    seed gives the same map."""
    check_umap()
    latents = np.asarray(latents, np.float32)
    chosen = evenly_spaced(len(latents), FITTED_TO)
    report(f"UMAP: nearest items of {len(chosen):,}", 0, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the number of threads, and of few items on spectral initialization
        from umap import UMAP

        model = UMAP(
            n_neighbors=min(NEIGHBOURS, len(chosen) - 1), min_dist=0.1, random_state=seed % 2**32, n_jobs=1,
            init="spectral" if len(chosen) > 10 else "random",
            tqdm_kwds={"disable": False, "file": _Epochs(report), "bar_format": "{n_fmt}/{total_fmt}"},
        )  # fmt: skip
        points = model.fit_transform(latents[chosen])
        if len(chosen) < len(latents):
            report(f"UMAP: placing the other {len(latents) - len(chosen):,} items", 0, None)
            points = model.transform(latents)
    return Embedding(latents, np.asarray(points, np.float32))


# Noise that depends only on the seed and the item's number, not on how many items are computed together.

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
