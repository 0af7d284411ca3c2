"""Features of sequences for property regressors, and splits of a set of variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sciencegen.domains.base import Regression
from sciencegen.domains.proteins.edit_features import KIND, EditFeatures, fit_edit_features, load_edit_features
from sciencegen.domains.proteins.features import features
from sciencegen.domains.proteins.variant_features import VariantFeatures, fit_variant_features, load_variant_features
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import DataError
from sciencegen.prediction.splits import Split


def fit(items: Sequence[str], reference: Reference | None = None) -> VariantFeatures | EditFeatures | None:
    """Features of substitutions or, where items have insertions or deletions, of edits; None for other sequences."""
    edits = fit_edit_features(items) if reference is None else None
    return edits or fit_variant_features(items, reference)


def load(data: Mapping[str, Any]) -> VariantFeatures | EditFeatures:
    """The inverse of their `to_json`."""
    return load_edit_features(data) if data.get("kind") == KIND else load_variant_features(data)


def by_positions(items: Sequence[str], fitted: VariantFeatures | EditFeatures) -> Split:
    """Split by the positions at which each item differs from the reference, in the reference's numbering."""
    changed = fitted.changed(items)
    first = fitted.reference.first
    return Split("positions", "parts", [tuple((row.nonzero()[0] + first).tolist()) for row in changed])


def by_mutations(items: Sequence[str], fitted: VariantFeatures | EditFeatures) -> Split:
    """Split by the number of positions at which each item differs from the reference."""
    counts = fitted.changed(items).sum(axis=1)
    if len(found := set(counts[counts > 0].tolist())) < 2:
        changes = " and ".join(f"{count:g} mutation{'s' * (count != 1)}" for count in found) or "none"
        raise DataError(
            "Expected variants with different numbers of mutations for `split` mutations, which learns from those with "
            f"fewer and judges by those with more; found {changes} in every one. Pass `split` positions (what new "
            "variants change was never changed before) or `split` random."
        )
    return Split("mutations", "order", counts)


SPLITS = {"positions": by_positions, "mutations": by_mutations}

REGRESSION = Regression(features=features, splits=SPLITS, fit=fit, load=load)
"""No groups: variants of one protein are all similar, and a good split of them, such as by mutated positions, needs a
reference."""
