"""Content of a report about letters in columns: a number for each letter, and the frequencies of letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sciencegen.report.lengths import require_length


@dataclass(frozen=True)
class HeatMap:
    """A number for each letter at each site; the name of a cell is the reference's letter, the site and its letter.

    rows: letters. columns: names of the sites. reference: the wild type's letter at each site, "" where unknown.
    values: [row column], NaN where there is none. asides: [row column], text added to the value on hovering.
    centre, centre_name: the value at the centre of the diverging colours, and its name. direction: which values are
    better; if given, the best cells are outlined.
    """

    name: str
    rows: Sequence[str]
    columns: Sequence[str]
    reference: Sequence[str]
    values: Sequence[Sequence[float]]
    asides: Sequence[Sequence[str]] = ()
    unit: str = ""
    centre: float = 0.0
    centre_name: str = ""
    direction: Literal["maximize", "minimize"] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        require_length("HeatMap", len(self.columns), reference=self.reference)
        require_length("HeatMap", len(self.rows), values=self.values, asides=self.asides)
        for row in (*self.values, *self.asides):
            require_length("HeatMap", len(self.columns), row=row)


@dataclass(frozen=True)
class Logo:
    """The frequencies of letters at each site, in groups of items that are drawn one above the other.

    counts: name of a group -> [column letter], count (or total weight) of each letter at each site.
    classes: name -> letters in one colour; of all letters, in the order of `letters`. reference: as in a `HeatMap`.
    """

    letters: Sequence[str]
    columns: Sequence[str]
    counts: Mapping[str, Sequence[Sequence[float]]]
    reference: Sequence[str] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        require_length("Logo", len(self.columns), reference=self.reference, **dict(self.counts))
        for rows in self.counts.values():
            for row in rows:
                require_length("Logo", len(self.letters), counts=row)
