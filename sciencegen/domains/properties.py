"""Helpers that make `Domain.measure` and `Domain.evaluate` from functions of properties."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.base import Evaluate, ItemIO, Oracles, Similarity
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Item, Property, Refusal
from sciencegen.metrics.sets import novel_fraction, unique_fraction, wasserstein_1d
from sciencegen.scoring.oracles import ArrayOracle, Oracle, OracleAround, Score

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


def parsed(parse: Callable[[str], Item | Refusal], texts: Iterable[str]) -> list[Item]:
    """The items of the texts that aren't refused."""
    return [item for item in map(parse, texts) if not isinstance(item, Refusal)]


def set_metrics(
    parse: Callable[[str], Item | Refusal],
    key: Callable[[Item], str],
    compare: Callable[[list[Item], list[Item]], Mapping[str, float]],
    noun: str = "item",
) -> Evaluate:
    """Make `Domain.evaluate` from a comparison of two sets of items.

    Parameters
    ----------
    parse, key
        As those of `ItemIO`.
    compare : (items, reference) -> metrics by name
    noun : str
        Word for an item in error messages.

    Returns
    -------
    (samples, reference, training) -> metrics
        `valid`, the share of samples that parse; of these `unique` and, where training items are given, `novelty`; the
        metrics of `compare`; and the sizes of the sets (`count_...`). Metrics that aren't finite are left out.
    """

    def evaluate(
        samples: Sequence[str] | str, reference: Sequence[str] | str, training: Sequence[str] | str | None = None
    ) -> dict[str, float]:
        found, known = parsed(parse, samples), parsed(parse, reference)
        if not samples or not known:
            raise DataError(f"Expected samples and a reference, got {len(samples)} and {len(known)} {noun}s.")
        keys = [key(item) for item in found]
        result: dict[str, float] = {
            "count": len(samples), "count_valid": len(found), "count_unique": len(set(keys)),
            "count_reference": len(known), "valid": len(found) / len(samples), "unique": unique_fraction(keys),
        }  # fmt: skip
        if found:
            result |= compare(found, known)
            if training is not None:
                result["novelty"] = novel_fraction(keys, {key(item) for item in parsed(parse, training)})
        return {name: float(value) for name, value in result.items() if math.isfinite(value)}

    return evaluate


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
        Those of `set_metrics`; `nearest_reference`, the mean similarity to the nearest reference item; and for each
        property `wasserstein_<name>`, in its unit.
    """

    def compare(found: list[Item], known: list[Item]) -> dict[str, float]:
        some = [found[row] for row in evenly_spaced(len(found), MOST_COMPARED)]
        near = float(similarity.nearest(some, known).mean())
        return {"nearest_reference": near, **_distances(measure(found, names), measure(known, names), names)}

    return set_metrics(items.parse, items.key, compare)


def _distances(found: np.ndarray, known: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    columns = zip(names, found.T, known.T, strict=True)
    present = {name: (one[~np.isnan(one)], other[~np.isnan(other)]) for name, one, other in columns}
    return {f"wasserstein_{name}": wasserstein_1d(*both) for name, both in present.items() if all(map(len, both))}


# Oracles that every domain has: each of its properties, and the similarity to one item.

SIMILARITY_PREFIX = "similarity to "


@dataclass(frozen=True)
class PlainOracle(OracleAround):
    """An oracle of a domain that scores the items of a form, by their plain items."""

    oracle: Oracle
    plain: Callable[[Item], Item]

    def score(self, items: Sequence[Item]) -> list[Score]:
        return self.oracle.score([self.plain(item) for item in items])


def property_oracle(known: Property, measure: Callable[[Sequence[Item], Sequence[str]], np.ndarray]) -> ArrayOracle:
    """The oracle of a property, which measures all items in one call."""
    values = lambda items: measure(items, [known.name])[:, 0]  # noqa: E731
    return ArrayOracle(known.name, values, known.unit, known.direction, known.unknown)


def similarity_oracle(
    noun: str, text: str, parse: Callable[[str], Item | Refusal], written: Callable[[Item], str],
    similarity: Callable[[Sequence[Item], Sequence[Item]], np.ndarray],
) -> ArrayOracle:  # fmt: skip
    """The oracle of the domain's similarity to the item that is parsed from a text."""
    item = parse(text)
    if isinstance(item, Refusal):
        raise ConfigError(f"Expected a {noun} to compare with, got '{text[:60]}': {item.reason}.")
    name = f"{SIMILARITY_PREFIX}{written(item)}"
    return ArrayOracle(name, lambda items: similarity(items, [item])[:, 0], direction="maximize")


def property_oracles(
    items: ItemIO,
    properties: Mapping[str, Property],
    measure: Callable[[Sequence[Item], Sequence[str]], np.ndarray],
    similarity: Similarity,
    others: Mapping[str, Oracle] | None = None,
    noun: str = "item",
    not_goals: Mapping[str, str] | None = None,
) -> Oracles:
    """Oracles of a domain: its properties, `similarity to <item>`, and others by name.

    Parameters
    ----------
    items : ItemIO
    properties : mapping
        Name -> Property.
    measure : (items, names) -> [item property]
    similarity : Similarity
    others : mapping, optional
        Name -> Oracle, for oracles that aren't properties.
    noun : str
        Word for an item in error messages.
    not_goals : mapping, optional
        Name -> why it can't be a goal.

    Returns
    -------
    Oracles

    Examples
    --------
    >>> from sciencegen.domains.proteins import DOMAIN
    >>> from sciencegen.domains.properties import property_oracles
    >>> oracles = property_oracles(DOMAIN.items, DOMAIN.properties, DOMAIN.measure, DOMAIN.similarity)
    >>> [score.value for score in oracles.find("length").score(["MKV"])]
    [3.0]
    """
    table = {**{name: property_oracle(one, measure) for name, one in properties.items()}, **(others or {})}

    def find(name: str) -> Oracle:
        if name.startswith(SIMILARITY_PREFIX):
            other = name.removeprefix(SIMILARITY_PREFIX)
            return similarity_oracle(noun, other, items.parse, items.text, similarity.matrix)
        if name not in table:
            raise unknown_name(f"property of {noun}s", name, table)
        return table[name]

    return Oracles(find=find, names=lambda: list(table), not_goals=not_goals or {})
