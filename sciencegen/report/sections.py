"""Sections of the page, each a function from tables and plain rows to markup; "" if there is nothing to show."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sciencegen.items import Direction
from sciencegen.report import comparisons, letters, plots
from sciencegen.report.content import (
    CandidateContent,
    Chart,
    CheckedPredictions,
    GoalAxis,
    HeatMap,
    Logo,
    Rounds,
    SearchCurve,
    StructureStyle,
    TableColumn,
)
from sciencegen.report.text import (
    MISSING,
    Bounds,
    decimals,
    fill,
    finite,
    goal_text,
    is_number,
    number,
    readable,
    with_unit,
    within,
)

TEMPLATE = "sections.html"
LONG_TEXT = 60
"""Characters of a text above which its cell wraps within words, as SMILES have no spaces."""
LINES = 3
"""Rows of pictures of a group, on a wide page."""


# The candidates table and the next plate. The cards are the same table: the page's style shows its rows as a grid.
#
# Numbers are also in data-value, for sorting; the goal of a column is shown below its name.


def candidates(table: CandidateContent | None) -> str:
    """The toolbar, which the script makes visible, and the table."""
    if table is None or not table.items:
        return ""
    example = "rank <= 10"
    if column := next((one for one in table.columns if one.kind == "number"), None):
        values = sorted(finite(column.values)) or [0.0]
        example = f"{column.name} >= {values[len(values) // 2]:.3g}"  # keeps about half of the rows
    names = [table.item_label, *(column.name for column in table.columns)]
    options = [(0, "rank"), *enumerate(names, 2 if table.pictures else 1)]
    return fill(TEMPLATE, "candidates", **_table(table), options=options, example=example)


def plate(table: CandidateContent | None) -> str:
    """The items of the next plate, without a toolbar."""
    return fill(TEMPLATE, "plate", **_table(table)) if table is not None and table.items else ""


def _table(table: CandidateContent) -> dict[str, Any]:
    shown, total = len(table.items), table.total or 0
    places = [decimals(column.values) for column in table.columns]
    rows = [
        (item, [_cell(column, row, digits) for column, digits in zip(table.columns, places, strict=True)])
        for row, item in enumerate(table.items)
    ]
    count = f"The first {shown} of {number(total)} {table.noun}" if total > shown else f"{shown} {table.noun}"
    return {"table": table, "columns": list(table.columns), "rows": rows, "count": count}


def _cell(column: TableColumn, row: int, places: int) -> dict[str, Any]:
    """kind: CSS classes. value: for sorting, None for text, "" where there is none."""
    value, low, high = column.values[row], MISSING, MISSING
    cell = {"label": with_unit(readable(column.name), column.unit), "outside": False, "interval": ""}
    if column.kind == "flag":
        shown = MISSING if value is None else "yes" if value else "no"
        kind = "flag" if value is None else f"flag {shown}"
        return {**cell, "kind": kind, "text": shown, "value": "" if value is None else int(value)}
    if column.kind == "text":
        kind = "text long" if len(str(value)) > LONG_TEXT else "text"
        return {**cell, "kind": kind, "text": MISSING if value is None else value, "value": None}
    if len(column.lower) and len(column.upper):
        low, high = number(column.lower[row], places), number(column.upper[row], places)
    outside = column.goal_range is not None and not within(value, column.goal_range)
    return {
        **cell,
        "kind": "number outside" if outside else "number",
        "text": number(value, places),
        "value": repr(float(value)) if is_number(value) and not math.isnan(value) else "",
        "outside": outside,
        "interval": "" if MISSING in (low, high) else f"{low} to {high}",
    }


def structures(
    names: Sequence[str], texts: Sequence[str], kind: str = "sdf", style: StructureStyle = "sticks"
) -> str:  # fmt: skip
    """Items in three dimensions, in an interactive viewer. texts: records in a format that 3Dmol.js reads (sdf, xyz,
    pdb), "" for an item without structure. style: how they are drawn."""
    shown = [(name, text) for name, text in zip(names, texts, strict=True) if text]
    return fill(TEMPLATE, "structures", shown=shown, format=kind, style=style) if shown else ""


# Plots with their legends.


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Colour keys. Each entry is a CSS class (or `line role`) of the key and its text."""
    return fill(TEMPLATE, "legend", entries=list(entries))


def panel(picture: str, caption: str = "", wide: bool = False) -> str:
    """A picture with its caption."""
    return fill(TEMPLATE, "panel", picture=picture, caption=caption, wide=wide)


