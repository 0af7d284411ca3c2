"""Moves on items, for searches and design rounds, and patterns that items must or must not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.errors import ConfigError
from sciencegen.items import Item, Reference, Refusal

Move = Callable[[Item, np.random.Generator], Item | Refusal]
Crossover = Callable[[Item, Item, np.random.Generator], Item | Refusal]
Test = Callable[[Item], bool]
MakeTest = Callable[[Sequence[str], Sequence[str], Reference | None], Test]
"""(patterns to keep, patterns to forbid, reference) -> test of an item. With a reference, patterns that the reference
itself holds may stay where it has them."""


def no_patterns(keep: Sequence[str], forbid: Sequence[str], reference: Reference | None) -> Test:
    """The test of a domain without patterns: any pattern is an error."""
    if pattern := next(iter((*keep, *forbid)), None):
        raise ConfigError(f"Expected no patterns, got '{pattern}': this domain has none. Use `where`.")
    return lambda item: True


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Moves of a domain.

    Parameters
    ----------
    mutate : (item, generator) -> item or Refusal
        A small random move on how an item is written; the control that a latent search must beat.
    edit : (item, generator) -> item or Refusal, optional
        A small random move on the item itself.
    recombine : (item, other, generator) -> item or Refusal, optional
        A child of two items.
    constraint : (keep, forbid, reference) -> test, optional
        Patterns in the domain's language (molecules: SMARTS) as one test of an item.
    """

    mutate: Move
    edit: Move | None = None
    recombine: Crossover | None = None
    constraint: MakeTest = no_patterns
