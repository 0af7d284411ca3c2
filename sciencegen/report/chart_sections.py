"""The section of a domain's charts."""

from __future__ import annotations

from sciencegen.report import charts
from sciencegen.report.chart_content import Chart
from sciencegen.report.content import ReportContent
from sciencegen.report.markup import element, escape, number
from sciencegen.report.sections import figure, legend


def charts_section(content: ReportContent) -> str:
    """A panel for each chart with its legend and note; "" without charts."""
    panels = [figure(charts.chart(record), _caption(record)) for record in content.charts]
    return element("div", "".join(panels), class_="panels large") if panels else ""


def _caption(record: Chart) -> str:
    held = ", ".join(f"{100 * share:.0f}" for share in sorted(charts.SHARES))
    known = ("dot training", "training set")
    if charts.has_contours(record):
        known = ("training", f"training set: contours hold {held} %")
    entries = [known] if len(record.training) else []
    entries += [("dot generated", "draws of the model")] if len(record.generated) else []
    entries += [("dot candidate", "candidates")] if len(record.candidates) else []
    entries += [("line ink", record.line.name)] if record.line is not None else []
    words = [record.note, *_within(record)]
    return f"<b>{escape(record.title)}</b> {escape(' '.join(filter(None, words)))}{legend(entries)}"


def _within(record: Chart) -> list[str]:
    """A sentence on the points inside the widest contour."""
    found = [f"{name} {number(100 * share, 1)} %" for name, share in charts.shares_within(record)]
    return [f"Points inside the contour of {100 * max(charts.SHARES):.0f} %: {', '.join(found)}."] if found else []
