"""Sections of the page, each a function from the content to HTML; "" if the content has no such part."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sciencegen.report import plots
from sciencegen.report.content import (
    Agreement,
    CalibrationContent,
    CandidateContent,
    Metric,
    ReportContent,
    Rounds,
    TableColumn,
    Trace,
    Traversal,
)
from sciencegen.report.markup import (
    MISSING,
    decimals,
    element,
    escape,
    finite,
    goal_text,
    is_number,
    number,
    readable,
    with_unit,
    within,
)
from sciencegen.report.plots import histogram

# The table of metrics with references, direction and meaning.

ARROWS = {"maximize": "↑ higher is better", "minimize": "↓ lower is better"}


def metrics_table(records: Sequence[Metric]) -> str:
    """One row per metric: value and interval, references (ticked if reached), and which values are better. The latter
    two columns are left out if no metric has them."""
    referred, directed = any(one.references for one in records), any(one.direction for one in records)
    names = ["Metric", "Value", *(["References"] if referred else []), *(["Reads as"] if directed else [])]
    head = "".join(element("th", name, scope="col") for name in names)
    rows = "\n".join(_metric_row(record, referred, directed) for record in records)
    caption = '<caption class="sr">Metrics with references</caption>'
    table = f'<table class="plain metrics">{caption}<thead><tr>{head}</tr></thead>'
    return element(
        "div",
        f"{table}<tbody>\n{rows}\n</tbody></table>",
        class_="scroll flat",
        tabindex="0",
        role="region",
        aria_label="Metrics",
    )


def _metric_row(record: Metric, referred: bool, directed: bool) -> str:
    name = f"<b>{escape(record.name)}</b>" + (
        element("span", escape(record.meaning), class_="meaning") if record.meaning else ""
    )
    name += element("code", escape(record.command), class_="command") if record.command else ""
    shown = number(record.value)
    value = escape(f"{shown} {record.unit}" if record.unit and shown != MISSING else shown)
    if record.lower is not None and record.upper is not None:
        value += element("span", f"{escape(number(record.lower))} to {escape(number(record.upper))}", class_="interval")
    if record.references and record.samples is not None:
        value += element("span", f"of {record.samples:,} samples", class_="interval")
    references = "".join(_reference(record, label, reference) for label, reference in record.references.items())
    reference_list = element("ul", references, class_="references") if references else MISSING
    more = element("td", reference_list) if referred else ""
    more += element("td", ARROWS.get(record.direction or "", ""), class_="way") if directed else ""
    return f'<tr><th scope="row">{name}</th><td class="number big">{value}</td>{more}</tr>'


def _reference(record: Metric, label: str, reference: float) -> str:
    """A reference value, marked if the value is at least as good."""
    reached = False
    if record.direction is not None and record.value is not None:
        reached = record.value >= reference if record.direction == "maximize" else record.value <= reference
    mark = '<span class="reached" title="at least as good">✓<span class="sr"> reached</span></span>' if reached else ""
    return f"<li>{escape(label)} <b>{escape(number(reference))}</b>{mark}</li>"


# The candidates table. The cards are the same table: the page's style shows its rows as a grid.
#
# Numbers are also in data-value, for sorting; the goal of a column is shown below its name.

TOOLBAR = """<div class="toolbar" hidden>
<label class="grow"><span class="sr">Filter</span><input type="search" id="filter" autocomplete="off" spellcheck="false"
 placeholder="Filter: text, or conditions such as {example}"></label>
{flags}
<label>Sort by <select id="sort">{options}</select></label>
<button type="button" id="order" aria-label="Reverse the order" title="Reverse the order">⇅</button>
<span class="segmented" role="group" aria-label="Layout">
<button type="button" data-view="table" aria-pressed="true">Table</button>
<button type="button" data-view="cards" aria-pressed="false">Cards</button>
</span>
<button type="button" id="download">Download CSV</button>
</div>
<p class="count" id="count" role="status">{count}</p>
"""


LONG_TEXT = 60
"""Characters of a text above which its cell wraps within words, as SMILES have no spaces."""

FLAG = '<label class="check"><input type="checkbox" data-flag="{column}"> {name}</label>'


def is_flag(column: TableColumn) -> bool:
    """Whether the column has only Booleans and missing values, and at least one Boolean."""
    present = [value for value in column.values if value is not None]
    return bool(present) and all(
        isinstance(value, bool) or type(value).__name__ in ("bool", "bool_") for value in present
    )


def is_numeric(column: TableColumn) -> bool:
    """Whether the column has only numbers and missing values, and at least one number."""
    present = [value for value in column.values if value is not None]
    return bool(present) and not is_flag(column) and all(map(is_number, present))


def candidates_table(record: CandidateContent) -> str:
    """The toolbar, which the script makes visible, and the table."""
    count = _count(record)
    rows = "\n".join(_rows(record))
    table = element(
        "table",
        f'<caption class="sr">{escape(count)}, best first</caption>\n<thead role="rowgroup">{_header(record)}</thead>\n'
        f'<tbody role="rowgroup">\n{rows}\n</tbody>',
        id="candidates-table",
        role="table",
        class_="candidates",
    )
    return _toolbar(record, escape(count)) + element(
        "div", table, class_="scroll", tabindex="0", role="region", aria_label="Candidates"
    )


def _count(record: CandidateContent) -> str:
    if record.total is not None and record.total > len(record.items):
        return f"The first {len(record.items)} of {number(record.total)} {record.noun}"
    return f"{len(record.items)} {record.noun}"


def static_table(record: CandidateContent, key: str) -> str:
    """The same rows without a toolbar. key: prefix of the rows' ids."""
    names = [*(["picture"] if record.pictures else []), record.item_label]
    heads = [element("th", escape(readable(name)), scope="col") for name in ("", *names)]
    for column in record.columns:
        unit = element("span", escape(column.unit), class_="unit") if column.unit else ""
        kind = "number" if is_numeric(column) else None
        heads.append(element("th", escape(readable(column.name)) + unit, scope="col", class_=kind))
    count = _count(record)
    head, rows = "".join(heads), "\n".join(_rows(record, key))
    body = f'<caption class="sr">{escape(count)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
    table = element("table", body, class_="candidates")
    region = element("div", table, class_="scroll", tabindex="0", role="region", aria_label=readable(key))
    return element("p", escape(count), class_="count") + region


