"""A sequence as an SVG picture: one coloured block a residue, in lines, with its letter where there is room."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

from sciencegen.domains.proteins.items import GAP_LETTER

CLASSES = {
    "AVLIMC": "#7fa650",  # aliphatic and sulfur
    "FWY": "#c99b2e",  # aromatic
    "KRH": "#4a7fc1",  # basic
    "DE": "#c8504c",  # acidic
    "STNQ": "#58a5a3",  # polar
    "G": "#b0b0b0",
    "P": "#9a76b8",
    GAP_LETTER: "none",
}
"""Residues by class, and the class's colour."""
_CLASS = {letter: colour for letters, colour in CLASSES.items() for letter in letters}
TALLER = 1.6
"""Height of a block over its width."""
SMALLEST_LETTER = 5.0
"""Width of a block, in pixels, below which letters can't be read and are left out."""
LARGEST = 16.0


def render(sequence: str, width: int = 220, height: int = 160, reference: str | None = None) -> str:
    """One `<svg>` element. With a reference of the same length, what differs from it is framed, the rest pale."""
    columns, size = _layout(len(sequence), width, height)
    changed = _changed(sequence, reference)
    blocks = "".join(_blocks(sequence, columns, size, changed, reference is not None))
    letters = "".join(_letters(sequence, columns, size)) if size >= SMALLEST_LETTER else ""
    text = f'<g font-family="monospace" font-size="{0.85 * size * TALLER * 0.7:.1f}" text-anchor="middle">{letters}</g>'
    frame = f'width="{width}px" height="{height}px" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{blocks}{text if letters else ""}</svg>'


def _layout(length: int, width: int, height: int) -> tuple[int, float]:
    """Blocks in a line, and their width: as large as fits."""
    columns = max(1, math.ceil(width / min(LARGEST, math.sqrt(width * height / (TALLER * max(length, 1))))))
    while math.ceil(length / columns) * TALLER * width / columns > height:
        columns += 1
    return columns, width / columns


def _changed(sequence: str, reference: str | None) -> set[int]:
    if reference is None or len(reference) != len(sequence):
        return set()
    return {place for place, (one, two) in enumerate(zip(sequence, reference, strict=True)) if one != two}


def _blocks(sequence: str, columns: int, size: float, changed: set[int], compared: bool) -> Iterator[str]:
    """Runs of one class in a line as one rectangle, then what changed over them."""
    pale = ' fill-opacity="0.3"' if compared else ""
    for start in range(0, len(sequence), columns):
        place = 0
        for colour, run in groupby(sequence[start : start + columns], _CLASS.__getitem__):
            count = len(list(run))
            if colour != "none":
                yield _rectangle(start + place, columns, size, count, f'fill="{colour}"{pale}')
            place += count
    for place in sorted(changed):
        colour = _CLASS[sequence[place]]
        yield _rectangle(place, columns, size, 1, f'fill="{colour}" stroke="#000" stroke-width="{size / 12:.2f}"')


def _rectangle(place: int, columns: int, size: float, count: int, paint: str) -> str:
    line, column = divmod(place, columns)
    x, y = column * size, line * size * TALLER
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{count * size:.1f}" height="{0.9 * size * TALLER:.1f}" {paint}/>'


def _letters(sequence: str, columns: int, size: float) -> Iterator[str]:
    for place, letter in enumerate(sequence):
        line, column = divmod(place, columns)
        x, y = (column + 0.5) * size, (line + 0.65) * size * TALLER
        yield f'<text x="{x:.1f}" y="{y:.1f}">{letter}</text>'
