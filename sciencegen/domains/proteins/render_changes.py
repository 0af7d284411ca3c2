"""Draws the changes from a reference: their names, and below them a line with their positions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from sciencegen.domains.proteins.items import GAP_LETTER
from sciencegen.domains.proteins.residue_classes import COLOUR
from sciencegen.domains.proteins.variants import Reference, Substitution

MOST_NAMED = 24
"""Maximum number of changes that are shown by name."""
MOST_BESIDE = 4
LETTER_WIDTH = 0.602
"""Width of a monospaced letter relative to the font size."""
LARGEST, TRACK = 26.0, 34.0
"""Pixels: maximum font size of a name; height of the line with the marks."""


def changes_from(reference: Reference | None, sequence: str) -> list[Substitution] | None:
    """The substitutions in a sequence; None without a reference of its length."""
    if reference is None or len(reference.sequence) != len(sequence):
        return None
    pairs = enumerate(zip(reference.sequence, sequence, strict=True), reference.first)
    return [Substitution(wild, position, letter) for position, (wild, letter) in pairs if wild != letter]


def draw_changes(changes: Sequence[Substitution], reference: Reference, width: int, height: int) -> str:
    """SVG elements in a box of `width` by `height` pixels: the names of the changes, and below them marks."""
    return "".join((*_names(changes, width, height - TRACK), *_track(changes, reference, width, height - TRACK)))


def _names(changes: Sequence[Substitution], width: float, height: float) -> Iterator[str]:
    """The names of the changes in a grid, as large as fits, each new letter on the colour of its class."""
    longest = max(len(str(change)) for change in changes) + 2
    grids = [(beside, math.ceil(len(changes) / beside)) for beside in range(1, MOST_BESIDE + 1)]
    sizes = [min(width / beside / longest / LETTER_WIDTH, height / lines / 1.45, LARGEST) for beside, lines in grids]
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
