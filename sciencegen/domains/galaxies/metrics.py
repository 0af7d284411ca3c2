"""How like held-out galaxies generated ones are: distances between the distributions of their measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.base import Refusal
from sciencegen.domains.galaxies.files import parse
from sciencegen.domains.galaxies.items import Stamp, key
from sciencegen.domains.galaxies.properties import measure
from sciencegen.domains.galaxies.similarity import nearest
from sciencegen.errors import DataError
from sciencegen.metrics.distances import wasserstein_1d
from sciencegen.scoring.oracles import Direction

STATISTICS = (
    "magnitude", "half_light_radius", "e1", "e2", "ellipticity",
    "concentration", "asymmetry", "smoothness", "gini", "m20",
)  # fmt: skip
"""The fixed list of morphological statistics that distances are averaged over."""
DISTANCE = "standardized_wasserstein_"
MOST_COMPARED = 1000
"""Stamps whose nearest other is looked for: evenly spaced ones of more."""

METRIC_NOTES: dict[str, tuple[str, Direction | None, dict[str, float]]] = {
    "valid": ("share of draws that are stamps", "maximize", {}),
    "measured": ("share of stamps of which every statistic can be measured", "maximize", {}),
    "unique": ("share of distinct ones", "maximize", {}),
    "novelty": ("distinct ones that the training set lacks", "maximize", {}),
    "nearest_training": ("mean similarity to the most similar training stamp", None, {}),
    f"{DISTANCE}mean": ("Wasserstein distance of the statistics, in standard deviations, mean", "minimize", {}),
    **{
        f"{DISTANCE}{name}": (f"Wasserstein distance of {name}, in standard deviations", "minimize", {})
        for name in STATISTICS
    },
}


def evaluate(
    samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None = None
) -> dict[str, float]:  # fmt: skip
    """Every metric by name, and the sizes of the sets behind them (`count_...`). What is no stamp counts as invalid and
    enters nothing else. A metric that can't be had is left out."""
    if not len(samples):
        raise DataError("Expected galaxies to evaluate, got none.")
    found, known = _parsed(samples), _parsed(reference)
    if not known:
        raise DataError(f"Expected a reference of galaxies, got none among {len(reference)} texts.")
    result: dict[str, float] = {"count": len(samples), "count_valid": len(found), "count_reference": len(known)}
    result |= {"valid": len(found) / len(samples)}
    if found:
        keys = {key(stamp) for stamp in found}
        measured, expected = (measure(group, STATISTICS) for group in (found, known))
        result |= {"count_unique": len(keys), "unique": len(keys) / len(found)}
        result["measured"] = float(np.isfinite(measured).all(1).mean())
        result |= standardized_distances(measured, expected)
        if training is not None:
            result |= _against_training(found, keys, _parsed(training))
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def standardized_distances(measured: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """[stamp statistic] each: Wasserstein-1 distances over the reference's standard deviation, and their mean."""
    found: dict[str, float] = {}
    for column, name in enumerate(STATISTICS):
        own, other = (values[np.isfinite(values[:, column]), column] for values in (measured, expected))
        if len(own) and len(other) and other.std() > 0:
            found[f"{DISTANCE}{name}"] = wasserstein_1d(own, other) / float(other.std())
    return found | ({f"{DISTANCE}mean": float(np.mean(list(found.values())))} if found else {})


def _against_training(found: Sequence[Stamp], keys: set[str], trained_on: Sequence[Stamp]) -> dict[str, float]:
    known = {key(stamp) for stamp in trained_on}
    chosen = [found[row] for row in evenly_spaced(len(found), MOST_COMPARED)]
    near = nearest(chosen, trained_on)
    return {"novelty": len(keys - known) / len(keys), "nearest_training": float(near.mean())}


def _parsed(texts: Sequence[str]) -> list[Stamp]:
    return [item for item in map(parse, texts) if not isinstance(item, Refusal)]
