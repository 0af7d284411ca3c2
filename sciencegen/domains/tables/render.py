"""A row as a picture: its columns and cells as text."""

from __future__ import annotations

from html import escape

from sciencegen.domains.tables.rows import TableCell, TableRow

LINE = 14
LONGEST = 16


def render(row: TableRow, width: int, height: int) -> str:
    """An SVG element with as many cells as fit."""
    shown = list(row.items())[: max(height // LINE, 1)]
    lines = "".join(
        f'<text x="4" y="{LINE * at + 11}">{_short(name)}</text>'
        f'<text x="{width - 4}" y="{LINE * at + 11}" text-anchor="end">{_short(_text(cell))}</text>'
        for at, (name, cell) in enumerate(shown)
    )
    frame = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="sans-serif" font-size="10">{lines}</svg>'


def _text(cell: TableCell) -> str:
    return "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _short(text: str) -> str:
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
