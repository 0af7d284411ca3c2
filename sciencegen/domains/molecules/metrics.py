"""The distribution metrics of MOSES (Polykovskiy et al. 2020), which compare generated with held-out molecules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from sciencegen.domains.molecules.chemnet import PADDED_LENGTH, activation_moments
from sciencegen.domains.molecules.reference_sets import (
    PROPERTIES,
    Description,
    MoleculeReference,
    build_reference,
    build_training_filter,
    describe,
    load_reference,
    load_training_filter,
)
from sciencegen.errors import DataError
from sciencegen.metrics.sets import (
    count_cosine,
    frechet_distance,
    internal_diversities,
    nearest_similarity,
    novel_fraction,
    unique_fraction,
    wasserstein_1d,
)

UNIQUE_AT = {"unique@1k": 1_000, "unique@10k": 10_000}


def evaluate(
    samples: Iterable[str],
    reference: MoleculeReference | Sequence[str] | str,
    training: Iterable[str] | str | None = None,
) -> dict[str, float]:
    """All metrics by name, and the sample sizes (`count_...`).

    samples: SMILES as generated, with duplicates; those that don't parse count as invalid and are used for no other
    metric. reference: held-out molecules, or the name of a committed set ("moses/test", "moses/test_scaffolds").
    training: for novelty; molecules, or "moses/train". They are compared by hashes, so a novel molecule counts as
    known with probability n / 2³¹, at most 7.4e-4 for MOSES.

    Metrics that can't be computed are left out: `unique@10k` below 10,000 valid samples, `fcd` below two samples that
    ChemNet accepts, `novelty` without training. The Fréchet distance of few samples is biased upward: 1,000,
    10,000 and 20,000 molecules of the MOSES test set score 1.26, 0.12 and 0.06 against all of it. Compare equal sizes.
    """
    known = _reference(reference)
    if training is None:
        trained_on = None
    else:
        trained_on = load_training_filter(training) if isinstance(training, str) else build_training_filter(training)
    found = describe(samples)
    if found.total == 0:
        raise DataError("Expected samples to evaluate, got none.")
    result = {
        "count": found.total,
        "count_valid": len(found.canonical),
        "count_unique": len(set(found.canonical)),
        "count_reference": len(known.canonical),
        "valid": len(found.canonical) / found.total,
    }
    if found.canonical:
        result |= _set_metrics(found) | _distances(found, known)
        if trained_on is not None:
            result["novelty"] = novel_fraction(found.canonical, trained_on)
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def _reference(reference: MoleculeReference | Sequence[str] | str) -> MoleculeReference:
    if isinstance(reference, MoleculeReference):
        return reference
    return load_reference(reference) if isinstance(reference, str) else build_reference(reference)


def _set_metrics(found: Description) -> dict[str, float]:
    """Metrics of the samples alone."""
    first, second = internal_diversities(found.fingerprints, powers=(1, 2))
    at = {name: unique_fraction(found.canonical, k) for name, k in UNIQUE_AT.items() if len(found.canonical) >= k}
    return {
        "unique": unique_fraction(found.canonical),
        **at,
        "internal_diversity": first,
        "internal_diversity_2": second,
        "filters": (found.passing or 0) / len(found.canonical),
    }


def _distances(found: Description, known: MoleculeReference) -> dict[str, float]:
    """Metrics of the samples against the reference."""
    result = {
        "snn": float(nearest_similarity(found.fingerprints, known.fingerprints).mean()),
        "fragment_similarity": count_cosine(known.fragments, found.fragments),
        "scaffold_similarity": count_cosine(known.scaffolds, found.scaffolds),
    }
    for name in PROPERTIES:
        result[f"wasserstein_{name}"] = wasserstein_1d(known.properties[name], found.properties[name])
    readable = [text for text in found.canonical if len(text) < PADDED_LENGTH]
    if len(readable) > 1:
        result["fcd"] = frechet_distance(known.chemnet, activation_moments(readable))
    return result
