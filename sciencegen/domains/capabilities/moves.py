"""Moves on items, for searches and design rounds, and patterns that items must or must not contain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Item, Reference, Refusal

Move = Callable[[Item, np.random.Generator], Item | Refusal]
Crossover = Callable[[Item, Item, np.random.Generator], Item | Refusal]
Test = Callable[[Item], bool]
MakeTest = Callable[[Sequence[str], Sequence[str], Reference | None], Test]
"""(patterns to keep, patterns to forbid, reference) -> test of an item. A forbidden pattern that the reference contains
is allowed at the same place in an item."""


def no_patterns(keep: Sequence[str], forbid: Sequence[str], reference: Reference | None) -> Test:
    """The `constraint` of a domain without patterns: raises an error if any are given."""
    if pattern := next(iter((*keep, *forbid)), None):
        raise ConfigError(f"Expected no patterns, got '{pattern}': this domain has none. Use `where`.")
    return lambda item: True


class Materials(NamedTuple):
    """What making an item takes. blocks: what is bought. intermediates: what is made on the way. last: the
    intermediates that the last step takes."""

    blocks: tuple[str, ...]
    intermediates: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


Columns = dict[str, list[Cell]]
"""Cells by column, in the order of items."""


@dataclass(frozen=True, kw_only=True)
class BlockMoves:
    """Moves over items that are made from given building blocks, each with the way to make it.

    Parameters
    ----------
    draw : (count, generator) -> items or Refusals
        Random items.
    mutate, edit, recombine
        As those of `Moves`, for items that these moves made or that were entered; others are refused.
    nearest : (item, count) -> items
        Items that can be made and are most like any item, best first; the item itself is the first if it can be made.
    analogues : (item, count) -> items and their columns
        The same items with their `columns`, which depend on the arguments alone. They are not entered.
    enter : (text) -> item or Refusal
        The item that is made as a cell of the first of the `columns` says; the moves know it from then on.
    columns : (items) -> columns of a table
        How each item is made.
    materials : (item) -> Materials or None
        What making the item takes; None for an item that these moves don't know.
    notes : tuple of str
        What a user should know of the blocks, such as how many can't be used.
    """

    draw: Callable[[int, np.random.Generator], list[Item | Refusal]]
    mutate: Move
    edit: Move
    recombine: Crossover
    nearest: Callable[[Item, int], list[Item]]
    analogues: Callable[[Item, int], tuple[list[Item], Columns]]
    enter: Callable[[str], Item | Refusal]
    columns: Callable[[Sequence[Item]], Columns]
    materials: Callable[[Item], Materials | None]
    notes: tuple[str, ...] = ()


FromBlocks = Callable[[Sequence[Item], Sequence[str], int], BlockMoves]
"""(blocks, names of the blocks, greatest number of steps) -> moves."""


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Moves of a domain.

    Parameters
    ----------
    mutate : (item, generator) -> item or Refusal
        A small random change of an item's text; the baseline for searches in a latent space.
    edit : (item, generator) -> item or Refusal, optional
        A small random change of the item itself.
    recombine : (item, other, generator) -> item or Refusal, optional
        Crossover: an item with parts of both.
    constraint : (keep, forbid, reference) -> test, optional
        Combine patterns in the domain's syntax (molecules: SMARTS) to one test of an item.
    plausible : (item) -> bool, optional
        Whether an expert would expect that the item can exist (molecules: no group that decomposes). Draws, searches
        and plates leave other items out by default.
    familiar : (known items) -> test, optional
        Whether an item has few parts that neither the domain's reference nor known items have (molecules: atom
        environments and large rings). Searches and plates, whose moves leave what a model has learned, leave other
        items out by default.
    implausible_groups : (pattern) -> names
        What makes every item that holds a pattern to keep implausible; empty if that isn't certain.
    from_blocks : (blocks, names, steps) -> BlockMoves, optional
        Moves over items that are made from building blocks in a limited number of steps (molecules: synthesis routes).
    """

    mutate: Move
    edit: Move | None = None
    recombine: Crossover | None = None
    constraint: MakeTest = no_patterns
    plausible: Test | None = None
    familiar: Callable[[Sequence[Item]], Test] | None = None
    implausible_groups: Callable[[str], list[str]] = lambda pattern: []
    from_blocks: FromBlocks | None = None
