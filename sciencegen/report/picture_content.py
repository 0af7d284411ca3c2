"""What a report shows of items as pictures, which alone are markup: an SVG element, or an <img> with a data: URI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sciencegen.report.lengths import require_length


@dataclass(frozen=True)
class Gallery:
    """groups: what the items are -> their pictures, all drawn on one scale."""

    groups: Mapping[str, Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Traversal:
    """Items along which one thing changes, in a row. labels: how far each is along it. pictures: "" where there is no
    item. asides: what else is said of each. note: of the whole row."""

    name: str
    labels: Sequence[str]
    pictures: Sequence[str]
    asides: Sequence[str] = ()
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        require_length(f"Traversal('{self.name}')", len(self.labels), pictures=self.pictures, asides=self.asides)
