"""Content of a report, as plain frozen records. Every section is optional; the page leaves out absent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sciencegen.report.candidate_content import Bounds, Candidates, Direction
from sciencegen.report.chart_content import Chart
from sciencegen.report.lengths import require_length
from sciencegen.report.picture_content import Gallery, Traversal
from sciencegen.report.round_content import Agreement, Rounds
from sciencegen.report.site_content import HeatMap, Logo

StructureStyle = Literal["sticks", "cartoon"]
"""Atoms and bonds; or the ribbon of a chain, coloured from its start to its end."""


@dataclass(frozen=True)
class Fact:
    """A number for the top of the page: "97 %", "novel", "not in the training set"."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Structures:
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
class LatentMap:
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
class Objective:
    """One axis of a Pareto plot."""

    name: str
    direction: Direction
    unit: str = ""


@dataclass(frozen=True)
class Pareto:
    """A pair of objectives. points: [candidate 2] in the order of the candidates table; front: which of them no other
    candidate beats in both; scored: [item 2], everything that the search looked at."""

    x: Objective
    y: Objective
    points: Sequence[Sequence[float]]
    front: Sequence[bool]
    scored: Sequence[Sequence[float]] = ()
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        require_length("Pareto", len(self.points), front=self.front, labels=self.labels)


@dataclass(frozen=True)
class Curve:
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
    curves: Sequence[Curve]
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
class Calibration:
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
    candidates: Candidates | None = None
    plate: Candidates | None = None
    rounds: Rounds | None = None
    agreement: Agreement | None = None
    structures: Structures | None = None
    heat_maps: Sequence[HeatMap] = ()
    logo: Logo | None = None
    distributions: Sequence[Distribution] = ()
    charts: Sequence[Chart] = ()
    gallery: Gallery | None = None
    latent_map: LatentMap | None = None
    traversals: Sequence[Traversal] = ()
    pareto: Sequence[Pareto] = ()
    traces: Sequence[Trace] = ()
    metrics: Sequence[Metric] = ()
    calibrations: Sequence[Calibration] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Provenance | None = None
    headings: Mapping[str, str] = field(default_factory=dict)