def panels(figures: Sequence[str], keys: Iterable[tuple[str, str]] = (), large: bool = True) -> str:
    """Panels beside each other, below their common colour keys."""
    if not figures:
        return ""
    keys = list(keys)
    return (legend(keys) if keys else "") + fill(TEMPLATE, "panels", figures=figures, large=large)


def distribution(
    name: str, candidates: Sequence[float], training: Sequence[float], generated: Sequence[float] = (), unit: str = "",
    goal_range: Bounds | None = None, direction: Direction | None = None,
) -> str:  # fmt: skip
    """One property of the candidates, compared with the training set and, if given, with raw draws of the model."""
    picture = comparisons.histogram(name, candidates, training, generated, unit, goal_range, direction)
    caption = fill(TEMPLATE, "requested", name=name, want=goal_text(goal_range, direction))
    return panel(picture, caption)


def distributions(figures: Sequence[str], draws: bool = False, requested: bool = False) -> str:
    """The histograms and their legend. draws, requested: whether any has draws, and a requested range."""
    keys = [("training", "training set")]
    keys += [("generated", "raw draws of the model")] if draws else []
    keys += [("candidate", "candidates")]
    keys += [("requested", "requested range")] if requested else []
    return panels(figures, keys, large=False)


def charts(records: Sequence[Chart]) -> str:
    """A panel for each chart with its legend and note."""
    found = [(record, comparisons.contours_of(record)) for record in records]
    return panels([panel(comparisons.chart(one, own), _chart_caption(one, own)) for one, own in found])


def _chart_caption(record: Chart, found: comparisons.Contours | None) -> str:
    held = ", ".join(f"{100 * share:.0f}" for share in sorted(comparisons.SHARES))
    contours = ("training", f"training set: contours hold {held} %")
    known = ("dot training", "training set") if found is None else contours
    entries = [known] if len(record.training) else []
    entries += [("dot generated", "draws of the model")] if len(record.generated) else []
    entries += [("dot candidate", "candidates")] if len(record.candidates) else []
    entries += [("line ink", record.line.name)] if record.line is not None else []
    within = [] if found is None else comparisons.shares_within(record, found)
    shares = ", ".join(f"{name} {number(100 * share, 1)} %" for name, share in within)
    inside = f"Points inside the contour of {100 * max(comparisons.SHARES):.0f} %: {shares}." if shares else ""
    text = " ".join(filter(None, [record.note, inside]))
    return fill(TEMPLATE, "titled", title=record.title, entries=entries, text=text)


def latent_map(
    candidates: Sequence[Sequence[float]], training: Sequence[Sequence[float]] = (), labels: Sequence[str] = (), *,
    values: Sequence[float] = (), groups: Sequence[str] = (), value_name: str = "", unit: str = "", note: str = "",
) -> str:  # fmt: skip
    """The map and its legend: of a value, of the largest groups, or only of training set and candidates.

    candidates: [candidate 2] in the order of the candidates table; training: [item 2]. values: a number for each
    training item, called `value_name`, which determines its colour; NaN is grey. groups: instead of numbers, the group
    of each training item; the largest groups are coloured, the others and "" are grey.
    """
    keys = legend([("dot training", "training set"), ("dot candidate", "candidates")])
    bounds = comparisons.value_range(values)
    if bounds is not None:
        low, high = map(number, bounds)
        keys = fill(TEMPLATE, "ramp", name=with_unit(readable(value_name), unit), low=low, high=high)
    if len(groups):
        largest = comparisons.largest_groups(groups)
        rest = len(training) - sum(count for _, count in largest)
        entries = [(f"dot series-{place}", f"{name} ({count})") for place, (name, count) in enumerate(largest, 1)]
        entries += [("dot training", f"other or without a name ({rest})"), ("dot candidate", "candidates")]
        keys = legend(entries)
    picture = comparisons.latent_map(candidates, training, labels, values, groups, value_name)
    return keys + panel(picture, note, wide=True)


def pareto(
    x: GoalAxis, y: GoalAxis, points: Sequence[Sequence[float]], front: Sequence[bool],
    scored: Sequence[Sequence[float]] = (), labels: Sequence[str] = (),
) -> str:  # fmt: skip
    """A pair of objectives. points: [candidate 2] in the order of the candidates table; front: which of them no other
    candidate beats in both; scored: [item 2], everything that the search looked at."""
    caption = fill(TEMPLATE, "against", x=x.name, y=y.name)
    return panel(plots.pareto(x, y, points, front, scored, labels), caption)


