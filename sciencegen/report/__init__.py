"""One self-contained HTML page from plain records; knows no science."""

from sciencegen.report.content import (
    Calibration,
    Candidates,
    Column,
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

__all__ = [
    "Calibration",
    "Candidates",
    "Column",
    "Curve",
    "Distribution",
    "Fact",
    "LatentMap",
    "Metric",
    "Objective",
    "Pareto",
    "Provenance",
    "ReportContent",
    "Structures",
    "Trace",
    "render_page",
    "write_report",
]
