"""Draws a sequence as an SVG: its changes by name and position if a reference is known, else one block per residue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

from sciencegen.domains.capabilities import Letters, Pictures
from sciencegen.domains.proteins.render_changes import MOST_NAMED, changes_from, draw_changes
from sciencegen.domains.proteins.residue_classes import COLOUR, LETTER_CLASSES
from sciencegen.domains.proteins.sites import Frame, align, as_reference, changes
from sciencegen.domains.proteins.variants import Reference

TALLER = 1.6
"""Ratio of the height of a block to its width."""
SMALLEST_LETTER = 5.0
"""Minimum width of a block with a letter, in pixels; smaller letters would not be legible."""
LARGEST = 16.0


def render(sequence: str, width: int = 220, height: int = 160, reference: Reference | None = None) -> str:
    """Draw one `<svg>` element. If there are too many changes to name, they are framed among pale residues. A reference
    of another length is ignored."""
    found = changes_from(reference, sequence)
    if reference is not None and found and len(found) <= MOST_NAMED:
        drawn = draw_changes(found, reference, width, height)
    else:
        places = None if found is None or reference is None else {one.position - reference.first for one in found}
        drawn = _all_residues(sequence, width, height, places)
    frame = f'width="{width}px" height="{height}px" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{drawn}</svg>'


def render_against(item: str, frame: Frame, width: int = 220, height: int = 160) -> str:
    """`render` with a reference or the context of an alignment."""
    return render(item, width, height, as_reference(frame))


def _all_residues(sequence: str, width: int, height: int, changed: set[int] | None) -> str:
    """Coloured blocks in lines, with letters if they fit. changed: places; None without a reference."""
    columns, size = _layout(len(sequence), width, height)
    blocks = "".join(_blocks(sequence, columns, size, changed))
    if size < SMALLEST_LETTER:
        return blocks
    letters = "".join(_letters(sequence, columns, size))
    style = f'font-family="monospace" font-size="{0.85 * size * TALLER * 0.7:.1f}" text-anchor="middle"'
    return f"{blocks}<g {style}>{letters}</g>"


def _layout(length: int, width: int, height: int) -> tuple[int, float]:
    """Number of blocks in a line, and their width: the largest that fits."""
    columns = max(1, math.ceil(width / min(LARGEST, math.sqrt(width * height / (TALLER * max(length, 1))))))
    while math.ceil(length / columns) * TALLER * width / columns > height:
        columns += 1
    return columns, width / columns


def _blocks(sequence: str, columns: int, size: float, changed: set[int] | None) -> Iterator[str]:
    """Runs of one class in a line as one rectangle, then the changed residues on top."""
    pale = "" if changed is None else ' fill-opacity="0.3"'
    for start in range(0, len(sequence), columns):
        place = 0
        for colour, run in groupby(sequence[start : start + columns], COLOUR.__getitem__):
            count = len(list(run))
            if colour != "none":
                yield _rectangle(start + place, columns, size, count, f'fill="{colour}"{pale}')
            place += count
    for place in sorted(changed or ()):
        colour = COLOUR[sequence[place]]
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


PICTURES = Pictures(
    letters=Letters(classes=LETTER_CLASSES, align=align, changes=changes, render_against=render_against)
)
