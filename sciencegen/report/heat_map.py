"""A heat map of letters at sites as SVG, in strips one above the other; the page's script shows the cells' values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.report.markup import clean, decimals, element, escape, number, readable
from sciencegen.report.site_content import HeatMap

STRIP = 60
"""Columns of one strip."""
FEW = 24
"""Up to this many columns are all numbered, and drawn wider."""
SHADES = 10
"""Colours on either side of the centre."""
LIMIT_QUANTILE = 0.98
"""Quantile of the distances from the centre at which the colours end."""
BEST = 10
LEFT, RIGHT, TOP, HEIGHT, GAP = 40, 20, 32, 15, 6
"""Pixels: labels of rows on both sides, labels of columns, height of a row, gap above the row of means."""


@dataclass(frozen=True)
class Scale:
    """Colours from centre - limit to centre + limit, in 2 SHADES + 1 steps."""

    centre: float
    limit: float

    def shade(self, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """-SHADES to SHADES, NaN where there is no value."""
        return np.round(SHADES * np.clip((values - self.centre) / self.limit, -1, 1))


def scale_of(record: HeatMap) -> Scale:
    """Limit at `LIMIT_QUANTILE` of the distances from the centre; if that is 0, at the greatest; if that is 0, at 1."""
    distances = np.abs(_values(record) - record.centre)
    finite = distances[np.isfinite(distances)]
    limits = np.quantile(finite, [LIMIT_QUANTILE, 1.0], method="lower") if len(finite) else [1.0]
    return Scale(record.centre, next((float(limit) for limit in limits if limit), 1.0))


def colour(shade: float) -> str:
    """A shade as a mixture of the page's colours, which differ between light and dark."""
    side = "above" if shade > 0 else "below"
    return f"fill:color-mix(in oklab,var(--{side}) {abs(shade) * 100 / SHADES:.0f}%,var(--even))"


def _values(record: HeatMap) -> Float[np.ndarray, "row column"]:
    return np.asarray(record.values, float).reshape(len(record.rows), len(record.columns))


def best_cells(record: HeatMap) -> Float[np.ndarray, "cell 2"]:
    """[cell 2] row and column of the best values; none if the direction is unknown."""
    values = _values(record)
    if record.direction is None:
        return np.empty((0, 2), int)
    ranked = np.argsort(-values.ravel() if record.direction == "maximize" else values.ravel(), kind="stable")
    ranked = ranked[: min(BEST, int(np.isfinite(values).sum()))]
    return np.stack(np.unravel_index(ranked, values.shape), 1)


def column_width(count: int) -> int:
    """Width of a column in pixels: with fewer columns, they are wider."""
    return 44 if count <= FEW / 3 else 30 if count <= FEW else 18


def heat_map(record: HeatMap) -> list[str]:
    """The strips, an `<svg>` each."""
    width = column_width(len(record.columns))
    starts = range(0, len(record.columns), STRIP)
    return [_strip(record, slice(start, min(start + STRIP, len(record.columns))), width) for start in starts]


def _strip(record: HeatMap, columns: slice, width: int) -> str:
    values, names = _values(record)[:, columns], record.columns[columns]
    numbered = [escape(name) for name in names]
    size = (LEFT + len(names) * width + RIGHT, TOP + (len(record.rows) + 1) * HEIGHT + GAP + 2)
    content = "".join(
        (
            *_shaded(record, values, width),
            _blank(record, columns, width),
            _references(record, columns, width),
            _outlined(record, columns, width),
            *_labels(record, columns, width),
        )
    )
    description = f"{readable(record.name)} of each letter at {numbered[0]} to {numbered[-1]}" if names else record.name
    attributes = {"data_grid": f"{LEFT} {TOP} {width} {HEIGHT}", "data_rows": "|".join(record.rows)}
    attributes |= {"data_columns": "|".join(names), "data_reference": "|".join(record.reference[columns])}
    attributes |= {"data_cells": _cell_texts(record, columns), "data_unit": record.unit, "class_": "heat"}
    frame = {"viewBox": f"0 0 {size[0]} {size[1]}", "style": f"--width:{size[0]}px"}
    return element("svg", content, role="img", aria_label=clean(description), **frame, **attributes)


def _cell_texts(record: HeatMap, columns: slice) -> str:
    """Text of each cell on hovering, "" for a cell without value."""
    places = decimals(_values(record).ravel().tolist())
    rows = []
    for index, row in enumerate(_values(record)[:, columns]):
        asides = record.asides[index][columns] if len(record.asides) else [""] * len(row)
        pairs = zip(row.tolist(), asides, strict=True)
        rows.append("|".join(f"{number(v, places)} {aside}".strip() if v == v else "" for v, aside in pairs))
    return ";".join(rows)


