"""A row as a picture: its series and images, and the other columns and cells as text."""

from __future__ import annotations

import math
from html import escape

from sciencegen.domains.tables.pictures import picture
from sciencegen.domains.tables.rows import TableCell, TableRow

LINE = 14
LONGEST = 16
MOST_PICTURES = 4


def render(row: TableRow, width: int, height: int) -> str:
    """An SVG element with as many cells as fit; arrays are above the others."""
    arrays = [(name, cell) for name, cell in row.items() if isinstance(cell, list)][:MOST_PICTURES]
    others = [(name, cell) for name, cell in row.items() if not isinstance(cell, list)]
    count = min(len(others), max(height // LINE // 3, 1)) if arrays else max(height // LINE, 1)
    below = height - LINE * count if arrays else 0
    lines = "".join(
        f'<text x="4" y="{below + LINE * at + 11}">{_short(name)}</text>'
        f'<text x="{width - 4}" y="{below + LINE * at + 11}" text-anchor="end">{_short(_text(cell))}</text>'
        for at, (name, cell) in enumerate(others[:count])
    )
    frame = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    drawn = "".join(_pictures(arrays, width, below))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="sans-serif" font-size="10">{drawn}{lines}</svg>'
    )


def _pictures(arrays: list[tuple[str, list]], width: int, height: int) -> list[str]:
    """The arrays side by side, in two rows if there are more than two, each with its name if there are several."""
    if not arrays:
        return []
    across = min(len(arrays), 2)
    wide, high = width / across, height / math.ceil(len(arrays) / across)
    found = []
    for at, (name, cell) in enumerate(arrays):
        x, y = wide * (at % across), high * (at // across)
        title = f"<title>{escape(name)}</title>"
        found.append(f"<g>{title}{picture(cell, x, y, wide, high)}</g>")
    return found


def _text(cell: TableCell) -> str:
    return "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _short(text: str) -> str:
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
