"""Notes on parts of rows that reading an item leaves out, such as the salt of a molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sciencegen.domains.base import Domain
from sciencegen.items import Row

SHOWN = 5
"""Number of lines that a note lists."""


@dataclass(frozen=True)
class LeftOut:
    """Counts the rows of which `ItemIO.left_out` names a part, and keeps their first lines."""

    science: Domain
    lines: dict[str, list[int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def look(self, rows: Sequence[Row]) -> None:
        """Count these rows, which are items."""
        for row in rows:
            if what := self.science.items.left_out(row.text):
                self.counts[what] = self.counts.get(what, 0) + 1
                self.lines[what] = [*self.lines.get(what, ()), row.line][:SHOWN]

    @property
    def notes(self) -> list[str]:
        return [
            f"{count} rows hold {what}: line {', '.join(map(str, self.lines[what]))}{' ...' * (count > SHOWN)}"
            for what, count in self.counts.items()
        ]
