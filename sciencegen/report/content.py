"""Content of a report, as plain frozen records. Every section is optional; the page leaves out absent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from sciencegen.errors import ShapeError

# Checks of the lengths of a record's parts.


def require_length(owner: str, expected: int, **sequences: Sequence | None) -> None:
    """Raise an error that names a sequence if it is not empty and doesn't have `expected` entries."""
    for name, sequence in sequences.items():
        if sequence is not None and len(sequence) not in (0, expected):
            raise ShapeError(f"Expected {expected} entries in {owner}.{name}, got {len(sequence)}.")


# Content of a report about items: a table, best first, with pictures and intervals.
#
# The page escapes all text. Only `Candidates.pictures` are markup (an SVG element, or an <img> with a data: URI).

Bounds = tuple[float | None, float | None]
"""Range of a goal; None for an open end."""

Direction = Literal["maximize", "minimize"]


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


@dataclass(frozen=True)
class ColumnDescription:
    """Units, ranges and directions of goals, by column."""

    units: Mapping[str, str] = field(default_factory=dict)
    goal_ranges: Mapping[str, Bounds] = field(default_factory=dict)
    directions: Mapping[str, Direction] = field(default_factory=dict)


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
        cls,
        table: Mapping[str, Sequence],
        pictures: Sequence[str] = (),
        description: ColumnDescription | None = None,
        total: int | None = None,
        noun: str = "candidates",
    ) -> CandidateContent:
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
        >>> (column,) = CandidateContent.from_table(table, description=ColumnDescription({"mass": "Da"})).columns
        >>> column.name, column.unit, column.upper
        ('mass', 'Da', [47.2])
        """
        described = description or ColumnDescription()
        bounds = {f"{name}_{side}" for name in table for side in ("lower", "upper")}
        names = [name for name in table if name not in bounds and name not in ("rank", "id", "item")]
        columns = [
            TableColumn(
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


# Content of a report about a campaign: measured values by round, and their predictions.


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
    direction: Literal["maximize", "minimize"] = "maximize"

    def __post_init__(self) -> None:
        parts = {"values": self.values, "labels": self.labels, "table_rows": self.table_rows}
        require_length("Rounds", len(self.rounds), **parts)


@dataclass(frozen=True)
class Agreement:
    """Predictions of items before they were measured, with intervals at `level`, and the measured values."""

    name: str
    rounds: Sequence[int]
    predicted: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    measured: Sequence[float]
    labels: Sequence[str] = ()
    table_rows: Sequence[int] = ()
    unit: str = ""
    level: float = 0.9

    def __post_init__(self) -> None:
        names = ("predicted", "lower", "upper", "measured", "labels", "table_rows")
        require_length("Agreement", len(self.rounds), **{name: getattr(self, name) for name in names})


# Content of a report about letters in columns: a number for each letter, and the frequencies of letters.


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


# Pictures of items in a report. Only these are markup: an SVG element, or an <img> with a data: URI.


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


StructureStyle = Literal["sticks", "cartoon"]
"""Atoms and bonds; or the ribbon of a chain, coloured from its start to its end."""


@dataclass(frozen=True)
class Fact:
    """A number for the top of the page: "97 %", "novel", "not in the training set"."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class StructureContent:
    """Candidates in three dimensions, in an interactive viewer. texts: records in `format`, one that 3Dmol.js reads
    (sdf, xyz, pdb); "" for a candidate without structure. style: how they are drawn."""

    names: Sequence[str]
    texts: Sequence[str]
    format: str = "sdf"
    style: StructureStyle = "sticks"

    def __post_init__(self) -> None:
        require_length("Structures", len(self.names), texts=self.texts)


@dataclass(frozen=True)
class Distribution:
    """One property of the candidates, compared with the training set (and, if given, with raw draws of the model)."""

    name: str
    candidates: Sequence[float]
    training: Sequence[float]
    generated: Sequence[float] = ()
    unit: str = ""
    goal_range: Bounds | None = None
    direction: Direction | None = None


