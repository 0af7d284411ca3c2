"""Oracles that every domain has: each of its properties, and the similarity to one item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sciencegen.domains.base import Item
from sciencegen.errors import ConfigError
from sciencegen.items import Property, Refusal
from sciencegen.scoring.oracles import ArrayOracle

SIMILARITY_PREFIX = "similarity to "


def property_oracle(known: Property, measure: Callable[[Sequence[Item], Sequence[str]], np.ndarray]) -> ArrayOracle:
    """A property, of batches that are measured together."""
    return ArrayOracle(known.name, lambda items: measure(items, [known.name])[:, 0], known.unit, known.direction)


def similarity_oracle(
    noun: str, text: str, parse: Callable[[str], Any], written: Callable[[Item], str],
    similarity: Callable[[Sequence[Item], Sequence[Item]], np.ndarray],
) -> ArrayOracle:  # fmt: skip
    """Likeness to the item that a text stands for, by the domain's own similarity."""
    item = parse(text)
    if isinstance(item, Refusal):
        raise ConfigError(f"Expected a {noun} to compare with, got '{text[:60]}': {item.reason}.")
    name = f"{SIMILARITY_PREFIX}{written(item)}"
    return ArrayOracle(name, lambda items: similarity(items, [item])[:, 0], direction="maximize")
