"""One self-contained HTML page from plain records, independent of the domain."""

from sciencegen.report.candidate_content import Candidates, Column, ColumnDescription
from sciencegen.report.chart_content import Axis, Chart, Line
from sciencegen.report.content import (
    Calibration,
    Curve,
    Distribution,
    Fact,
    LatentMap,
    Metric,
    Objective,
    Pareto,
    Provenance,
    ReportContent,
    Structures,
    Trace,
)
from sciencegen.report.page import render_page, write_report
from sciencegen.report.picture_content import Gallery, Traversal
from sciencegen.report.round_content import Agreement, Rounds
from sciencegen.report.site_content import HeatMap, Logo

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
