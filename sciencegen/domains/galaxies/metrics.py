"""Metrics that compare generated with held-out galaxies: distances between distributions of their measurements."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.capabilities import MetricNote
from sciencegen.domains.galaxies.features import nearest
from sciencegen.domains.galaxies.files import parse
from sciencegen.domains.galaxies.items import Stamp, key
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.observation import observing_conditions
from sciencegen.domains.properties import parsed
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from sciencegen.metrics.images import PAIRS, SCALES, log_spectra, scattering
from sciencegen.metrics.sets import (
    ManifoldScores,
    Moments,
    classifier_auc,
    copying_scores,
    frechet_distance,
    manifold_scores,
    standardized_wasserstein,
    table_distance,
)

# Comparison of two sets of galaxies by a fixed description of each stamp, without trained weights.

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


STATISTICS = (
    "magnitude", "half_light_radius", "e1", "e2", "ellipticity",
    "concentration", "asymmetry", "smoothness", "gini", "m20",
)  # fmt: skip
"""Morphological statistics over which distances are averaged."""
DISTANCE = "standardized_wasserstein_"
MOST_COMPARED, MOST_DESCRIBED = 1000, 5000
"""Maximum numbers of stamps for nearest neighbours, and for descriptions; of more, evenly spaced subsets."""
FEWEST_CLASSIFIED = 20
"""Minimum number of stamps on each side for a classifier and for spectra."""
SEED = 0
"""Seed of the noise that is added to noise-free samples, and of the classifier."""

METRIC_NOTES: dict[str, MetricNote] = {
    "valid": MetricNote("share of draws that are stamps", "maximize"),
    "measured": MetricNote("share of stamps of which every statistic can be measured", "maximize"),
    "unique": MetricNote("share of distinct ones", "maximize"),
    "novelty": MetricNote("distinct ones that the training set lacks", "maximize"),
    "nearest_training": MetricNote("mean similarity to the most similar training stamp"),
    "classifier_auc": MetricNote(
        "how well boosted trees tell the statistics from the reference's; 0.5: not at all; below: chance, "
        "of few stamps, or copies of the reference's stamps; no better than 0.5",
        "minimize",
    ),
    "compact_residuals": MetricNote(
        "share with a bright pixel beyond the galaxy, above its surroundings by 6 standard deviations of the sky",
    ),
    "compact_residuals_reference": MetricNote("the same of the reference: what neighbours and cosmic rays make"),
    "spectra": MetricNote(
        "Wasserstein distance of radial power spectra, in standard deviations, mean over scales",
        "minimize",
    ),
    "spectra_halves": MetricNote("the same between two halves of the reference: what chance alone makes"),
    "copied": MetricNote(
        "share nearer to a training stamp than all but 1% of the reference's; 0.01: nothing is", "minimize"
    ),
    "nearer": MetricNote("chance to be nearer to the training stamps than one of the reference; 0.5: alike"),
    "frechet_morphology": MetricNote(
        "squared Fréchet distance of scattering coefficients and flux, in standard deviations of the reference; "
        "no trained weights",
        "minimize",
    ),
    "frechet_morphology_halves": MetricNote("the same between two halves of the reference: what chance alone makes"),
    "precision": MetricNote("share of stamps that lie where the reference's do, by the same numbers", "maximize"),
    "recall": MetricNote("share of the reference's stamps that lie where the samples do", "maximize"),
    "density": MetricNote("how many of the reference's neighbourhoods a stamp lies in; 1 where they are alike"),
    "coverage": MetricNote("share of the reference's stamps with a sample in their neighbourhood", "maximize"),
    f"{DISTANCE}mean": MetricNote("Wasserstein distance of the statistics, in standard deviations, mean", "minimize"),
    **{
        f"{DISTANCE}{name}": MetricNote(f"Wasserstein distance of {name}, in standard deviations", "minimize")
        for name in STATISTICS
    },
    **{
        f"{DISTANCE}{name}_halves": MetricNote("the same between two halves of the reference: what chance alone makes")
        for name in ("mean", *STATISTICS)
    },
}


def evaluate(
    samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None = None
) -> dict[str, float]:  # fmt: skip
    """All metrics by name, and the sizes of the sets (`count_...`). Invalid stamps are used for `valid` only. Metrics
    that can't be computed are left out.

    If the reference was observed, the observation of samples without PSF and noise is simulated (`count_observed`).
    """
    if not len(samples):
        raise DataError("Expected galaxies to evaluate, got none.")
    found, known = parsed(parse, samples), parsed(parse, reference)
    if not known:
        raise DataError(f"Expected a reference of galaxies, got none among {len(reference)} texts.")
    result: dict[str, float] = {"count": len(samples), "count_valid": len(found), "count_reference": len(known)}
    result |= {"valid": len(found) / len(samples)}
    if found:
        keys = {key(stamp) for stamp in found}
        found, result["count_observed"] = as_observed(found, known)
        measured, expected = (measure(group, STATISTICS) for group in (found, known))
        result |= {"count_unique": len(keys), "unique": len(keys) / len(found)}
        result["measured"] = float(np.isfinite(measured).all(1).mean())
        result |= standardized_distances(measured, expected)
        halves = standardized_distances(expected[::2], expected[1::2])
        result |= {f"{name}_halves": value for name, value in halves.items()}
        if min(len(measured), len(expected)) >= FEWEST_CLASSIFIED:
            result["classifier_auc"] = classifier_auc(measured, expected, SEED)
        result |= spectral_distances(found, known)
        result |= {
            "compact_residuals": compact_residuals(found),
            "compact_residuals_reference": compact_residuals(known),
        }
        result |= compared_as_a_whole(found, known)
        if training is not None:
            result |= _against_training(found, keys, known, parsed(parse, training))
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def standardized_distances(measured: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """[stamp statistic] each: Wasserstein-1 distances in standard deviations of the reference, and their mean."""
    varies = [bool(np.nanstd(values) > 0) if np.isfinite(values).any() else False for values in expected.T]
    distances = standardized_wasserstein(measured, expected)
    rows = zip(STATISTICS, distances.tolist(), varies, strict=True)
    found = {f"{DISTANCE}{name}": distance for name, distance, varied in rows if varied and math.isfinite(distance)}
    return found | ({f"{DISTANCE}mean": float(np.mean(list(found.values())))} if found else {})


COMPACT, GALAXY, AROUND = 6.0, 1.5, 7
"""Standard deviations of a bright pixel, and of the smoothed image at the galaxy's border; side of the surroundings."""


