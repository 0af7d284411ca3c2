"""Pictures of items in a report. Only these are markup: an SVG element, or an <img> with a data: URI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sciencegen.report.lengths import require_length


@dataclass(frozen=True)
class Gallery:
    """groups: name of a group of items -> their pictures, all drawn with one scale."""

    groups: Mapping[str, Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Traversal:
    """A row of items along which one quantity changes. labels: its value for each item. pictures: "" if there is no
    item. asides: further text for each item. note: text for the whole row."""

    name: str
    labels: Sequence[str]
    pictures: Sequence[str]
    asides: Sequence[str] = ()
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        require_length(f"Traversal('{self.name}')", len(self.labels), pictures=self.pictures, asides=self.asides)
