"""Draws a sequence as an SVG: its changes by name and position if a reference is known, else one block per residue."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from sciencegen.domains.capabilities import Letters, Pictures
from sciencegen.domains.proteins.items import COLOUR, GAP_LETTER, LETTER_CLASSES
from sciencegen.domains.proteins.variants import Reference, Substitution, parts_of, read_change
from sciencegen.items import Json, Refusal
from sciencegen.report.content import Change, Sites

# Draws the changes from a reference: their names, and below them a line with their positions.

MOST_NAMED = 24
"""Maximum number of changes that are shown by name."""
MOST_BESIDE = 4
LETTER_WIDTH = 0.602
"""Width of a monospaced letter relative to the font size."""
LARGEST_CHANGES, TRACK = 26.0, 34.0
"""Pixels: maximum font size of a name; height of the line with the marks."""


def changes_from(reference: Reference | None, sequence: str) -> list[Substitution] | None:
    """The substitutions in a sequence; None without a reference of its length."""
    if reference is None or len(reference.sequence) != len(sequence):
        return None
    pairs = enumerate(zip(reference.sequence, sequence, strict=True), reference.first)
    return [Substitution(wild, position, letter) for position, (wild, letter) in pairs if wild != letter]


def _names(changes: Sequence[Substitution], width: float, height: float) -> Iterator[str]:
    """The names of the changes in a grid, as large as fits, each new letter on the colour of its class."""
    longest = max(len(str(change)) for change in changes) + 2
    grids = [(beside, math.ceil(len(changes) / beside)) for beside in range(1, MOST_BESIDE + 1)]
    sizes = [
        min(width / beside / longest / LETTER_WIDTH, height / lines / 1.45, LARGEST_CHANGES) for beside, lines in grids
    ]
    size = max(sizes)
    beside, lines = grids[sizes.index(size)]
    line = min(height / lines, 1.7 * size)
    yield f'<g font-family="monospace" font-size="{size:.1f}">'
    for number, change in enumerate(changes):
        row, column = divmod(number, beside)
        x = (column + 0.5) * width / beside - (len(str(change)) + 0.2) * LETTER_WIDTH * size / 2
        yield _name(change, x, (height - lines * line) / 2 + (row + 0.5) * line + 0.35 * size, size)
    yield "</g>"


def _name(change: Substitution, x: float, y: float, size: float) -> str:
    name, letter = f"{change.wild_type}{change.position}", LETTER_WIDTH * size
    end = x + len(name) * letter + 0.1 * size
    box = f'width="{1.35 * letter:.1f}" height="{1.15 * size:.1f}" rx="{size / 8:.1f}" fill="{COLOUR[change.letter]}"'
    return (
        f'<rect x="{end:.1f}" y="{y - 0.92 * size:.1f}" {box} fill-opacity="0.5"/>'
        f'<text x="{x:.1f}" y="{y:.1f}" fill="#555">{name}</text>'
        f'<text x="{end + 0.175 * letter:.1f}" y="{y:.1f}" font-weight="bold">{change.letter}</text>'
    )


def _track(changes: Sequence[Substitution], reference: Reference, width: float, top: float) -> Iterator[str]:
    """The whole sequence as a line with the numbers of its ends, and a mark at each change."""
    left, right, middle = 8.0, width - 8.0, top + 10
    step = (right - left) / len(reference.sequence)
    yield f'<rect x="{left}" y="{middle - 2}" width="{right - left}" height="4" rx="2" fill="#d5d8dc"/>'
    for change in changes:
        x = left + (change.position - reference.first + 0.5) * step
        colour = "#000" if change.letter == GAP_LETTER else COLOUR[change.letter]
        yield f'<rect x="{x - 1.5:.1f}" y="{middle - 7}" width="3" height="14" rx="1" fill="{colour}"/>'
    for x, anchor, number in ((left, "start", reference.first), (right, "end", reference.last)):
        style = f'font-family="sans-serif" font-size="10" fill="#555" text-anchor="{anchor}"'
        yield f'<text x="{x}" y="{middle + 20}" {style}>{number}</text>'


# Aligns sequences to the columns of their reference, and parses changes by name, for the report's pictures.

Frame = Reference | Json | None
"""A reference, or the context of an alignment: a reference, and the residues that have columns."""


def as_reference(frame: Frame) -> Reference | None:
    """The reference in a frame, None without a frame."""
    return Reference(frame["reference"], int(frame["first"])) if isinstance(frame, Mapping) else frame


def align(texts: Sequence[str], frame: Frame = None) -> Sites | None:
    """Sequences, or rows of an alignment, in the columns of their reference.

    Without a reference, sequences of the most frequent length are used, numbered from 1. None if no sequence fits.
    """
    reference = as_reference(frame)
    if reference is None:
        return _counted(texts)
    length = len(reference.sequence)
    kept = list(frame["columns"]) if isinstance(frame, Mapping) else list(range(length))
    rows = [_row(text, kept, length) for text in texts]
    columns = [str(reference.first + place) for place in kept]
    return Sites(rows, columns, "".join(reference.sequence[place] for place in kept)) if any(rows) else None


def _counted(texts: Sequence[str]) -> Sites | None:
    length = Counter(map(len, texts)).most_common(1)[0][0] if texts else 0
    rows = [text if len(text) == length else None for text in texts]
    return Sites(rows, [str(number) for number in range(1, length + 1)], "") if length else None


def _row(text: str, kept: Sequence[int], length: int) -> str | None:
    """The letters of a whole sequence in the kept columns, or of a row that has only these."""
    if len(text) == length:
        return "".join(text[place] for place in kept)
    return text if len(text) == len(kept) else None


def changes(names: Sequence[str]) -> list[tuple[Change, ...] | None]:
    """The changes in each variant name (`A42G:K43R`): empty for the wild type, None for an invalid name."""
    return [_changes(name) for name in names]


def _changes(name: str) -> tuple[Change, ...] | None:
    found = [read_change(part) for part in parts_of(name)]
    read = [Change(one.wild_type, one.position, one.letter) for one in found if not isinstance(one, Refusal)]
    return tuple(read) if len(read) == len(found) and all(one.letter in COLOUR for one in read) else None


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
        drawn = "".join((*_names(found, width, height - TRACK), *_track(found, reference, width, height - TRACK)))
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
