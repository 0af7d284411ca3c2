"""Metrics that compare generated with held-out proteins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.capabilities import ReferenceSets
from sciencegen.domains.capabilities.structures import MetricNote
from sciencegen.domains.proteins.items import parse
from sciencegen.domains.proteins.properties import PROPERTIES, Residues, measure, nearest, similarity
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from sciencegen.metrics.sets import jensen_shannon_distance, novel_fraction, unique_fraction, wasserstein_1d

MOST_COMPARED = 1000
"""Maximum number of items whose nearest reference is computed; of more, an evenly spaced subset."""
MOST_PAIRED = 100
"""Maximum number of items that are compared with each other: 4,950 pairs, which may have to be aligned."""

METRIC_NOTES = {
    "valid": MetricNote("share of draws that are sequences of the 20 amino acids", "maximize"),
    "unique": MetricNote("share of distinct ones", "maximize"),
    "novelty": MetricNote("distinct ones that the training set lacks", "maximize"),
    "nearest_training": MetricNote("mean identity to the nearest training sequence", None),
    "nearest_reference": MetricNote("mean identity to the nearest held-out sequence", None),
    "internal_diversity": MetricNote("mean share of positions in which two samples differ", "maximize"),
    "composition_distance": MetricNote("Jensen-Shannon distance of the shares of amino acids", "minimize"),
}


@dataclass(frozen=True)
class Comparison:
    """Functions that parse and compare items of a form. plain: converts an item of the form to a plain sequence."""

    parse: Callable[[str], str | Refusal]
    nearest: Callable[[Sequence[str], Sequence[str]], np.ndarray]
    similarity: Callable[[Sequence[str], Sequence[str]], np.ndarray]
    plain: Callable[[str], str] = str


COMPARISON = Comparison(parse, nearest, similarity)


def evaluate(
    samples: Iterable[str],
    reference: Sequence[str],
    training: Sequence[str] | None = None,
    comparison: Comparison = COMPARISON,
) -> dict[str, float]:
    """All metrics by name, and the sizes of the sets (`count_...`).

    Samples that don't parse count as invalid and are used for no other metric. Distances use at most `MOST_COMPARED`
    evenly spaced samples. Metrics that can't be computed are left out.
    """
    given = list(samples)
    if not given:
        raise DataError("Expected samples to evaluate, got none.")
    found, known = _parsed(given, comparison), _parsed(reference, comparison)
    if not known:
        raise DataError(f"Expected a reference of valid proteins, got none among {len(reference)} texts.")
    result: dict[str, float] = {
        "count": len(given),
        "count_valid": len(found),
        "count_unique": len(set(map(comparison.plain, found))),
        "count_reference": len(known),
        "valid": len(found) / len(given),
    }
    if found:
        result |= _of_samples(found, comparison) | _distances(found, known, comparison)
        if training is not None:
            trained_on = _parsed(training, comparison)
            result["novelty"] = novel_fraction(map(comparison.plain, found), set(map(comparison.plain, trained_on)))
            result["nearest_training"] = _mean_nearest(found, trained_on, comparison)
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def _parsed(texts: Iterable[str], comparison: Comparison) -> list[str]:
    return [item for item in map(comparison.parse, texts) if not isinstance(item, Refusal)]


def _of_samples(found: Sequence[str], comparison: Comparison) -> dict[str, float]:
    paired = [found[row] for row in evenly_spaced(len(found), MOST_PAIRED)]
    result = {"unique": unique_fraction([comparison.plain(item) for item in found])}
    if len(paired) > 1:
        identity = comparison.similarity(paired, paired)
        result["internal_diversity"] = 1 - float(identity[np.triu_indices(len(paired), 1)].mean())
    return result


def _distances(found: Sequence[str], known: Sequence[str], comparison: Comparison) -> dict[str, float]:
    sequences, others = ([comparison.plain(item) for item in group] for group in (found, known))
    measured, expected = (measure(group, list(PROPERTIES)) for group in (sequences, others))
    apart = {
        f"wasserstein_{name}": wasserstein_1d(measured[:, column], expected[:, column])
        for column, name in enumerate(PROPERTIES)
    }
    shares = [Residues(group).counts.sum(0) for group in (sequences, others)]
    return {
        "nearest_reference": _mean_nearest(found, known, comparison),
        "composition_distance": jensen_shannon_distance(*shares),
        **apart,
    }


def _mean_nearest(found: Sequence[str], known: Sequence[str], comparison: Comparison) -> float:
    if not known:
        return float("nan")
    chosen = [found[row] for row in evenly_spaced(len(found), MOST_COMPARED)]
    return float(comparison.nearest(chosen, known).mean())


REFERENCE_SETS = ReferenceSets(notes=METRIC_NOTES)
