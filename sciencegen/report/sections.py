"""Sections of the page, each a function from the content to HTML; "" if the content has no such part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sciencegen.report import plots
from sciencegen.report.content import Calibration, ReportContent, Trace
from sciencegen.report.histograms import histogram
from sciencegen.report.markup import MISSING, decimals, element, escape, goal_text, number, readable, with_unit
from sciencegen.report.metrics_table import metrics_table
from sciencegen.report.table import candidates_table


def figure(picture: str, caption: str = "", wide: bool = False) -> str:
    """A panel with its caption, which is markup."""
    return element(
        "figure", picture + (element("figcaption", caption) if caption else ""), class_="wide" if wide else "panel"
    )


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Colour keys. Each entry is a CSS class (or `line role`) of the key and its text."""
    keys = "".join(f'<li><i class="key {kind}"></i>{escape(text)}</li>' for kind, text in entries)
    return element("ul", keys, class_="legend")


def candidates(content: ReportContent) -> str:
    """The candidates table with its toolbar."""
    if content.candidates is None or not content.candidates.items:
        return ""
    return candidates_table(content.candidates)


def structures(content: ReportContent) -> str:
    """A selection list, the viewer's element, and the records as text, which the viewer reads."""
    record = content.structures
    if record is None or not any(record.texts):
        return ""
    shown = [(name, text) for name, text in zip(record.names, record.texts, strict=True) if text]
    options = "".join(element("option", escape(name), value=str(row)) for row, (name, _) in enumerate(shown))
    chooser = f'<label>Candidate <select id="structure">{options}</select></label>'
    spin = '<label><input type="checkbox" id="spin" checked> turn</label>'
    records = "".join(f"<pre hidden data-structure>{escape(text)}</pre>" for _, text in shown)
    how = f'data-format="{escape(record.format)}" data-style="{record.style}"'
    viewer = f'<div id="viewer" {how} role="img" aria-label="The structure"></div>'
    return element("div", chooser + spin, class_="controls") + viewer + records


def distributions(content: ReportContent) -> str:
    """A histogram of each property, with its requested range if there is one, and a legend."""
    records = content.distributions
    if not records:
        return ""
    entries = [("training", "training set")]
    entries += [("generated", "raw draws of the model")] if any(len(r.generated) for r in records) else []
    entries += [("candidate", "candidates")]
    entries += [("requested", "requested range")] if any(r.goal_range for r in records) else []
    panels = []
    for record in records:
        want = goal_text(record.goal_range, record.direction)
        caption = f"<b>{escape(readable(record.name))}</b>" + (f" requested: {escape(want)}" if want else "")
        panels.append(figure(histogram(record), caption))
    return legend(entries) + element("div", "".join(panels), class_="panels")


def latent_map(content: ReportContent) -> str:
    """The map and its legend: of a value, of the largest groups, or only of training set and candidates."""
    record = content.latent_map
    if record is None:
        return ""
    keys = legend([("dot training", "training set"), ("dot candidate", "candidates")])
    bounds = plots.value_range(record)
    if bounds is not None:
        low, high = map(number, bounds)
        name = escape(with_unit(readable(record.value_name), record.unit))
        ramp = f'<li>training set by {name}: <span>≤ {low}</span><i class="ramp"></i><span>≥ {high}</span></li>'
        keys = element("ul", f'{ramp}<li><i class="key dot candidate"></i>candidates</li>', class_="legend")
    if len(record.groups):
        groups = plots.largest_groups(record)
        rest = len(record.training) - sum(count for _, count in groups)
        entries = [(f"dot series-{place}", f"{name} ({count})") for place, (name, count) in enumerate(groups, 1)]
        entries += [("dot training", f"other or without a name ({rest})"), ("dot candidate", "candidates")]
        keys = legend(entries)
    return keys + figure(plots.latent_map(record), escape(record.note), wide=True)


