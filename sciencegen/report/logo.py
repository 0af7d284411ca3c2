"""Sequence logos as SVG: letters stacked at each site, the most frequent on top, with heights in bits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.report.heat_map import FEW, LEFT, STRIP, column_labels, column_width
from sciencegen.report.markup import clean, element, escape, readable
from sciencegen.report.site_content import Logo

STACK, GAP, FOOT = 92, 14, 34
"""Pixels: height of a group's stacks, gap between groups, height of the reference and the numbers below."""
NARROWEST = 220
"""Pixels: least width, for the name of a group."""
SMALLEST = 0.4
"""Pixels below which a letter is left out."""


def heights(counts: Float[np.ndarray, "column letter"]) -> Float[np.ndarray, "column letter"]:
    """Bits of each letter: its share f of the column times the column's information R (Schneider & Stephens 1990).

    R = log2(s) - (H + e(n)),  H = -sum_l f_l log2(f_l),  e(n) = (s - 1) / (2 n ln 2)

    s: letters, n: items of the column; e is the small-sample correction. A negative R is set to 0.
    """
    counts = np.asarray(counts, float)
    n = counts.sum(1, keepdims=True)
    shares = counts / np.where(n > 0, n, 1)
    entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(1, keepdims=True)
    s = counts.shape[1]
    correction = (s - 1) / (2 * math.log(2) * np.where(n > 0, n, np.inf))
    tip_text = np.where(n > 0, math.log2(s) - (entropy + correction), 0)
    return shares * np.maximum(tip_text, 0)


def logo(record: Logo) -> list[str]:
    """The strips, an `<svg>` each."""
    groups = {name: heights(np.asarray(counts)) for name, counts in record.counts.items()}
    top = max((float(group.sum(1).max()) for group in groups.values() if group.size), default=0.0)
    bits = min(max(1, math.ceil(top)), math.log2(max(2, len(record.letters))))
    width = column_width(len(record.columns))
    starts = range(0, len(record.columns), STRIP)
    return [_strip(record, groups, bits, slice(start, start + STRIP), width) for start in starts]


def _strip(record: Logo, groups: dict[str, np.ndarray], bits: float, columns: slice, width: int) -> str:
    names = record.columns[columns]
    span = len(names) * width
    parts = []
    for index, (name, group) in enumerate(groups.items()):
        floor = 18 + index * (STACK + GAP + 18) + STACK
        parts += [*_axis(name, floor, bits, span), *_stacks(record, group[columns], floor, bits, width)]
        parts += _tips(record, name, columns, floor, width)
    few = len(record.columns) <= FEW
    parts += column_labels(names, record.reference[columns], width, (floor + 14, floor + 28), few)
    size = (LEFT + max(span, NARROWEST) + 6, floor + FOOT)
    label = f"Logo of {', '.join(map(readable, groups))} at {names[0]} to {names[-1]}"
    frame = {"viewBox": f"0 0 {size[0]} {size[1]}", "style": f"--width:{size[0]}px"}
    return element("svg", "".join(parts), role="img", aria_label=clean(label), class_="logo", **frame)


def _axis(name: str, floor: int, bits: float, span: int) -> Iterator[str]:
    """The name of the group, and below it the axis of bits, which starts with 0 at `floor`."""
    yield f'<text x="{LEFT}" y="{floor - STACK - 6}" class="group">{escape(name)}</text>'
    for tick in range(0, int(bits) + 1, 1 if bits <= 2 else 2):
        y = floor - tick / bits * STACK
        yield f'<path d="M{LEFT} {y:g}h{span}" class="rule"/>'
        yield f'<text x="{LEFT - 5}" y="{y + 3.5:g}" text-anchor="end" class="aside">{tick}</text>'
    turned = f'transform="translate(11 {floor - STACK / 2:g}) rotate(-90)"'
    yield f'<text {turned} text-anchor="middle" class="aside">bits</text>'


def _stacks(
    record: Logo, group: Float[np.ndarray, "column letter"], floor: int, bits: float, width: int
) -> Iterator[str]:
    for column, tall in enumerate(group):
        y = float(floor)
        for letter in np.argsort(tall, kind="stable"):
            height = tall[letter] / bits * STACK
            if height < SMALLEST:
                continue
            place = f"translate({LEFT + column * width + 1} {y:.1f}) scale({width - 2} {height:.2f})"
            name = record.letters[letter]
            yield f'<use href="#{glyph_id(name)}" transform="{place}" class="class-{_class(record, name)}"/>'
            y -= height


def _class(record: Logo, letter: str) -> int:
    """The number of a letter's class, from 1; 0 without a class."""
    return next((number for number, letters in enumerate(record.classes.values(), 1) if letter in letters), 0)


def _tips(record: Logo, name: str, columns: slice, floor: int, width: int) -> Iterator[str]:
    """Texts on hovering over a column: its letters by share."""
    counts = np.asarray(record.counts[name], float)[columns]
    for column, row in enumerate(counts):
        ranked = [letter for letter in np.argsort(-row, kind="stable")[:5] if row[letter] > 0]
        shares = ", ".join(f"{record.letters[one]} {100 * row[one] / row.sum():.0f} %" for one in ranked)
        tip_text = f"{name}, {record.columns[columns][column]}: {shares or 'nothing'}"
        box = {"x": LEFT + column * width, "y": floor - STACK, "width": width, "height": STACK}
        yield element("rect", class_="tip", data_tip=tip_text, **box)


def glyph_id(letter: str) -> str:
    """The id of a letter's shape on the page."""
    return f"glyph-{ord(letter)}"


def glyphs(letters: Sequence[str]) -> str:
    """The letters' shapes for the page, each in a box of width and height 1 above the origin.

    The font is monospaced, where an I has serifs and can be drawn as wide as a W.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family="DejaVu Sans Mono", weight="bold")  # comes with matplotlib
    shapes = "".join(
        element("path", id=glyph_id(letter), d=_outline(TextPath((0, 0), letter, size=100, prop=font)))
        for letter in letters
    )
    return f'<svg width="0" height="0" aria-hidden="true" style="position:absolute"><defs>{shapes}</defs></svg>'


def _outline(path) -> str:  # type: ignore[no-untyped-def]
    box = path.get_extents()
    commands = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "z"}
    parts = []
    for points, code in path.iter_segments():
        pairs = np.asarray(points).reshape(-1, 2)
        placed = np.stack([(pairs[:, 0] - box.x0) / box.width, -(pairs[:, 1] - box.y0) / box.height], 1)
        parts.append(commands[code] + ("" if code == 79 else " ".join(f"{value:.3f}" for value in placed.ravel())))
    return "".join(parts)
