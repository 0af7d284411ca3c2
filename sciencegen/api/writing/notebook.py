"""Results as HTML for notebooks: a short table with pictures of the items. All texts are escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from sciencegen.domains.base import Domain
from sciencegen.items import Cell, Refusal

if TYPE_CHECKING:  # pandas takes most of a second to import
    import pandas as pd

ITEM, REFUSED = "item", "refused"
MOST_ROWS, MOST_COLUMNS, MOST_NOTES = 12, 24, 8
WIDTH, HEIGHT = 150, 110
"""Pixels of a picture in a table."""
ITEM_WIDTH, ITEM_HEIGHT = 320, 240
"""Pixels of the picture of a single item."""
LONGEST = 60
"""Characters of a cell; a longer text is cut."""
FRAME = 'style="background:white;padding:2px;text-align:center"'
"""Pictures are drawn for a white page."""


def result_html(table: pd.DataFrame, notes: Sequence[str] = (), domain: Domain | None = None) -> str:
    """The first rows of a table, and the notes. domain: of the items in the column `item`, which are drawn."""
    shown = table.iloc[:MOST_ROWS, :MOST_COLUMNS]
    columns = {str(name): shown.iloc[:, place].tolist() for place, name in enumerate(shown.columns)}
    pictures = [] if domain is None or ITEM not in columns else _pictures(domain, columns)
    head = "".join(f"<th>{escape(name)}</th>" for name in [*([""] if pictures else []), *columns])
    rows = (
        f"<tr>{f'<td {FRAME}>{pictures[row]}</td>' if pictures else ''}"
        f"{''.join(f'<td>{escape(_text(cells[row]))}</td>' for cells in columns.values())}</tr>"
        for row in range(len(shown))
    )
    size = f"<p>{len(table)} rows, {len(table.columns)} columns</p>" if table.shape != shown.shape else ""
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<div>{body}{size}{notes_html(notes)}</div>"


def notes_html(notes: Sequence[str]) -> str:
    """Notes as a list, "" without any."""
    more = [f"and {len(notes) - MOST_NOTES} more notes"] if len(notes) > MOST_NOTES else []
    items = "".join(f"<li>{escape(note)}</li>" for note in [*notes[:MOST_NOTES], *more])
    return f"<ul>{items}</ul>" if items else ""


def item_html(picture: str, values: Mapping[str, Cell]) -> str:
    """A picture beside a table of values; "" for no picture."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(_text(cell))}</td></tr>" for name, cell in values.items())
    drawn = f"<div {FRAME}>{picture}</div>" if picture else ""
    return f'<div style="display:flex;align-items:flex-start;gap:1em">{drawn}<table>{rows}</table></div>'


def _pictures(domain: Domain, columns: Mapping[str, Sequence[Cell]]) -> list[str]:
    """A picture for each row, "" for a refused one: a text that was refused may be too much for a parser."""
    refused = columns.get(REFUSED, [None] * len(columns[ITEM]))
    rows = zip(columns[ITEM], refused, strict=True)
    return [
        item_picture(domain, text, WIDTH, HEIGHT) if isinstance(text, str) and _is_missing(why) else ""
        for text, why in rows
    ]


def item_picture(domain: Domain, text: str, width: int = ITEM_WIDTH, height: int = ITEM_HEIGHT) -> str:
    """The picture of an item, "" for a text that is none."""
    item = domain.items.parse(text)
    return "" if isinstance(item, Refusal) else domain.render(item, width, height)


def _is_missing(cell: Cell) -> bool:
    return cell is None or cell != cell


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.4g}" if abs(cell) < 1e6 else f"{cell:.6g}"
    text = "" if cell is None else str(cell)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
