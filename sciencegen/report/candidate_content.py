"""Content of a report about items: a table, best first, with pictures and intervals.

The page escapes all text. Only `Candidates.pictures` are markup (an SVG element, or an <img> with a data: URI).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from sciencegen.report.lengths import require_length

Bounds = tuple[float | None, float | None]
"""Range of a goal; None for an open end."""

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Column:
    """One column of the candidates table: numbers, flags or text, with an interval around each number if known."""

    name: str
    values: Sequence[float | int | bool | str | None]
    unit: str = ""
    lower: Sequence[float | None] = ()
    upper: Sequence[float | None] = ()
    goal_range: Bounds | None = None
    direction: Direction | None = None
    description: str = ""

    def __post_init__(self) -> None:
        require_length(f"Column('{self.name}')", len(self.values), lower=self.lower, upper=self.upper)


@dataclass(frozen=True)
class ColumnDescription:
    """Units, ranges and directions of goals, by column."""

    units: Mapping[str, str] = field(default_factory=dict)
    goal_ranges: Mapping[str, Bounds] = field(default_factory=dict)
    directions: Mapping[str, Direction] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidates:
    """Items, best first. total: number of all items, if the page shows only the first of them. noun: what the items are
    called."""

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
        description: ColumnDescription | None = None,
        total: int | None = None,
        noun: str = "candidates",
    ) -> Candidates:
        """Candidates from a table of candidates.

        Parameters
        ----------
        table : mapping
            Columns `rank, id, item, <property>, <property>_lower, <property>_upper, ...`; only `item` is needed.
        pictures : sequence of str
            Markup, one for each item.
        description : ColumnDescription, optional
        total : int, optional
            Number of all items, if the table has only the first of them.
        noun : str
            What the items are called.

        Examples
        --------
        >>> table = {"item": ["CCO"], "mass": [46.1], "mass_lower": [45.0], "mass_upper": [47.2]}
        >>> (column,) = Candidates.from_table(table, description=ColumnDescription({"mass": "Da"})).columns
        >>> column.name, column.unit, column.upper
        ('mass', 'Da', [47.2])
        """
        described = description or ColumnDescription()
        bounds = {f"{name}_{side}" for name in table for side in ("lower", "upper")}
        names = [name for name in table if name not in bounds and name not in ("rank", "id", "item")]
        columns = [
            Column(
                name,
                _as_list(table[name]),
                unit=described.units.get(name, ""),
                lower=_as_list(table.get(f"{name}_lower", ())),
                upper=_as_list(table.get(f"{name}_upper", ())),
                goal_range=described.goal_ranges.get(name),
                direction=described.directions.get(name),
            )
            for name in names
        ]
        ids = [str(value) for value in _as_list(table.get("id", ()))]
        items = [str(value) for value in _as_list(table["item"])]
        return cls(items, columns, pictures, ids, total=total, noun=noun)


@runtime_checkable
class Array(Protocol):
    """An array or series."""

    def tolist(self) -> list: ...


def _as_list(values: Array | Sequence) -> list:
    """Python numbers of an array, a series or a list."""
    return values.tolist() if isinstance(values, Array) else list(values)
