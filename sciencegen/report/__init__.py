"""One self-contained HTML page from plain records, independent of the domain."""

from sciencegen.report.content import (
    Agreement,
    Axis,
    Chart,
    ColumnDescription,
    Distribution,
    Fact,
    Gallery,
    HeatMap,
    Line,
    Logo,
    Metric,
    Pareto,
    Provenance,
    ReportContent,
    Rounds,
    Trace,
    Traversal,
)
from sciencegen.report.content import CalibrationContent as Calibration
from sciencegen.report.content import CandidateContent as Candidates
from sciencegen.report.content import CurveContent as Curve
from sciencegen.report.content import LatentMapContent as LatentMap
from sciencegen.report.content import ObjectiveContent as Objective
from sciencegen.report.content import StructureContent as Structures
from sciencegen.report.content import TableColumn as Column
from sciencegen.report.page import render_page, write_report

__all__ = [
    "Agreement",
    "Axis",
    "Calibration",
    "Candidates",
    "Chart",
    "Column",
    "ColumnDescription",
    "Curve",
    "Distribution",
    "Fact",
    "Gallery",
    "HeatMap",
    "LatentMap",
    "Line",
    "Logo",
    "Metric",
    "Objective",
    "Pareto",
    "Provenance",
    "ReportContent",
    "Rounds",
    "Structures",
    "Trace",
    "Traversal",
    "render_page",
    "write_report",
]
