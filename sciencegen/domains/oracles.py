"""Oracles that every domain has: each of its properties, and the similarity to one item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sciencegen.domains.base import ItemIO, Oracles, Similarity
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Item, Property, Refusal
from sciencegen.scoring.oracles import ArrayOracle, Oracle

SIMILARITY_PREFIX = "similarity to "


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
    >>> from sciencegen.domains.oracles import property_oracles
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