def trade_offs(figures: Sequence[str], scored: bool = False) -> str:
    """The pairs of objectives and their legend. scored: whether all that was scored is shown."""
    keys = [("dot training", "everything scored")] if scored else []
    return panels(figures, [*keys, ("dot candidate", "candidates"), ("dot front", "on the Pareto front")])


def trace(
    statistic: str, curves: Sequence[SearchCurve], unit: str = "", axis: str = "oracle calls (distinct items scored)"
) -> str:  # fmt: skip
    """One statistic of the search ("best", "mean of the top 10") against oracle calls, a curve per method; or of draws,
    against their number. The keys have each curve's last value. axis: what the calls of the curves count."""
    entries = [
        (
            f"line {role}",
            f"{curve.name}{' (control)' if curve.control else ''}: "
            f"{number(curve.values[-1]) if len(curve.values) else MISSING}",
        )
        for curve, role in zip(curves, plots.curve_roles(curves), strict=True)
    ]
    return panel(plots.trace(statistic, curves, unit, axis), fill(TEMPLATE, "titled", title=statistic, entries=entries))


def metrics(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of metrics: value and interval, references (ticked if reached), and which values are better. The latter
    two columns are left out if no metric has them.

    Of a row, `name` and `value` are needed. meaning: one sentence; direction: which values are better, None if neither.
    references: name -> number. samples: number of samples that it was measured on, shown beside references.
    """
    none: dict[str, Any] = {"unit": "", "meaning": "", "command": "", "references": {}, "direction": None}
    filled = [{**none, "lower": None, "upper": None, "samples": None, **row} for row in rows]
    referred, directed = any(row["references"] for row in filled), any(row["direction"] for row in filled)
    return fill(TEMPLATE, "metrics", rows=filled, referred=referred, directed=directed) if filled else ""


def calibration(
    name: str, rows: Sequence[Mapping[str, float]], tolerance: float | None = None, unit: str = ""
) -> str:  # fmt: skip
    """Observed against requested values of a property, as a plot and as a table. rows: of each requested value
    (`asked`) the centre (`got`) and the spread (`lower`, `upper`) of raw draws, and if known `mean_absolute_error`,
    `hit_rate`."""
    columns = [("asked", _column(rows, "asked")), ("got", _column(rows, "got"))]
    if rows and "mean_absolute_error" in rows[0]:
        columns.append(("mean abs. error", _column(rows, "mean_absolute_error")))
    if rates := [row["hit_rate"] for row in rows if "hit_rate" in row]:
        columns.append(("within tolerance", [f"{number(100 * rate, 0)} %" for rate in rates]))
    heads, cells = zip(*columns, strict=True)
    caption = with_unit(readable(name), unit)
    table = fill(TEMPLATE, "numbers", caption=caption, heads=heads, rows=list(zip(*cells, strict=True)))
    return panel(plots.calibration(name, rows, tolerance, unit) + table)


def calibrations(figures: Sequence[str], tolerated: bool = False) -> str:
    """The properties and their legend. tolerated: whether any has a tolerance."""
    keys = [("dot candidate", "centre, with the central 80 % of the draws")]
    keys += [("requested", "tolerance")] if tolerated else []
    return panels(figures, keys, large=False)


def _column(rows: Sequence[Mapping[str, float]], name: str) -> list[str]:
    """The numbers of a column as text, with equal numbers of decimals."""
    values = [row[name] for row in rows]
    places = decimals(values)
    return [number(value, places) for value in values]


# Pictures: groups of items, and traversals, along which a quantity changes.


def gallery(groups: Mapping[str, Sequence[str]], note: str = "") -> str:
    """A grid of pictures for each group, with equal numbers of columns, then the note. groups: name -> pictures, which
    are markup, all drawn with one scale."""
    widest = max(map(len, groups.values()), default=0)
    return fill(TEMPLATE, "gallery", groups=groups, columns=math.ceil(widest / LINES), note=note) if widest else ""


def traversals(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with a row of items for each quantity that changes. Of a row, name, unit, note, and steps: (value,
    picture or "" if there is no item, further text) of each item."""
    shown = [row for row in rows if row["steps"]]
    return fill(TEMPLATE, "traversals", rows=shown) if shown else ""


# Letters in columns.


def heat_maps(records: Sequence[HeatMap]) -> str:
    """The legend and strips of each map; maps without rows or columns are left out."""
    made = ""
    for record in records:
        if not (len(record.rows) and len(record.columns)):
            continue
        centre, limit = letters.centre_and_limit(record)
        ends = [centre - limit, centre, centre + limit]
        low, middle, high = (number(value, min(2, decimals(ends))) for value in ends)
        made += fill(
            TEMPLATE, "scale", name=with_unit(readable(record.name), record.unit), low=low, high=high,
            centre=f"{middle} ({record.centre_name})" if record.centre_name else middle,
            reference=any(record.reference), best=letters.BEST if record.direction else 0,
        ) + fill(TEMPLATE, "strips", svgs=letters.heat_map(record), caption=record.note)  # fmt: skip
    return made


def logo(record: Logo | None) -> str:
    """The letters' shapes, the legend of their classes, and the strips; "" if there are no columns."""
    if record is None or not record.columns or not record.counts:
        return ""
    classes = enumerate(record.classes.items(), 1)
    keys = [(f"class class-{place}", f"{name}: {' '.join(own)}") for place, (name, own) in classes]
    strips = fill(TEMPLATE, "strips", svgs=letters.logo(record), caption=record.note)
    return letters.glyphs(record.letters) + (legend(keys) if keys else "") + strips


# A campaign: rounds, and measured against predicted values.


def rounds(record: Rounds | None, expected: CheckedPredictions | None = None) -> str:
    """The two plots, and a table of their data by round."""
    if record is None or not len(record.rounds):
        return ""
    keys = [("dot candidate", "measured"), ("line front", "best so far"), ("line ink", "median of the round")]
    figures = [panel(plots.rounds(record), legend(keys))]
    if expected is not None and len(expected.rounds):
        keys = [("dot candidate", f"inside the {100 * expected.level:.0f} % interval"), ("dot front", "outside of it")]
        figures.append(panel(plots.agreement(expected), legend(keys)))
    heads = ["round", "measured", "best", "best so far", "median"]
    if expected is not None:
        heads += ["with a prediction", f"inside their {100 * expected.level:.0f} % interval", "rank correlation"]
    caption = with_unit(readable(record.name), record.unit)
    return panels(figures) + fill(TEMPLATE, "numbers", caption=caption, heads=heads, rows=_by_round(record, expected))


def _by_round(record: Rounds, expected: CheckedPredictions | None) -> list[list[str]]:
    values, own = np.asarray(record.values, dtype=float), np.asarray(record.rounds)
    pick, places = (np.max if record.direction == "maximize" else np.min), decimals(record.values)
    rows = []
    for one, best in record.best_so_far().items():
        mine = values[own == one]
        figures = [pick(mine), best, float(np.median(mine))]
        rows.append([str(one), str(len(mine)), *(number(float(value), places) for value in figures)])
        if expected is not None:
            rows[-1] += _agreement_of(expected, np.asarray(expected.rounds) == one)
    return rows


def _agreement_of(expected: CheckedPredictions, mine: np.ndarray) -> list[str]:
    """Of a round, the number of items with a prediction, the share inside the interval, and the rank correlation."""
    from sciencegen.metrics.numbers import spearman  # on use: needs scipy

    count = int(mine.sum())
    if not count:
        return ["0", MISSING, MISSING]
    kept = int(expected.inside[mine].sum())
    predicted, measured = (np.asarray(side, dtype=float)[mine] for side in (expected.predicted, expected.measured))
    correlation = number(spearman(measured, predicted), 2) if count >= 3 else MISSING
    return [str(count), f"{kept} of {count} ({100 * kept / count:.0f} %)", correlation]


# Words and settings.


def notes(items: Sequence[str]) -> str:
    """A list of the notes."""
    return fill(TEMPLATE, "notes", items=items) if items else ""


def ledgers(steps: Sequence[tuple[str, Sequence[Mapping[str, int]], str]]) -> str:
    """A table of what became of the rows, draws or items of each step: its name, its ledgers, whose first number is the
    sum of the others, and a note on them."""
    return fill(TEMPLATE, "ledgers", steps=steps) if steps else ""


def settings(values: Mapping[str, Any]) -> str:
    """A table of the settings by dotted name."""
    return fill(TEMPLATE, "definitions", rows=flatten(values)) if values else ""


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and plain text, in the order given."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += flatten(value, f"{name}.")
        else:
            rows.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)))
    return rows


def provenance(
    commands: Sequence[str] = (), seeds: Mapping[str, int] | None = None, versions: Mapping[str, str] | None = None,
    hashes: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """The commands, and the seeds, versions and hashes that are known."""
    groups = [("Seeds", seeds), ("Versions", versions), ("Hashes (sha256)", hashes)]
    known = [(name, rows) for name, rows in groups if rows]
    return fill(TEMPLATE, "provenance", commands=commands, groups=known) if commands or known else ""