def _toolbar(record: CandidateContent, count: str) -> str:
    offset = 2 + bool(record.pictures)
    flags = "\n".join(
        FLAG.format(column=offset + index, name=escape(readable(column.name)))
        for index, column in enumerate(record.columns)
        if is_flag(column)
    )
    names = ["rank", *(["picture"] if record.pictures else []), record.item_label, *(c.name for c in record.columns)]
    options = "".join(
        element("option", escape(readable(name)), value=index)
        for index, name in enumerate(names)
        if name != "picture" or index != 1
    )
    numeric = [column.name for column in record.columns if is_numeric(column)]
    example = escape(f"{numeric[0]} >= {_example(record, numeric[0])}" if numeric else "rank <= 10")
    return TOOLBAR.format(example=example, flags=flags, options=options, count=count)


def _example(record: CandidateContent, name: str) -> str:
    """A threshold that keeps about half of the rows, as an example of a condition."""
    values = sorted(finite(v for column in record.columns if column.name == name for v in column.values))
    return f"{values[len(values) // 2]:.3g}" if values else "0"


def _header(record: CandidateContent) -> str:
    cells = [_heading(0, "rank", "", "number", "ascending")]
    if record.pictures:
        cells.append('<th scope="col" role="columnheader"><span class="sr">Picture</span></th>')
    cells.append(_heading(len(cells), record.item_label, "", "text", "ascending"))
    for column in record.columns:
        kind = "number" if is_numeric(column) else "flag" if is_flag(column) else "text"
        falls = column.direction == "maximize" or kind == "flag"
        want = goal_text(column.goal_range, column.direction)
        cells.append(
            _heading(
                len(cells),
                column.name,
                column.unit,
                kind,
                "descending" if falls else "ascending",
                want,
                column.description,
            )
        )
    return f'<tr role="row">{"".join(cells)}</tr>'