def compact_residuals(stamps: Sequence[Stamp]) -> float:
    """Share of stamps with noise whose first band has a pixel beyond the galaxy that stands out of the median of the
    7 x 7 around it. The galaxy is what is connected to the middle in the image smoothed by 5 x 5, and three pixels
    more; NaN if no stamp has noise or sky."""
    found = [one for one in map(_has_compact, stamps) if one is not None]
    return float(np.mean(found)) if found else math.nan


def _has_compact(stamp: Stamp) -> bool | None:
    if stamp.noise_free:
        return None
    image = stamp.image[0].astype(np.float64)
    smooth = ndimage.uniform_filter(image, 5)
    border = np.ones(image.shape, bool)
    border[3:-3, 3:-3] = False
    level = np.median(smooth[border]) + GALAXY * 1.4826 * np.median(np.abs(smooth[border] - np.median(smooth[border])))
    parts = ndimage.label(smooth > level)[0]
    middle = parts[stamp.side // 2 - 2 : stamp.side // 2 + 2, stamp.side // 2 - 2 : stamp.side // 2 + 2]
    galaxy = np.isin(parts, np.setdiff1d(middle, [0]))
    sky = ~ndimage.binary_dilation(galaxy, iterations=3)
    if stamp.mask is not None:
        sky &= ~np.broadcast_to(stamp.mask, stamp.image.shape)[0]
    if sky.sum() < AROUND**2:
        return None
    missed = image - ndimage.median_filter(image, AROUND)
    return bool(missed[sky].max() > COMPACT * 1.4826 * np.median(np.abs(missed[sky])))


def spectral_distances(found: Sequence[Stamp], known: Sequence[Stamp]) -> dict[str, float]:
    """Distance of the first band's radial power spectra; empty if the reference has no noise, stamps differ in size, or
    there are too few."""
    floor = float(np.median([stamp.variance[0].mean() for stamp in known]))
    sides = {stamp.side for stamp in (*found, *known)}
    if len(sides) > 1 or floor <= 0 or len(known) < FEWEST_CLASSIFIED:
        return {}
    images = (np.stack([stamp.image[0] for stamp in _some(group, MOST_DESCRIBED)]) for group in (found, known))
    spectra, references = (log_spectra(group, floor) for group in images)
    distance = table_distance(spectra, references, np.random.default_rng(SEED))
    return {"spectra": distance.mean, "spectra_halves": distance.halves}


def as_observed(stamps: Sequence[Stamp], references: Sequence[Stamp]) -> tuple[list[Stamp], int]:
    """Simulate the observation of stamps without PSF and noise, if the references were observed; also returns their
    number. Stamps for which this is impossible (with another pixel scale) are unchanged."""
    conditions = observing_conditions(references)
    if conditions is None:
        return list(stamps), 0
    seen = conditions.observed(stamps, SEED)
    found = [old if isinstance(new, Refusal) else new for old, new in zip(stamps, seen, strict=True)]
    return found, sum(new is not old for old, new in zip(stamps, found, strict=True))


def compared_as_a_whole(found: Sequence[Stamp], known: Sequence[Stamp]) -> dict[str, float]:
    """Fréchet distance and coverage by fixed descriptions of at most `MOST_DESCRIBED` evenly spaced stamps."""
    distance = morphology_distance(*(morphology(_some(group, MOST_DESCRIBED)) for group in (found, known)))
    if distance is None:
        return {}
    halves = {"frechet_morphology": distance.frechet, "frechet_morphology_halves": distance.halves}
    return halves | dataclasses.asdict(distance.manifold)


def _against_training(
    found: Sequence[Stamp], keys: set[str], held_out: Sequence[Stamp], trained_on: Sequence[Stamp]
) -> dict[str, float]:  # fmt: skip
    """keys: of the samples before their observation."""
    known = {key(stamp) for stamp in trained_on}
    near, others = (nearest(_some(group, MOST_COMPARED), trained_on) for group in (found, held_out))
    scores = dataclasses.asdict(copying_scores(1 - near, 1 - others))
    return {"novelty": len(keys - known) / len(keys), "nearest_training": float(near.mean()), **scores}


def _some(stamps: Sequence[Stamp], most: int) -> list[Stamp]:
    return [stamps[row] for row in evenly_spaced(len(stamps), most)]
