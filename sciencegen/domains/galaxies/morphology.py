"""Comparison of two sets of galaxies by a fixed description of each stamp, without trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.metrics.coverage import ManifoldScores, manifold_scores
from sciencegen.metrics.distances import Moments, frechet_distance
from sciencegen.metrics.scattering import PAIRS, SCALES, scattering

SIZE = 1 + 2 * SCALES + 3 * len(PAIRS)
NEIGHBOURS = 5
"""Number of neighbours for `manifold_scores`."""
FLOOR = 1e-12


def morphology(stamps: Sequence[Stamp]) -> Float[np.ndarray, "stamp number"]:
    """log10 of the flux (nJy), and the scattering coefficients of the first band divided by its flux: logarithms of
    coefficients of one scale and of ratios, and directional shares. NaN for a stamp without positive flux. Invariant to
    rotations by 90 degrees and reflections."""
    found = np.full((len(stamps), SIZE), np.nan)
    flux = np.array([stamp.image[0].sum(dtype=np.float64) for stamp in stamps])
    sides = np.array([stamp.side for stamp in stamps])
    for side in np.unique(sides):
        rows = np.flatnonzero((sides == side) & (flux > 0))
        images = np.array([stamps[row].image[0] / flux[row] for row in rows.tolist()]).reshape(len(rows), side, side)
        scattered = scattering(images)
        logarithms = np.r_[:SCALES, 2 * SCALES : scattered.shape[1]]
        scattered[:, logarithms] = np.log10(np.maximum(scattered[:, logarithms], FLOOR))
        found[rows] = np.column_stack([np.log10(flux[rows]), scattered])
    return found


@dataclass(frozen=True)
class MorphologyDistance:
    """frechet: squared Fréchet distance of the descriptions, in standard deviations of the reference. halves: the same
    between two halves of the reference. manifold: precision, recall, density, coverage, for equal numbers of stamps."""

    frechet: float
    halves: float
    manifold: ManifoldScores


def morphology_distance(
    described: Float[np.ndarray, "stamp number"], references: Float[np.ndarray, "reference number"]
) -> MorphologyDistance | None:
    """Distance of two tables of `morphology`; None if one has too few stamps for covariances."""
    own, other = (table[np.isfinite(table).all(1)] for table in (described, references))
    if min(len(own), len(other) // 2) <= SIZE:
        return None
    fewest = min(len(own), len(other))  # coverage depends on the number of stamps
    mean, deviation = other.mean(0), np.maximum(other.std(0), FLOOR)
    own, other = (own - mean) / deviation, (other - mean) / deviation
    some, others = evenly_spaced(len(own), fewest), evenly_spaced(len(other), fewest)
    return MorphologyDistance(
        frechet_distance(Moments.of(own), Moments.of(other)),
        frechet_distance(Moments.of(other[::2]), Moments.of(other[1::2])),
        manifold_scores(own[some], other[others], NEIGHBOURS),
    )
