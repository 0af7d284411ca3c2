"""What a report says of items: a table, best first, with pictures and intervals.

Text is escaped by the page. `Candidates.pictures` alone are markup (an SVG element, or an <img> with a data: URI).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sciencegen.report.lengths import require_length

Bounds = tuple[float | None, float | None]
"""A wished range; None where one side is open."""

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Column:
    """One column of the candidates table: numbers, flags or text, with an interval around each number if known."""

    name: str
    values: Sequence[float | int | bool | str | None]
    unit: str = ""
    lower: Sequence[float | None] = ()
    upper: Sequence[float | None] = ()
    wished: Bounds | None = None
    direction: Direction | None = None
    description: str = ""

    def __post_init__(self) -> None:
        require_length(f"Column('{self.name}')", len(self.values), lower=self.lower, upper=self.upper)


@dataclass(frozen=True)
class Candidates:
    """What was found, best first. total: how many there are when the page shows only the first of them. noun: what
    they are called."""

    items: Sequence[str]
    columns: Sequence[Column] = ()
    pictures: Sequence[str] = ()
    ids: Sequence[str] = ()
    item_label: str = "Item"
    total: int | None = None
    noun: str = "candidates"

    def __post_init__(self) -> None:
        require_length("Candidates", len(self.items), pictures=self.pictures, ids=self.ids)
        for column in self.columns:
            require_length("Candidates", len(self.items), **{f"columns['{column.name}']": column.values})

    @classmethod
    def from_table(
        cls,
        table: Mapping[str, Sequence],
        pictures: Sequence[str] = (),
        *,
        units: Mapping[str, str] | None = None,
        wished: Mapping[str, Bounds] | None = None,
        directions: Mapping[str, Direction] | None = None,
        item_label: str = "Item",
        total: int | None = None,
        noun: str = "candidates",
    ) -> Candidates:
        """A candidates table as written: `rank, id, item, <property>, <property>_lower, <property>_upper, ...`."""
        bounds = {f"{name}_{side}" for name in table for side in ("lower", "upper")}
        names = [name for name in table if name not in bounds and name not in ("rank", "id", "item")]
        columns = [
            Column(
                name,
                _plain(table[name]),
                unit=(units or {}).get(name, ""),
                lower=_plain(table.get(f"{name}_lower", ())),
                upper=_plain(table.get(f"{name}_upper", ())),
                wished=(wished or {}).get(name),
                direction=(directions or {}).get(name),
            )
            for name in names
        ]
        ids = [str(value) for value in _plain(table.get("id", ()))]
        items = [str(value) for value in _plain(table["item"])]
        return cls(items, columns, pictures, ids, item_label, total, noun)


def _plain(values: Any) -> list:
    """Python numbers out of arrays, series and lists alike."""
    return values.tolist() if hasattr(values, "tolist") else list(values)
