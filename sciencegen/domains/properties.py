"""Helpers that make `Domain.measure` and `Domain.evaluate` from functions of properties."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.base import Evaluate, ItemIO, Similarity
from sciencegen.errors import DataError, unknown_name
from sciencegen.items import Item, Refusal
from sciencegen.metrics.coverage import novel_fraction
from sciencegen.metrics.distances import wasserstein_1d
from sciencegen.metrics.diversity import unique_fraction

Measure = Callable[[Sequence[Item], Sequence[str]], np.ndarray]
"""(items, names) -> [item property], NaN where the measurement fails."""
MOST_COMPARED = 1000
"""Maximum number of items whose nearest reference is computed; of more items, an evenly spaced subset."""


def measure_each(functions: Mapping[str, Callable[[Item], float]]) -> Measure:
    """Make `Domain.measure` from functions of one item.

    Parameters
    ----------
    functions : mapping
        Name of a property -> (item) -> number. If it raises a ValueError or an ArithmeticError, the value is NaN.

    Examples
    --------
    >>> from sciencegen.domains.properties import measure_each
    >>> measure_each({"mean": lambda item: sum(item) / len(item)})([[1.0, 2.0], []], ["mean"]).tolist()
    [[1.5], [nan]]
    """

    def one(name: str, item: Item) -> float:
        try:
            return float(functions[name](item))
        except (ValueError, ArithmeticError):
            return math.nan

    def measure(items: Sequence[Item], names: Sequence[str]) -> np.ndarray:
        for name in names:
            if name not in functions:
                raise unknown_name("property", name, functions)
        return np.array([[one(name, item) for name in names] for item in items], float).reshape(len(items), len(names))

    return measure


def property_metrics(items: ItemIO, measure: Measure, names: Sequence[str], similarity: Similarity) -> Evaluate:
    """Make `Domain.evaluate` from properties and similarity.

    Parameters
    ----------
    items : ItemIO
    measure : (items, names) -> [item property]
    names : sequence of str
        Names of the properties whose distributions are compared.
    similarity : Similarity

    Returns
    -------
    (samples, reference, training) -> metrics
        `valid`, the share of samples that parse; of these `unique` and, where training items are given, `novelty`;
        `nearest_reference`, the mean similarity to the nearest reference item; for each property `wasserstein_<name>`,
        in its unit; and the sizes of the sets (`count_...`).
    """

    def parsed(texts: Sequence[str] | str) -> list[Item]:
        return [item for item in map(items.parse, texts) if not isinstance(item, Refusal)]

    def evaluate(
        samples: Sequence[str] | str, reference: Sequence[str] | str, training: Sequence[str] | str | None = None
    ) -> dict[str, float]:
        found, known = parsed(samples), parsed(reference)
        if not samples or not known:
            raise DataError(f"Expected samples and a reference, got {len(samples)} and {len(known)} items.")
        keys = [items.key(item) for item in found]
        result = {
            "count": len(samples),
            "count_valid": len(found),
            "count_unique": len(set(keys)),
            "count_reference": len(known),
            "valid": len(found) / len(samples),
            "unique": unique_fraction(keys),
        }
        if found:
            compared = [found[row] for row in evenly_spaced(len(found), MOST_COMPARED)]
            result["nearest_reference"] = float(similarity.nearest(compared, known).mean())
            result |= _distances(measure(found, names), measure(known, names), names)
        if found and training is not None:
            result["novelty"] = novel_fraction(keys, {items.key(item) for item in parsed(training)})
        return {name: float(value) for name, value in result.items() if math.isfinite(value)}

    return evaluate


def _distances(found: np.ndarray, known: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    columns = zip(names, found.T, known.T, strict=True)
    present = {name: (one[~np.isnan(one)], other[~np.isnan(other)]) for name, one, other in columns}
    return {f"wasserstein_{name}": wasserstein_1d(*both) for name, both in present.items() if all(map(len, both))}
