"""The optional part `Structures`: items with coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from sciencegen.items import Item, Refusal
from sciencegen.report.content import StructureStyle

Placement = Mapping[str, tuple[Sequence[int], np.ndarray]]
"""Field of a representation -> (positions of `given(item)`, their values)."""


class Points(Protocol):
    """Points (atoms) of one item. numbers: [point] their types. positions: [point 3] in ångström."""

    @property
    def numbers(self) -> np.ndarray: ...

    @property
    def positions(self) -> np.ndarray: ...


class Scaffold(Protocol):
    """A part of an item, read from a file, that must be kept unchanged."""

    @property
    def item(self) -> Item: ...

    @property
    def pattern(self) -> str:
        """The part as a pattern for `Moves.constraint`."""

    def place(self, item: Item, attempt: int = 0) -> Placement | Refusal:
        """Find the part in an item; each attempt uses another match."""

    def fit(self, item: Item, made: Item, known: Placement) -> Item | Refusal:
        """Align the completed item `made` so that the part has its coordinates of the file."""


@dataclass(frozen=True, kw_only=True)
class Structures:
    """Items as points in space.

    Parameters
    ----------
    records : (path) -> (format, texts), optional
        Read a file that `ItemIO.write` wrote for a 3D viewer: the name of a format that 3Dmol.js supports, and the
        record of each item, "" for an item without coordinates.
    read_scaffold : (path) -> Scaffold, optional
    points : (items) -> list of Points or Refusal, optional
        Accepts items of the form and also plain items of the domain, for which coordinates are generated.
    style : "sticks" or "cartoon"
        How the viewer draws the records.
    readouts : mapping
        Property -> name in `networks.equivariant.properties.READOUTS`, if there is one.
    """

    records: Callable[[Path], tuple[str, Iterator[str]]] | None = None
    read_scaffold: Callable[[Path], Scaffold] | None = None
    points: Callable[[Sequence[Item]], Sequence[Points | Refusal]] | None = None
    style: StructureStyle = "sticks"
    readouts: Mapping[str, str] = field(default_factory=dict)
