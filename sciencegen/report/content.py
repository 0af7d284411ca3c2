"""The records that pages and plots share with domains: tables of items, charts, curves, letters at sites.

Everything else of a page is arguments of a section's function (`sections`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from sciencegen.errors import ShapeError
from sciencegen.items import Direction
from sciencegen.report.text import Bounds, goal_text, is_number


def require_length(owner: str, expected: int, **sequences: Sequence | None) -> None:
    """Raise an error that names a sequence if it is not empty and doesn't have `expected` entries."""
    for name, sequence in sequences.items():
        if sequence is not None and len(sequence) not in (0, expected):
            raise ShapeError(f"Expected {expected} entries in {owner}.{name}, got {len(sequence)}.")


# Items, best first: a table with pictures and intervals. The page escapes all text; only `pictures` are markup (an SVG
# element, or an <img> with a data: URI).


@dataclass(frozen=True)
class TableColumn:
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

    @cached_property
    def kind(self) -> Literal["number", "flag", "text"]:
        """Numbers or flags if all present values, at least one, are such."""
        present = [value for value in self.values if value is not None]
        if present and all(isinstance(value, bool | np.bool_) for value in present):
            return "flag"
        return "number" if present and all(map(is_number, present)) else "text"

    @property
    def goal(self) -> str:
        """The goal in words, "" without one."""
        return goal_text(self.goal_range, self.direction)


@dataclass(frozen=True)
class CandidateContent:
    """Items, best first. total: number of all items, if the page shows only the first of them. noun: what the items are
    called."""

    items: Sequence[str]
    columns: Sequence[TableColumn] = ()
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
        cls, table: Mapping[str, Sequence], pictures: Sequence[str] = (), *, units: Mapping[str, str] | None = None,
        goal_ranges: Mapping[str, Bounds] | None = None, directions: Mapping[str, Direction] | None = None,
        total: int | None = None, noun: str = "candidates",
    ) -> CandidateContent:  # fmt: skip
        """Candidates from a table of candidates.

        Parameters
        ----------
        table : mapping
            Columns `rank, id, item, <property>, <property>_lower, <property>_upper, ...`; only `item` is needed.
        pictures : sequence of str
            Markup, one for each item.
        units, goal_ranges, directions : mapping, optional
            By column.
        total : int, optional
            Number of all items, if the table has only the first of them.
        noun : str
            What the items are called.

        Examples
        --------
        >>> table = {"item": ["CCO"], "mass": [46.1], "mass_lower": [45.0], "mass_upper": [47.2]}
        >>> (column,) = CandidateContent.from_table(table, units={"mass": "Da"}).columns
        >>> column.name, column.unit, column.upper
        ('mass', 'Da', [47.2])
        """
        bounds = {f"{name}_{side}" for name in table for side in ("lower", "upper")}
        columns = [
            TableColumn(
                name,
                _as_list(table[name]),
                unit=(units or {}).get(name, ""),
                lower=_as_list(table.get(f"{name}_lower", ())),
                upper=_as_list(table.get(f"{name}_upper", ())),
                goal_range=(goal_ranges or {}).get(name),
                direction=(directions or {}).get(name),
            )
            for name in table
            if name not in bounds and name not in ("rank", "id", "item")
        ]
        ids, items = ([str(value) for value in _as_list(table.get(name, ()))] for name in ("id", "item"))
        return cls(items, columns, pictures, ids, total=total, noun=noun)


@runtime_checkable
class Array(Protocol):
    """An array or series."""

    def tolist(self) -> list: ...


def _as_list(values: Array | Sequence) -> list:
    """Python numbers of an array, a series or a list."""
    return values.tolist() if isinstance(values, Array) else list(values)


# Plots of two quantities that a domain chooses: those of candidates and of draws against those of the training set.

Points = Sequence[Sequence[float]]
"""[point 2]"""


@dataclass(frozen=True)
class Axis:
    """low, high: fixed ends, if given. tick: distance of the labels. periodic: whether `high` is `low` again, as for
    angles."""

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    tick: float | None = None
    periodic: bool = False

    def __post_init__(self) -> None:
        if self.periodic and (self.low is None or self.high is None):
            raise ShapeError(f"Expected both ends of the periodic Axis('{self.name}'), got {self.low} and {self.high}.")


@dataclass(frozen=True)
class Line:
    """A line to compare with, such as a known law."""

    name: str
    points: Points