def _shaded(record: HeatMap, values: Float[np.ndarray, "row column"], width: int) -> Iterator[str]:
    """One path for all cells of a colour, with the means of the columns below."""
    scale = scale_of(record)
    yield from _paths(scale.shade(values), width, TOP)
    finite = np.isfinite(values)
    means = np.where(finite, values, 0).sum(0) / np.where(finite.any(0), finite.sum(0), np.nan)
    yield from _paths(scale.shade(means[None]), width, TOP + len(record.rows) * HEIGHT + GAP)


def _paths(shades: Float[np.ndarray, "row column"], width: int, top: int) -> Iterator[str]:
    for shade in range(-SHADES, SHADES + 1):
        cells = np.argwhere(shades == shade)
        if len(cells):
            yield element("path", d=_boxes(cells.tolist(), width, top), style=colour(shade))


def _boxes(cells: Sequence[Sequence[int]], width: int, top: int = TOP) -> str:
    box = f"h{width - 1}v{HEIGHT - 1}h-{width - 1}z"
    return "".join(f"M{LEFT + column * width} {top + row * HEIGHT}{box}" for row, column in cells)


def _blank(record: HeatMap, columns: slice, width: int) -> str:
    """A stroke in cells that have no value and aren't the reference's."""
    there = [[letter == row for letter in record.reference[columns]] for row in record.rows]
    strokes = (
        f"M{LEFT + column * width + width / 2 - 3:g} {TOP + row * HEIGHT + 10}l5 -6"
        for row, column in np.argwhere(~np.isfinite(_values(record)[:, columns]) & ~np.array(there))
    )
    return element("path", d="".join(strokes), class_="blank")


def _references(record: HeatMap, columns: slice, width: int) -> str:
    """A dot in the cells of the reference's letters."""
    rows = {letter: row for row, letter in enumerate(record.rows)}
    places = [(rows[letter], at) for at, letter in enumerate(record.reference[columns]) if letter in rows]
    dots = (f"M{LEFT + at * width + (width - 1) / 2:g} {TOP + row * HEIGHT + 7}h0" for row, at in places)
    return element("path", d="".join(dots), class_="there")


def _outlined(record: HeatMap, columns: slice, width: int) -> str:
    best = best_cells(record).tolist()
    inside = [(row, at - columns.start) for row, at in best if columns.start <= at < columns.stop]
    return element("path", d=_boxes(inside, width), class_="best")


def _labels(record: HeatMap, columns: slice, width: int) -> Iterator[str]:
    """Letters of the rows on both sides, of the reference above, and numbers of columns if there is space."""
    names, letters = record.columns[columns], record.reference[columns]
    right, means = LEFT + len(names) * width + 5, TOP + len(record.rows) * HEIGHT + GAP + 11
    for row, letter in enumerate(record.rows):
        y = TOP + row * HEIGHT + 11
        yield f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{escape(letter)}</text>'
        yield f'<text x="{right}" y="{y}">{escape(letter)}</text>'
    yield f'<text x="{LEFT - 6}" y="{means}" text-anchor="end" class="aside">mean</text>'
    yield from column_labels(names, letters, width, (27, 12), len(record.columns) <= FEW)


def column_labels(
    names: Sequence[str], letters: Sequence[str], width: int, heights: tuple[float, float], every: bool
) -> Iterator[str]:
    """The reference's letters at the first of two heights, names of columns at the second."""
    labels = [(at, letter, heights[0], "letter") for at, letter in enumerate(letters)]
    labels += [(at, names[at], heights[1], "aside") for at in numbered_columns(names, every)]
    for at, text, y, kind in labels:
        x = LEFT + (at + 0.5) * width
        yield f'<text x="{x:g}" y="{y:g}" text-anchor="middle" class="{kind}">{escape(text)}</text>'


def numbered_columns(names: Sequence[str], every: bool) -> list[int]:
    """Columns of a strip with names: all, or those whose number does not follow the previous one, and every tenth. Of
    two adjacent columns only one has a name, preferably of the former kind."""
    if every:
        return list(range(len(names)))
    breaks = [not at or not _follows(names[at - 1], name) for at, name in enumerate(names)]
    tens = [name.isdigit() and int(name) % 10 == 0 for name in names]
    chosen: list[int] = []
    for at in range(len(names)):
        adjacent = bool(chosen) and at - chosen[-1] < 2
        if adjacent and breaks[at] and not breaks[chosen[-1]]:
            chosen[-1] = at
        elif not adjacent and (breaks[at] or tens[at]):
            chosen.append(at)
    return chosen


def _follows(before: str, name: str) -> bool:
    return before.isdigit() and name.isdigit() and int(name) == int(before) + 1
