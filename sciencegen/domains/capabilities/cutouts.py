"""The optional part `Cutouts`: items cut out of a large image at the positions of a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sciencegen.config import CutoutSettings
from sciencegen.items import Cell, Item, Refusal


@dataclass(frozen=True)
class Cut:
    """What was cut for a row of the catalogue. line, name: of the row. values: its other columns, and what is known of
    the cut, such as flags."""

    line: int
    name: str
    item: Item | Refusal
    values: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cutouts:
    """Large images that hold items.

    Parameters
    ----------
    formats : tuple of str
        File endings of images.
    cut : (image, catalogue, settings) -> cuts
        Cuts are made one by one, so that the image may be larger than memory. Errors of the files are raised by the
        call.
    notes : (cuts' values) -> notes
        What to know about all cuts.
    """

    formats: tuple[str, ...]
    cut: Callable[[Path, Path, CutoutSettings], Iterator[Cut]]
    notes: Callable[[list[Mapping[str, Cell]]], list[str]] = lambda values: []