def _heading(index: int, name: str, unit: str, kind: str, first: str, want: str = "", description: str = "") -> str:
    """A column's head: a button that sorts, the unit, and its goal. first: the order of the first click."""
    button = element(
        "button", escape(readable(name)), type="button", data_column=index, data_first=first, title=description or None
    )
    notes = element("span", escape(unit), class_="unit") if unit else ""
    notes += element("span", escape(want), class_="want") if want else ""
    attributes: dict[str, Any] = {"scope": "col", "role": "columnheader", "data_kind": kind, "data_name": name}
    return element("th", button + notes, aria_sort="none", class_=kind, **attributes)


def _rows(record: CandidateContent, key: str = "candidate") -> list[str]:
    places = [decimals(column.values) for column in record.columns]
    return [
        element(
            "tr",
            _lead_cells(record, row)
            + "".join(_cell(column, row, digits) for column, digits in zip(record.columns, places, strict=True)),
            id=f"{key}-{row + 1}",
            role="row",
        )
        for row in range(len(record.items))
    ]


def _lead_cells(record: CandidateContent, row: int) -> str:
    """Cells of the rank, the picture, and the item with its name."""
    item = record.items[row]
    cells = f'<td role="cell" class="rank" data-value="{row + 1}">{row + 1}</td>'
    if record.pictures:
        name = record.ids[row] if record.ids else f"candidate {row + 1}"
        picture = element(
            "div", embedded(record.pictures[row]), class_="picture", role="img", aria_label=f"Picture of {name}: {item}"
        )
        cells += f'<td role="cell" class="drawn">{picture}</td>'
    name = element("span", escape(record.ids[row]), class_="name") if record.ids else ""
    return cells + f'<td role="cell" class="item">{name}{element("code", escape(item), title=item)}</td>'


def embedded(picture: str) -> str:
    """A picture for a page, without the prolog and the comments of an SVG file."""
    return re.sub(r"<\?xml.*?\?>|<!DOCTYPE[^>]*>|<!--.*?-->", "", picture, flags=re.S).strip()


def _cell(column: TableColumn, row: int, places: int) -> str:
    value = column.values[row]
    attributes: dict[str, Any] = {"role": "cell", "data_label": with_unit(readable(column.name), column.unit)}
    if is_flag(column):
        shown = MISSING if value is None else "yes" if value else "no"
        return element(
            "td",
            shown,
            class_=f"flag {shown}" if shown != MISSING else "flag",
            data_value="" if value is None else int(value),
            **attributes,
        )
    if not is_numeric(column):
        words = "text long" if len(str(value)) > LONG_TEXT else "text"
        return element("td", escape(MISSING if value is None else value), class_=words, **attributes)
    shown = escape(number(value, places)) + _interval(column.lower, column.upper, row, places)
    classes = "number"
    if column.goal_range is not None and not within(value, column.goal_range):
        classes += " outside"
        shown = f'<i class="ring"></i>{shown}<span class="sr"> outside the requested range</span>'
    raw = repr(float(value)) if is_number(value) and value == value else ""  # type: ignore[arg-type]
    return element("td", shown, class_=classes, data_value=raw, **attributes)


def _interval(lower: Sequence[float | None], upper: Sequence[float | None], row: int, places: int) -> str:
    """The interval of a number, which is shown below it."""
    if not len(lower) or not len(upper):
        return ""
    low, high = number(lower[row], places), number(upper[row], places)
    return "" if MISSING in (low, high) else element("span", f"{escape(low)} to {escape(high)}", class_="interval")


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


def _calibration_table(record: CalibrationContent) -> str:
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


# Sections of pictures: groups of items, and traversals, along which a quantity changes.

LINES = 3
"""Rows of pictures of a group, on a wide page."""


def gallery(content: ReportContent) -> str:
    """A grid of pictures for each group, with equal numbers of columns, then the note; "" if there are no pictures."""
    record = content.gallery
    if record is None or not any(len(pictures) for pictures in record.groups.values()):
        return ""
    widest = max(map(len, record.groups.values()))
    groups = []
    for name, pictures in record.groups.items():
        body = "".join(element("div", embedded(picture), class_="picture") for picture in pictures)
        label = f"{len(pictures)} pictures of {name}"
        style = f"--columns:{math.ceil(widest / LINES)}"
        mosaic = element("div", body, class_="mosaic", role="img", aria_label=label, style=style)
        groups.append(element("figure", element("figcaption", f"<b>{escape(name)}</b>") + mosaic, class_="wide"))
    return "".join(groups) + (element("p", escape(record.note), class_="lead") if record.note else "")


