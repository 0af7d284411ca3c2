"""Pictures of items that a domain aligns in columns: compared with a reference, and as a logo."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.items import NAME_COLUMN, Cell, Direction, Item, Reference
from sciencegen.report.content import Change, HeatMap, Logo, ReportContent, Sites
from sciencegen.report.markup import clean, decimals, element, escape, number, readable, with_unit

MOST_COLUMNS = 60
"""A logo of up to this many sites may show all of them; with more, only those that vary."""


@dataclass(frozen=True, kw_only=True)
class Letters:
    """Items that are letters in columns, for logos and heat maps.

    Parameters
    ----------
    classes : mapping
        Name of a class -> its letters, with similar ones together, in the order of pictures.
    align : (texts, reference) -> Sites or None
        None if the items can't be aligned.
    changes : (names) -> list of tuple of Change or None
        Changes of each name of a variant; () for the reference itself, None for an invalid name.
    render_against : (item, reference, width, height) -> str
        A picture of an item that shows the differences from a reference.
    """

    classes: Mapping[str, str]
    align: Callable[[Sequence[str], Reference | None], Sites | None]
    changes: Callable[[Sequence[str]], list[tuple[Change, ...] | None]]
    render_against: Callable[[Item, Reference, int, int], str]

    @property
    def alphabet(self) -> str:
        """All letters, in the order of pictures."""
        return "".join(self.classes.values())


def changes_of(sites: Sites, row: str | None) -> str:
    """The changes of a row from the reference, "" if either is unknown."""
    if row is None or not sites.reference:
        return ""
    triples = zip(sites.reference, sites.columns, row, strict=True)
    return ":".join(f"{there}{site}{letter}" for there, site, letter in triples if there != letter) or "WT"


def letters_at(sites: Sites, laid: Sequence[int]) -> np.ndarray:
    """[item column] of one letter each."""
    return np.array([list(str(sites.rows[index])) for index in laid])


def logo_of(
    letters: Letters,
    sites: Sites,
    groups: Mapping[str, Sequence[int]],
    weights: Float[np.ndarray, " item"] | None = None,
) -> Logo | None:
    """groups: name -> rows of `sites`; the first group decides which sites are shown. weights: of all rows."""
    rows = {name: [one for one in chosen if sites.rows[one] is not None] for name, chosen in groups.items()}
    rows = {name: laid for name, laid in rows.items() if laid}
    if not rows or next(iter(rows)) != next(iter(groups)):
        return None
    columns, note = _shown(sites, rows)
    if not len(columns):
        return None
    counts = {}
    for name, laid in rows.items():
        weight = np.ones(len(laid)) if weights is None else weights[laid]
        there = letters_at(sites, laid)[:, columns]
        counts[name] = np.stack([(there == letter).T @ weight for letter in letters.alphabet], 1).tolist()
    reference = [sites.reference[at] for at in columns.tolist()] if sites.reference else []
    return Logo(
        letters.alphabet, [sites.columns[at] for at in columns.tolist()], counts, reference, letters.classes, note
    )


def _shown(sites: Sites, rows: Mapping[str, Sequence[int]]) -> tuple[np.ndarray, str]:
    """The columns to draw, and a note if not all: for long items those in which the first group varies; otherwise those
    in which any group varies, if these are at most half."""
    first, everything = next(iter(rows)), [one for laid in rows.values() for one in laid]
    total, vary = len(sites.columns), np.flatnonzero(_varied(sites, everything))
    if total > MOST_COLUMNS:
        vary = np.flatnonzero(_varied(sites, rows[first]))
        return vary, f"The {len(vary)} of {total} sites in which the {first} vary."
    if len(vary) <= total / 2:
        return vary, f"The {len(vary)} of {total} sites in which anything varies."
    return np.arange(total), ""


def _varied(sites: Sites, laid: Sequence[int]) -> Bool[np.ndarray, " column"]:
    """Sites at which these rows differ from the reference, or from each other."""
    letters = letters_at(sites, laid)
    first = np.array(list(sites.reference)) if sites.reference else letters[0]
    return (letters != first).any(0)


# A heat map of letters at sites as SVG, in strips one above the other; the page's script shows the cells' values.

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
    best = [(row, at - columns.start) for row, at in best_cells(record).tolist() if columns.start <= at < columns.stop]
    content = "".join(
        (
            *_shaded(record, values, width),
            _blank(record, columns, width),
            _references(record, columns, width),
            element("path", d=_boxes(best, width), class_="best"),
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


# Sequence logos as SVG: letters stacked at each site, the most frequent on top, with heights in bits.

STACK, LOGO_GAP, FOOT = 92, 14, 34
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
    return [_logo_strip(record, groups, bits, slice(start, start + STRIP), width) for start in starts]


def _logo_strip(record: Logo, groups: dict[str, np.ndarray], bits: float, columns: slice, width: int) -> str:
    names = record.columns[columns]
    span = len(names) * width
    parts = []
    for index, (name, group) in enumerate(groups.items()):
        floor = 18 + index * (STACK + LOGO_GAP + 18) + STACK
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


# The sections of letters in columns: heat maps and logos, with their legends.


def strips(svgs: list[str], caption: str) -> str:
    """A figure of SVG strips one below the other. caption: markup, "" for none."""
    body = "".join(element("div", svg, class_="strip") for svg in svgs)
    return element("figure", body + (element("figcaption", caption) if caption else ""), class_="wide sites")


def heat_maps(content: ReportContent) -> str:
    """The legend and strips of each map; maps without rows or columns are left out."""
    records = [record for record in content.heat_maps if len(record.rows) and len(record.columns)]
    return "".join(_scale(record) + strips(heat_map(record), escape(record.note)) for record in records)


def _scale(record: HeatMap) -> str:
    """The legend: the colour scale, then the meaning of the marks."""
    scale = scale_of(record)
    ends = [scale.centre - scale.limit, scale.centre, scale.centre + scale.limit]
    low, middle, high = (number(value, min(2, decimals(ends))) for value in ends)
    centre = f"{middle} ({record.centre_name})" if record.centre_name else middle
    title = element("b", escape(with_unit(readable(record.name), record.unit)))
    ramp = f'<span>≤ {low}</span><i class="ramp diverging"></i><span>≥ {high}</span>'
    ramp += element("span", f"centre: {escape(centre)}")
    keys = '<li><i class="key there"></i>the wild type</li>' if any(record.reference) else ""
    keys += f'<li><i class="key best"></i>the {BEST} best</li>' if record.direction else ""
    keys += '<li><i class="key blank">⁄</i>no value</li>'
    return element("ul", f"<li>{title}</li><li>{ramp}</li>{keys}", class_="legend")


def site_logo(content: ReportContent) -> str:
    """The letters' shapes, the legend of their classes, and the strips; "" if there are no columns."""
    record = content.logo
    if record is None or not record.columns or not record.counts:
        return ""
    return glyphs(record.letters) + _classes(record) + strips(logo(record), escape(record.note))


