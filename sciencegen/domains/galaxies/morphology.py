"""What two sets of galaxies are compared by as a whole: a fixed description of each stamp, without trained weights."""

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
"""Of the balls of `manifold_scores`."""
FLOOR = 1e-12


def morphology(stamps: Sequence[Stamp]) -> Float[np.ndarray, "stamp number"]:
    """log10 of the flux (nJy) and the scattering coefficients of the first band over its flux: those of one scale and
    ratios as logarithms, the shares that differ by direction as they are. NaN of a stamp without positive flux. The
    same of a stamp turned by 90 degrees or mirrored."""
    found = np.full((len(stamps), SIZE), np.nan)
    flux = np.array([stamp.image[0].sum(dtype=np.float64) for stamp in stamps])
    sides = np.array([stamp.side for stamp in stamps])
    for side in np.unique(sides):
        rows = np.flatnonzero((sides == side) & (flux > 0))
        images = np.array([stamps[row].image[0] / flux[row] for row in rows.tolist()]).reshape(len(rows), side, side)
        told = scattering(images)
        logarithms = np.r_[:SCALES, 2 * SCALES : told.shape[1]]
        told[:, logarithms] = np.log10(np.maximum(told[:, logarithms], FLOOR))
        found[rows] = np.column_stack([np.log10(flux[rows]), told])
    return found


@dataclass(frozen=True)
class MorphologyDistance:
    """frechet: squared Fréchet distance of the descriptions, in standard deviations of the reference. halves: the same
    between two halves of the reference. manifold: what of it is covered, and how densely, by as many stamps."""

    frechet: float
    halves: float
    manifold: ManifoldScores


def morphology_distance(
    described: Float[np.ndarray, "stamp number"], references: Float[np.ndarray, "reference number"]
) -> MorphologyDistance | None:
    """Between two tables of `morphology`; None where there are too few stamps on either side for covariances."""
    own, other = (told[np.isfinite(told).all(1)] for told in (described, references))
    if min(len(own), len(other) // 2) <= SIZE:
        return None
    fewest = min(len(own), len(other))  # how much is covered depends on how many cover it
    mean, deviation = other.mean(0), np.maximum(other.std(0), FLOOR)
    own, other = (own - mean) / deviation, (other - mean) / deviation
    some, others = evenly_spaced(len(own), fewest), evenly_spaced(len(other), fewest)
    return MorphologyDistance(
        frechet_distance(Moments.of(own), Moments.of(other)),
        frechet_distance(Moments.of(other[::2]), Moments.of(other[1::2])),
        manifold_scores(own[some], other[others], NEIGHBOURS),
    )
