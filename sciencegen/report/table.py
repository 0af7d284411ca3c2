"""The candidates table. The cards are the same table: the page's style shows its rows as a grid.

Numbers are also in data-value, for sorting; the goal of a column is shown below its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sciencegen.report.candidate_content import Candidates, Column
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


def is_flag(column: Column) -> bool:
    """Whether the column has only Booleans and missing values, and at least one Boolean."""
    present = [value for value in column.values if value is not None]
    return bool(present) and all(
        isinstance(value, bool) or type(value).__name__ in ("bool", "bool_") for value in present
    )


def is_numeric(column: Column) -> bool:
    """Whether the column has only numbers and missing values, and at least one number."""
    present = [value for value in column.values if value is not None]
    return bool(present) and not is_flag(column) and all(map(is_number, present))


def candidates_table(record: Candidates) -> str:
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


def _count(record: Candidates) -> str:
    if record.total is not None and record.total > len(record.items):
        return f"The first {len(record.items)} of {number(record.total)} {record.noun}"
    return f"{len(record.items)} {record.noun}"


def static_table(record: Candidates, key: str) -> str:
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


def _toolbar(record: Candidates, count: str) -> str:
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


def _example(record: Candidates, name: str) -> str:
    """A threshold that keeps about half of the rows, as an example of a condition."""
    values = sorted(finite(v for column in record.columns if column.name == name for v in column.values))
    return f"{values[len(values) // 2]:.3g}" if values else "0"


def _header(record: Candidates) -> str:
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


def _rows(record: Candidates, key: str = "candidate") -> list[str]:
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


def _lead_cells(record: Candidates, row: int) -> str:
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


def _cell(column: Column, row: int, places: int) -> str:
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