def traversals(content: ReportContent) -> str:
    """A table with a row of pictures for each traversal that has steps; "" if none has."""
    rows = "".join(element("tr", "".join(_cells(record))) for record in content.traversals if len(record.labels))
    if not rows:
        return ""
    return element("div", element("table", f"<tbody>{rows}</tbody>", class_="traversals"), class_="scroll flat")


def _cells(record: Traversal) -> Iterator[str]:
    name = escape(with_unit(readable(record.name), record.unit))
    note = element("span", escape(record.note), class_="meaning") if record.note else ""
    yield element("th", name + note, scope="row")
    asides = record.asides or [""] * len(record.labels)
    for label, picture, aside in zip(record.labels, record.pictures, asides, strict=True):
        image = element("div", embedded(picture), class_="picture", role="img", aria_label=f"{record.name}: {label}")
        picture_element = image if picture else element("div", "none", class_="picture none")
        aside_element = element("span", escape(aside), class_="interval") if aside else ""
        yield element("td", picture_element + escape(label) + aside_element)


# The sections of a campaign: rounds, measured against predicted values, and the next plate.


def rounds(content: ReportContent) -> str:
    """The two plots, and a table of their data by round."""
    record, expected = content.rounds, content.agreement
    if record is None or not len(record.rounds):
        return ""
    keys = '<li><i class="key dot candidate"></i>measured</li><li><i class="key line front"></i>best so far</li>'
    keys += '<li><i class="key line ink"></i>median of the round</li>'
    panels = _panel(plots.rounds(record), keys)
    if expected is not None and len(expected.rounds):
        level = f"{100 * expected.level:.0f} % interval"
        keys = f'<li><i class="key dot candidate"></i>inside the {level}</li>'
        keys += '<li><i class="key dot front"></i>outside of it</li>'
        panels += _panel(plots.agreement(expected), keys)
    return element("div", panels, class_="panels large") + _table(record, expected)


def _panel(picture: str, keys: str) -> str:
    return element("figure", picture + element("figcaption", element("ul", keys, class_="legend")), class_="panel")


def _table(record: Rounds, expected: Agreement | None) -> str:
    values, own = np.asarray(record.values, dtype=float), np.asarray(record.rounds)
    pick, places = (np.max if record.direction == "maximize" else np.min), decimals(record.values)
    rows: list[list[Any]] = []
    for one, best in plots.best_so_far(record).items():
        mine = values[own == one]
        figures = [pick(mine), best, float(np.median(mine))]
        rows.append([str(one), str(len(mine)), *(number(float(value), places) for value in figures)])
        if expected is not None:
            rows[-1] += _agreement_of(expected, one)
    heads = ["round", "measured", "best", "best so far", "median"]
    if expected is not None:
        heads += ["with a prediction", f"inside their {100 * expected.level:.0f} % interval", "rank correlation"]
    caption = element("caption", escape(with_unit(readable(record.name), record.unit)))
    return element("div", element("table", caption + _body(heads, rows), class_="plain small"), class_="scroll flat")


def _body(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(element("th", escape(name), scope="col") for name in heads)
    body = "".join(element("tr", "".join(element("td", escape(cell), class_="number") for cell in row)) for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _agreement_of(expected: Agreement, one: int) -> list[str]:
    """Of a round, the number of items with a prediction, the share inside the interval, and the rank correlation."""
    mine = np.asarray(expected.rounds) == one
    count = int(mine.sum())
    if not count:
        return ["0", MISSING, MISSING]
    kept = int(plots.inside(expected)[mine].sum())
    share = f"{kept} of {count} ({100 * kept / count:.0f} %)"
    return [str(count), share, _rank_correlation(expected, mine)]


def _rank_correlation(expected: Agreement, mine: np.ndarray) -> str:
    from sciencegen.metrics.numbers import spearman  # on use: needs scipy

    predicted, measured = (np.asarray(side, dtype=float)[mine] for side in (expected.predicted, expected.measured))
    if len(predicted) < 3:
        return MISSING
    return number(spearman(measured, predicted), 2)


def plate(content: ReportContent) -> str:
    """The items of the next plate as a static table; "" if there are none."""
    record = content.plate
    return static_table(record, "plate") if record is not None and record.items else ""