@dataclass(frozen=True)
class LatentMapContent:
    """Two coordinates per item. candidates: [candidate 2] in the order of the candidates table; training: [item 2].

    values: a number for each training item, called `value_name`, which determines its colour; NaN is grey. groups:
    instead of numbers, the group of each training item; the largest groups are coloured, the others and "" are grey."""

    candidates: Sequence[Sequence[float]]
    training: Sequence[Sequence[float]] = ()
    labels: Sequence[str] = ()
    x_label: str = "Latent axis 1"
    y_label: str = "Latent axis 2"
    note: str = ""
    values: Sequence[float] = ()
    value_name: str = ""
    unit: str = ""
    groups: Sequence[str] = ()

    def __post_init__(self) -> None:
        require_length("LatentMap", len(self.candidates), labels=self.labels)
        require_length("LatentMap", len(self.training), values=self.values, groups=self.groups)


@dataclass(frozen=True)
class ObjectiveContent:
    """One axis of a Pareto plot."""

    name: str
    direction: Direction
    unit: str = ""


@dataclass(frozen=True)
class Pareto:
    """A pair of objectives. points: [candidate 2] in the order of the candidates table; front: which of them no other
    candidate beats in both; scored: [item 2], everything that the search looked at."""

    x: ObjectiveContent
    y: ObjectiveContent
    points: Sequence[Sequence[float]]
    front: Sequence[bool]
    scored: Sequence[Sequence[float]] = ()
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        require_length("Pareto", len(self.points), front=self.front, labels=self.labels)


@dataclass(frozen=True)
class CurveContent:
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
        owner = f"Curve('{self.name}')"
        require_length(owner, len(self.calls), values=self.values, lower=self.lower, upper=self.upper)


@dataclass(frozen=True)
class Trace:
    """One statistic of the search ("best", "mean of the top 10") against oracle calls, a curve per method; or of draws,
    against their number. axis: what the calls of the curves count."""

    statistic: str
    curves: Sequence[CurveContent]
    unit: str = ""
    axis: str = "oracle calls (distinct items scored)"


@dataclass(frozen=True)
class Metric:
    """A number with reference values. meaning: one sentence; direction: which values are better, None if neither.
    samples: number of samples that it was measured on, shown beside references."""

    name: str
    value: float | None
    unit: str = ""
    references: Mapping[str, float] = field(default_factory=dict)
    meaning: str = ""
    direction: Direction | None = None
    lower: float | None = None
    upper: float | None = None
    command: str = ""
    samples: int | None = None


@dataclass(frozen=True)
class CalibrationContent:
    """Observed against requested values of a property: centre and spread of raw draws for each requested value."""

    name: str
    requested: Sequence[float]
    observed: Sequence[float]
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()
    mean_absolute_error: Sequence[float] = ()
    hit_rate: Sequence[float] = ()
    tolerance: float | None = None
    unit: str = ""
    spread: str = "central 80 % of the draws"

    def __post_init__(self) -> None:
        sequences = {
            name: getattr(self, name) for name in ("observed", "lower", "upper", "mean_absolute_error", "hit_rate")
        }
        require_length(f"Calibration('{self.name}')", len(self.requested), **sequences)


@dataclass(frozen=True)
class Provenance:
    """What is needed to reproduce this page."""

    commands: Sequence[str] = ()
    seeds: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportContent:
    """All content of a report. plate: items to measure next. headings: key of a section -> another title for it."""

    title: str
    summary: str = ""
    goals: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    candidates: CandidateContent | None = None
    plate: CandidateContent | None = None
    rounds: Rounds | None = None
    agreement: Agreement | None = None
    structures: StructureContent | None = None
    heat_maps: Sequence[HeatMap] = ()
    logo: Logo | None = None
    distributions: Sequence[Distribution] = ()
    charts: Sequence[Chart] = ()
    gallery: Gallery | None = None
    latent_map: LatentMapContent | None = None
    traversals: Sequence[Traversal] = ()
    pareto: Sequence[Pareto] = ()
    traces: Sequence[Trace] = ()
    metrics: Sequence[Metric] = ()
    calibrations: Sequence[CalibrationContent] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Provenance | None = None
    headings: Mapping[str, str] = field(default_factory=dict)


# Items as letters in columns, which a domain provides for heat maps of changes and for logos.


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