def _classes(record: Logo) -> str:
    items = "".join(
        f'<li><i class="key class class-{number}"></i>{escape(name)}: {escape(" ".join(letters))}</li>'
        for number, (name, letters) in enumerate(record.classes.items(), 1)
    )
    return element("ul", items, class_="legend") if items else ""


# Heat maps of named single changes, and of measured items by their letters at each site.

SCORE = "score"

WILD_TYPE = "the wild type"


def of_variants(
    letters: Letters, table: Mapping[str, Sequence[Cell]], unit_of: Callable[[str], str],
    directions: Mapping[str, Direction], name: str | None = None,
) -> list[HeatMap]:  # fmt: skip
    """The single changes of a table with columns of names and a predicted property or, without one, `score`. name: of
    the column of values, instead of these.

    The centre of the colours is the wild type: 0 for a score, and the value of the row `WT` for a property. Without
    that row, it is 0 if there are values on both sides of 0, else the median.
    """
    name = name or next((one for one in table if f"{one}_lower" in table and f"{one}_upper" in table), SCORE)
    if NAME_COLUMN not in table or name not in table:
        return []
    values = np.asarray(table[name], float)
    named = letters.changes([_text(cell) for cell in table[NAME_COLUMN]])
    singles = {index: one[0] for index, one in enumerate(named) if one is not None and len(one) == 1}
    whole = [index for index, one in enumerate(named) if one == ()]
    if not any(np.isfinite(values[index]) for index in singles):
        return []
    centre, centre_name = (float(values[whole[0]]), WILD_TYPE) if whole else _centre(name, values)
    there = {change.site: change.reference for change in singles.values()}
    columns = sorted(there)
    rows = list(dict.fromkeys([*letters.alphabet, *(change.letter for change in singles.values())]))
    return [
        HeatMap(
            name, rows, [str(site) for site in columns], [there[site] for site in columns],
            *_cells(singles, rows, columns, values, [_aside(table, name, index) for index in range(len(values))]),
            unit=unit_of(name), centre=centre, centre_name=centre_name,
            direction=directions.get(name, "maximize"),
        )
    ]  # fmt: skip


