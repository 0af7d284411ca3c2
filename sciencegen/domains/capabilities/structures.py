"""Items with coordinates in space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from sciencegen.items import Item, Refusal

Placement = Mapping[str, tuple[Sequence[int], np.ndarray]]
"""Field of a representation -> (positions of `given(item)`, their values)."""


class Points(Protocol):
    """Points of one item. numbers: [point] type of each. positions: [point 3] in ångström."""

    @property
    def numbers(self) -> np.ndarray: ...

    @property
    def positions(self) -> np.ndarray: ...


class Scaffold(Protocol):
    """A part of an item that is to stay as it is in a file."""

    @property
    def item(self) -> Item: ...

    @property
    def pattern(self) -> str:
        """As `Moves.constraint` takes it."""

    def place(self, item: Item, attempt: int = 0) -> Placement | Refusal:
        """Where the part is in an item; further attempts take further matches."""

    def fit(self, item: Item, made: Item, known: Placement) -> Item | Refusal:
        """The completed item with the part in its place."""


@dataclass(frozen=True, kw_only=True)
class Structures:
    """Items as points in space.

    Parameters
    ----------
    records : (path) -> (format, texts), optional
        Of a file that `ItemIO.write` wrote, for a 3D viewer: the name of a format that 3Dmol.js reads, and the record
        of each item, "" for an item without coordinates.
    read_scaffold : (path) -> Scaffold, optional
    points : (items) -> list of Points or Refusal, optional
        Of items of the form, and of the domain's own items too, for which coordinates are made.
    readouts : mapping
        Property -> name in `networks.equivariant.properties.READOUTS`, where it is known.
    """

    records: Callable[[Path], tuple[str, Iterator[str]]] | None = None
    read_scaffold: Callable[[Path], Scaffold] | None = None
    points: Callable[[Sequence[Item]], Sequence[Points | Refusal]] | None = None
    readouts: Mapping[str, str] = field(default_factory=dict)