@dataclass(frozen=True)
class Chart:
    """Two quantities against each other.

    Parameters
    ----------
    title : str
    x, y : Axis
    candidates, training, generated : [point 2]
        Points of the candidates, the training set and draws of the model; an item may have several.
    labels : sequence of str
        A name for each point of `candidates`, if these are the rows of the candidates table, which they then show.
    contours : bool
        Draw the density of the training set's points, for items with many points; both axes need their ends.
    line : Line, optional
    note : str
    """

    title: str
    x: Axis
    y: Axis
    candidates: Points
    training: Points = ()
    generated: Points = ()
    labels: Sequence[str] = ()
    contours: bool = False
    line: Line | None = None
    note: str = ""

    def __post_init__(self) -> None:
        require_length(f"Chart('{self.title}')", len(self.candidates), labels=self.labels)
        if self.contours and None in (self.x.low, self.x.high, self.y.low, self.y.high):
            raise ShapeError(f"Expected both ends of both axes for the contours of Chart('{self.title}').")


# Curves and axes of a search, and the measured items of a campaign, on pages and in papers.


@dataclass(frozen=True)
class SearchCurve:
    """Progress of a search: `values` after `calls` distinct scored items. lower, upper: spread over seeds, if known.

    control: whether it is a baseline, which is drawn dashed.
    """

    name: str
    calls: Sequence[float]
    values: Sequence[float]
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()
    control: bool = False

    def __post_init__(self) -> None:
        owner = f"SearchCurve('{self.name}')"
        require_length(owner, len(self.calls), values=self.values, lower=self.lower, upper=self.upper)


@dataclass(frozen=True)
class GoalAxis:
    """One quantity of a search. direction: which values are better, None if none are. low, high: ends of the range that
    is asked for, infinite where it is open."""

    name: str
    unit: str = ""
    direction: Direction | None = None
    low: float = -np.inf
    high: float = np.inf

    @property
    def sign(self) -> float:
        """Values times this are maximized."""
        return -1.0 if self.direction == "minimize" else 1.0


@dataclass(frozen=True)
class Rounds:
    """Measured items of a campaign, oldest first. rounds, values: of each. labels: names. table_rows: the row of each
    item in the candidates table, or -1."""

    name: str
    rounds: Sequence[int]
    values: Sequence[float]
    labels: Sequence[str] = ()
    table_rows: Sequence[int] = ()
    unit: str = ""
    direction: Direction = "maximize"

    def __post_init__(self) -> None:
        parts = {"values": self.values, "labels": self.labels, "table_rows": self.table_rows}
        require_length("Rounds", len(self.rounds), **parts)

    def best_so_far(self) -> dict[int, float]:
        """Round -> the best value up to its end."""
        pick, values = (np.max if self.direction == "maximize" else np.min), np.asarray(self.values, dtype=float)
        rounds = np.asarray(self.rounds)
        return {one: float(pick(values[rounds <= one])) for one in sorted(set(rounds.tolist()))}


@dataclass(frozen=True)
class CheckedPredictions:
    """Predictions of items that the predictor didn't learn from, with intervals at `level`, and the measured values.

    rounds, labels, table_rows: of the items of a campaign, as in `Rounds`.
    """

    measured: Sequence[float] | np.ndarray
    predicted: Sequence[float] | np.ndarray
    lower: Sequence[float] | np.ndarray
    upper: Sequence[float] | np.ndarray
    level: float = 0.9
    name: str = ""
    rounds: Sequence[int] = ()
    labels: Sequence[str] = ()
    table_rows: Sequence[int] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        names = ("measured", "lower", "upper", "rounds", "labels", "table_rows")
        require_length("CheckedPredictions", len(self.predicted), **{name: getattr(self, name) for name in names})

    @property
    def inside(self) -> Bool[np.ndarray, " item"]:
        """Whether the interval holds the measured value."""
        measured = np.asarray(self.measured, float)
        return (np.asarray(self.lower, float) <= measured) & (measured <= np.asarray(self.upper, float))


# Letters in columns, which a domain provides for heat maps of changes and for logos.


@dataclass(frozen=True, slots=True)
class Change:
    """A change from the reference's letter to another one at a numbered site."""

    reference: str
    site: int
    letter: str


@dataclass(frozen=True)
class Sites:
    """Items aligned in columns, with one letter in each.

    rows: the letters of each item, one per column; None for an item that can't be aligned. columns: their names.
    reference: the letters of the reference, "" if it is unknown.
    """

    rows: Sequence[str | None]
    columns: Sequence[str]
    reference: str


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
    direction: Direction | None = None
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


StructureStyle = Literal["sticks", "cartoon"]
"""Atoms and bonds; or the ribbon of a chain, coloured from its start to its end."""
