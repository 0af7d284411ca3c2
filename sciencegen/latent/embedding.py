"""Nonlinear maps of latents onto a plane, and how much of the latents' neighbourhoods a map keeps."""

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

from sciencegen.data.spacing import evenly_spaced
from sciencegen.errors import ConfigError
from sciencegen.files import NUMBA_CONFIG
from sciencegen.latent.geometry import Latents
from sciencegen.progress import Report, silent

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
        raise ConfigError(
            "Expected the package umap-learn for `projection` umap, it isn't installed. Install it: "
            "pip install 'sciencegen[map]'"
        )


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