def pareto(content: ReportContent) -> str:
    """A panel for each pair of objectives, and a legend."""
    if not content.pareto:
        return ""
    entries = [("dot training", "everything scored")] if any(len(r.scored) for r in content.pareto) else []
    entries += [("dot candidate", "candidates"), ("dot front", "on the Pareto front")]
    panels = [
        figure(plots.pareto(record), f"<b>{escape(record.y.name)}</b> against <b>{escape(record.x.name)}</b>")
        for record in content.pareto
    ]
    return legend(entries) + element("div", "".join(panels), class_="panels large")


def traces(content: ReportContent) -> str:
    """A panel for each statistic of the search, with a legend of its methods."""
    panels = [
        figure(plots.trace(record), f"<b>{escape(record.statistic)}</b>{_trace_legend(record)}")
        for record in content.traces
    ]
    return element("div", "".join(panels), class_="panels large") if panels else ""


def _trace_legend(record: Trace) -> str:
    """One key per curve with its last value; controls are named as such."""
    entries = []
    for curve, role in zip(record.curves, plots.curve_roles(record), strict=True):
        last = number(curve.values[-1]) if len(curve.values) else MISSING
        entries.append((f"line {role}", f"{curve.name}{' (control)' if curve.control else ''}: {last}"))
    return legend(entries)


def metrics(content: ReportContent) -> str:
    """The table of metrics."""
    return metrics_table(content.metrics) if content.metrics else ""


def calibrations(content: ReportContent) -> str:
    """For each property a plot of observed against requested values, and the table of these."""
    records = content.calibrations
    if not records:
        return ""
    entries = [("dot candidate", f"centre, with the {records[0].spread}")]
    entries += [("requested", "tolerance")] if any(r.tolerance is not None for r in records) else []
    panels = [figure(plots.calibration(record) + _calibration_table(record)) for record in records]
    return legend(entries) + element("div", "".join(panels), class_="panels")


def _calibration_table(record: Calibration) -> str:
    """The numbers of the plot as a table."""
    columns = [("asked", _column(record.requested)), ("got", _column(record.observed))]
    if len(record.mean_absolute_error):
        columns.append(("mean abs. error", _column(record.mean_absolute_error)))
    if len(record.hit_rate):
        columns.append(("within tolerance", [f"{number(100 * rate, 0)} %" for rate in record.hit_rate]))
    head = "".join(element("th", escape(name), scope="col") for name, _ in columns)
    cells = [[element("td", escape(text), class_="number") for text in texts] for _, texts in columns]
    body = "".join(element("tr", "".join(row)) for row in zip(*cells, strict=True))
    caption = element("caption", escape(with_unit(readable(record.name), record.unit)))
    table = element("table", f"{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", class_="plain small")
    return element("div", table, class_="scroll flat")


def _column(values: Sequence[float]) -> list[str]:
    """The numbers of a column as text, with equal numbers of decimals."""
    places = decimals(values)
    return [number(value, places) for value in values]


def settings(content: ReportContent) -> str:
    """A table of the settings by dotted name."""
    return _definitions(flatten(content.settings)) if content.settings else ""


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and plain text, in the order given."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += flatten(value, f"{name}.")
        else:
            rows.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)))
    return rows


def _definitions(rows: Iterable[tuple[str, Any]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(value)}</code></td></tr>' for name, value in rows
    )
    return f'<table class="plain definitions"><tbody>{body}</tbody></table>'


def provenance(content: ReportContent) -> str:
    """The commands, and the seeds, versions and hashes that are known."""
    record = content.provenance
    if record is None:
        return ""
    groups = [("Seeds", record.seeds), ("Versions", record.versions), ("Hashes (sha256)", record.hashes)]
    parts = (
        [element("h3", "Commands") + "".join(element("pre", escape(c)) for c in record.commands)]
        if record.commands
        else []
    )
    parts += [f"<h3>{name}</h3>{_definitions(rows.items())}" for name, rows in groups if rows]
    return element("div", "".join(element("div", part) for part in parts), class_="columns") if parts else ""


def notes(content: ReportContent) -> str:
    """A list of the notes, escaped."""
    items: Sequence[str] = content.notes
    return element("ul", "".join(element("li", escape(note)) for note in items), class_="notes") if items else ""