def _centre(name: str, values: Float[np.ndarray, " name"]) -> tuple[float, str]:
    if name == SCORE:
        return 0.0, WILD_TYPE
    return (0.0, "") if np.nanmin(values) < 0 < np.nanmax(values) else (float(np.nanmedian(values)), "the median")


def _text(name: Cell) -> str:
    """A name as read from a table; "" for an empty cell, which is NaN there."""
    return name if isinstance(name, str) else ""


def _cells(
    singles: Mapping[int, Change],
    rows: Sequence[str],
    columns: Sequence[int],
    values: Float[np.ndarray, " name"],
    asides: Sequence[str],
) -> tuple[list[list[float]], list[list[str]]]:
    """Values and their asides, each [row column]."""
    cells, asides_by_cell = np.full((len(rows), len(columns)), np.nan), [[""] * len(columns) for _ in rows]
    row_of, column_of = ({one: place for place, one in enumerate(names)} for names in (rows, columns))
    for index, change in singles.items():
        row, column = row_of[change.letter], column_of[change.site]
        cells[row, column], asides_by_cell[row][column] = values[index], asides[index]
    return cells.tolist(), asides_by_cell


def _aside(table: Mapping[str, Sequence[Cell]], name: str, index: int) -> str:
    """The uncertainty of a value, as text."""
    if f"{name}_lower" in table:
        return f"({table[f'{name}_lower'][index]:.3g} to {table[f'{name}_upper'][index]:.3g})"
    deviation = table[f"{name}_sd"][index] if f"{name}_sd" in table else np.nan
    return f"± {deviation:.2g}" if deviation == deviation else ""


def of_items(letters: Letters, sites: Sites, values: Sequence[float], name: str, direction: Direction) -> list[HeatMap]:
    """The mean value of the items that have a letter at a site, for sites that vary. The centre of the colours is the
    wild type's value if it was measured, else the mean of all."""
    laid = [index for index, row in enumerate(sites.rows) if row is not None]
    if len(laid) < 2:
        return []
    there, known, rows = letters_at(sites, laid), np.asarray(values, float)[laid], letters.alphabet
    columns = np.flatnonzero((there != there[:1]).any(0)).tolist()
    if not columns:
        return []
    has = np.stack([there[:, columns] == letter for letter in rows])  # [letter item column]
    counts = has.sum(1)
    means = np.einsum("lic,i->lc", has, known) / np.where(counts, counts, np.nan)
    wild = [value for index, value in zip(laid, known.tolist(), strict=True) if sites.rows[index] == sites.reference]
    return [
        HeatMap(
            f"mean {name}", rows, [sites.columns[at] for at in columns],
            [sites.reference[at] if sites.reference else "" for at in columns], means.tolist(),
            [[f"(of {count})" for count in row] for row in counts.tolist()],
            centre=wild[0] if wild else float(known.mean()), direction=direction,
            centre_name=WILD_TYPE if wild else "the mean of all",
            note=f"Means over those of the {len(laid)} measured items that have the letter there, whatever else.",
        )
    ]  # fmt: skip
