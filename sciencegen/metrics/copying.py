"""Whether generated items are copies of those that were trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Real
from scipy.stats import rankdata

from sciencegen.errors import DataError, ShapeError

BLOCK = 2048
"""Rows of a distance matrix made at once: 2048 x 2048 numbers are 34 MB."""


@dataclass(frozen=True)
class Nearest:
    """Of each item the distance to its nearest reference, and that one's row."""

    distance: Float[np.ndarray, " item"]
    row: Int[np.ndarray, " item"]


def nearest(items: Real[np.ndarray, "item feature"], references: Real[np.ndarray, "reference feature"]) -> Nearest:
    """Euclidean: found by |a - b|^2 = |a|^2 - 2 a.b + |b|^2 in blocks, then measured by the difference itself."""
    if items.ndim != 2 or references.ndim != 2 or items.shape[1] != references.shape[1] or not len(references):
        raise ShapeError(
            f"Expected items and 1 or more references of equal features, got {list(items.shape)} and "
            f"{list(references.shape)}."
        )
    references = np.asarray(references, np.float64)
    sizes = (references**2).sum(1)
    distances, rows = np.full(len(items), np.inf), np.zeros(len(items), int)
    for start in range(0, len(items), BLOCK):
        block, place = np.asarray(items[start : start + BLOCK], np.float64), slice(start, start + BLOCK)
        for other in range(0, len(references), BLOCK):
            squares = sizes[other : other + BLOCK] - 2 * block @ references[other : other + BLOCK].T
            row = squares.argmin(1) + other
            found = np.sqrt(((block - references[row]) ** 2).sum(1))
            closer = found < distances[place]
            rows[place] = np.where(closer, row, rows[place])
            distances[place] = np.where(closer, found, distances[place])
    return Nearest(distances, rows)


def orientations(images: Real[np.ndarray, "item *channel y x"]) -> Real[np.ndarray, "eight item *channel y x"]:
    """The images turned by 90 degrees 0 to 3 times, and their mirror images likewise."""
    return np.stack([np.rot90(each, turns, (-2, -1)) for each in (images, images[..., ::-1]) for turns in range(4)])


def nearest_images(
    images: Real[np.ndarray, "item *channel y x"], references: Real[np.ndarray, "reference *channel y x"]
) -> Nearest:
    """The nearest reference in any orientation, by the root of the summed squared differences of the pixels."""
    flat = references.reshape(len(references), -1)
    each = [nearest(turned.reshape(len(turned), -1), flat) for turned in orientations(images)]
    distances = np.stack([one.distance for one in each])
    best = distances.argmin(0)
    columns = np.arange(len(images))
    return Nearest(distances[best, columns], np.stack([one.row for one in each])[best, columns])


@dataclass(frozen=True)
class CopyingScores:
    """copied: share of generated items nearer to a training item than all but 1% of the held-out ones are; 0.01 where
    nothing is copied. nearer: chance that a generated item is nearer to the training items than a held-out one, 1/2
    where they are alike; well above: copying, well below: other items than the data's (Meehan et al. 2020)."""

    copied: float
    nearer: float


def copying_scores(
    generated: Real[np.ndarray, " item"], held_out: Real[np.ndarray, " other"], quantile: float = 0.01
) -> CopyingScores:
    """From distances to the nearest training item (`nearest`), of generated items and of held-out ones."""
    if not len(generated) or not len(held_out):
        raise DataError(f"Expected distances of both kinds, got {len(generated)} and {len(held_out)}.")
    ranks = rankdata(np.concatenate([generated, held_out]))[: len(generated)]
    above = (ranks.sum() - len(generated) * (len(generated) + 1) / 2) / (len(generated) * len(held_out))
    return CopyingScores(float((generated < np.quantile(held_out, quantile)).mean()), float(1 - above))
