"""Pictures of items that a domain aligns in columns: compared with a reference, and as a logo."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.figures import style as paper
from sciencegen.items import NAME_COLUMN, Cell, Direction, Item, Reference
from sciencegen.report.content import Change, HeatMap, Logo, Sites
from sciencegen.report.text import decimals, escape, number, readable, with_unit

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

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


def centre_and_limit(record: HeatMap) -> tuple[float, float]:
    """The colours go from centre - limit to centre + limit. The limit is the `LIMIT_QUANTILE` of the distances from the
    centre; if that is 0, the greatest; if that is 0, 1."""
    distances = np.abs(_values(record) - record.centre)
    finite = distances[np.isfinite(distances)]
    limits = np.quantile(finite, [LIMIT_QUANTILE, 1.0], method="lower") if len(finite) else [1.0]
    return record.centre, next((float(limit) for limit in limits if limit), 1.0)


def shades(record: HeatMap, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """-SHADES to SHADES, NaN where there is no value."""
    centre, limit = centre_and_limit(record)
    return np.round(SHADES * np.clip((values - centre) / limit, -1, 1))


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


def heat_map(record: HeatMap) -> list[Markup]:
    """The strips, an `<svg>` each."""
    width = column_width(len(record.columns))
    return [_strip(record, columns, width) for columns in strips(len(record.columns), STRIP)]


def strips(count: int, longest: int) -> list[slice]:
    """The columns of each strip."""
    return [slice(start, min(start + longest, count)) for start in range(0, count, longest)]


def reference_cells(record: HeatMap, columns: slice) -> Bool[np.ndarray, "row column"]:
    """Whether the letter of a cell is the reference's."""
    return np.array([[letter == row for letter in record.reference[columns]] for row in record.rows], bool)


def _strip(record: HeatMap, columns: slice, width: int) -> Markup:
    from markupsafe import Markup

    values, names, letters = _values(record)[:, columns], record.columns[columns], record.reference[columns]
    size = (LEFT + len(names) * width + RIGHT, TOP + (len(record.rows) + 1) * HEIGHT + GAP + 2)
    best = [(row, at - columns.start) for row, at in best_cells(record).tolist() if columns.start <= at < columns.stop]
    parts = [
        *_shaded(record, values, width),
        *_marked(reference_cells(record, columns), np.isfinite(values), width),
        f'<path d="{_boxes(best, width)}" class="best"></path>',
        *_labels(record, names, letters, width),
    ]
    description = f"{readable(record.name)} of each letter at {names[0]} to {names[-1]}" if names else record.name
    data = {"rows": "|".join(record.rows), "columns": "|".join(names), "reference": "|".join(letters)}
    data |= {"cells": _cell_texts(record, columns), "unit": record.unit}
    told = " ".join(f'data-{name}="{escape(text)}"' for name, text in data.items())
    return Markup(
        f'<svg role="img" aria-label="{escape(description)}" viewBox="0 0 {size[0]} {size[1]}" '
        f'style="--width:{size[0]}px" data-grid="{LEFT} {TOP} {width} {HEIGHT}" {told} class="heat">'
        f"{''.join(parts)}</svg>"
    )


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
    """One path for all cells of a colour, with the means of the columns below. Colours are mixtures of the page's,
    which differ between light and dark."""
    finite = np.isfinite(values)
    means = np.where(finite, values, 0).sum(0) / np.where(finite.any(0), finite.sum(0), np.nan)
    for drawn, top in ((values, TOP), (means[None], TOP + len(record.rows) * HEIGHT + GAP)):
        shaded = shades(record, drawn)
        for shade in range(-SHADES, SHADES + 1):
            if len(cells := np.argwhere(shaded == shade)):
                side, share = "above" if shade > 0 else "below", abs(shade) * 100 / SHADES
                colour = f"fill:color-mix(in oklab,var(--{side}) {share:.0f}%,var(--even))"
                yield f'<path d="{_boxes(cells.tolist(), width, top)}" style="{colour}"></path>'


def _boxes(cells: Sequence[Sequence[int]], width: int, top: int = TOP) -> str:
    box = f"h{width - 1}v{HEIGHT - 1}h-{width - 1}z"
    return "".join(f"M{LEFT + column * width} {top + row * HEIGHT}{box}" for row, column in cells)


def _marked(
    there: Bool[np.ndarray, "row column"], known: Bool[np.ndarray, "row column"], width: int
) -> Iterator[str]:  # fmt: skip
    """A stroke in cells that have no value and aren't the reference's, a dot in those of the reference's letters."""
    strokes = (
        f"M{LEFT + column * width + width / 2 - 3:g} {TOP + row * HEIGHT + 10}l5 -6"
        for row, column in np.argwhere(~known & ~there)
    )
    dots = (f"M{LEFT + at * width + (width - 1) / 2:g} {TOP + row * HEIGHT + 7}h0" for at, row in np.argwhere(there.T))
    yield f'<path d="{"".join(strokes)}" class="blank"></path>'
    yield f'<path d="{"".join(dots)}" class="there"></path>'


def _labels(record: HeatMap, names: Sequence[str], letters: Sequence[str], width: int) -> Iterator[str]:
    """Letters of the rows on both sides, of the reference above, and numbers of columns if there is space."""
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
    pairs = zip(["", *names], names, strict=False)  # of the previous name and this one
    breaks = [not (last.isdigit() and name.isdigit() and int(name) == int(last) + 1) for last, name in pairs]
    tens = [name.isdigit() and int(name) % 10 == 0 for name in names]
    chosen: list[int] = []
    for at in range(len(names)):
        adjacent = bool(chosen) and at - chosen[-1] < 2
        if adjacent and breaks[at] and not breaks[chosen[-1]]:
            chosen[-1] = at
        elif not adjacent and (breaks[at] or tens[at]):
            chosen.append(at)
    return chosen


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


def logo(record: Logo) -> list[Markup]:
    """The strips, an `<svg>` each."""
    groups = {name: heights(np.asarray(counts)) for name, counts in record.counts.items()}
    top = max((float(group.sum(1).max()) for group in groups.values() if group.size), default=0.0)
    bits = min(max(1, math.ceil(top)), math.log2(max(2, len(record.letters))))
    width = column_width(len(record.columns))
    return [_logo_strip(record, groups, bits, columns, width) for columns in strips(len(record.columns), STRIP)]


def _logo_strip(record: Logo, groups: dict[str, np.ndarray], bits: float, columns: slice, width: int) -> Markup:
    from markupsafe import Markup

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
    label = escape(f"Logo of {', '.join(map(readable, groups))} at {names[0]} to {names[-1]}")
    return Markup(
        f'<svg role="img" aria-label="{label}" class="logo" viewBox="0 0 {size[0]} {size[1]}" '
        f'style="--width:{size[0]}px">{"".join(parts)}</svg>'
    )


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
    """Letters as shapes, the highest on top, in the colour of their class; class 0 is of none."""
    classes = {letter: number for number, own in enumerate(record.classes.values(), 1) for letter in own}
    for column, tall in enumerate(group):
        y = float(floor)
        for at in np.argsort(tall, kind="stable"):
            height, letter = tall[at] / bits * STACK, record.letters[at]
            if height < SMALLEST:
                continue
            place = f"translate({LEFT + column * width + 1} {y:.1f}) scale({width - 2} {height:.2f})"
            kind = f"class-{classes.get(letter, 0)}"
            yield f'<use href="#glyph-{ord(letter)}" transform="{place}" class="{kind}"/>'
            y -= height


def _tips(record: Logo, name: str, columns: slice, floor: int, width: int) -> Iterator[str]:
    """Texts on hovering over a column: its letters by share."""
    counts = np.asarray(record.counts[name], float)[columns]
    for column, row in enumerate(counts):
        ranked = [letter for letter in np.argsort(-row, kind="stable")[:5] if row[letter] > 0]
        shares = ", ".join(f"{record.letters[one]} {100 * row[one] / row.sum():.0f} %" for one in ranked)
        tip = escape(f"{name}, {record.columns[columns][column]}: {shares or 'nothing'}")
        x, y = LEFT + column * width, floor - STACK
        yield f'<rect class="tip" data-tip="{tip}" x="{x}" y="{y}" width="{width}" height="{STACK}"></rect>'


def glyphs(letters: Sequence[str]) -> Markup:
    """The letters' shapes for the page, each in a box of width and height 1 above the origin."""
    from markupsafe import Markup

    shapes = "".join(f'<path id="glyph-{ord(letter)}" d="{_outline(glyph(letter))}"></path>' for letter in letters)
    return Markup(f'<svg width="0" height="0" aria-hidden="true" style="position:absolute"><defs>{shapes}</defs></svg>')


def glyph(letter: str) -> Path:
    """The outline of a letter in a box of width and height 1 above the origin. The font is monospaced, where an I has
    serifs and can be drawn as wide as a W."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    outline = TextPath((0, 0), letter, size=100, prop=FontProperties(family="DejaVu Sans Mono", weight="bold"))
    box = outline.get_extents()
    return Affine2D().translate(-box.x0, -box.y0).scale(1 / box.width, 1 / box.height).transform_path(outline)


def _outline(shape: Path) -> str:
    """As the commands of an SVG path, downwards from 0 to -1."""
    commands = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "z"}
    parts = []
    for points, code in shape.iter_segments():
        placed = np.asarray(points).reshape(-1, 2) * (1, -1)
        parts.append(commands[int(code)] + ("" if code == 79 else " ".join(f"{one:.3f}" for one in placed.ravel())))
    return "".join(parts)


# The same as figures for papers.

MAP_STRIP, LOGO_STRIP = 80, 60
"""Sites of one strip; the following ones are in strips below."""
FRAME, WIDE, ROW = 0.9, 0.2, 0.082
"""Inches: width of labels and colour bar, of a site where there are few, and height of a row of a map."""
EVERY = 10
"""Every tenth site is numbered where there are many."""
FEW_SITES = 30
FREE = 2
"""Sites between the first number and the next."""


@paper.styled
def heat_map_figure(record: HeatMap) -> Figure:
    """A cell for each letter at each site, coloured by its value, white without one. Dots: the reference."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    parts = strips(len(record.columns), MAP_STRIP)
    figure = paper.new_figure(_width(len(record.columns)), 0.35 + (ROW * len(record.rows) + 0.45) * len(parts))
    values, (centre, limit) = np.asarray(record.values, float), centre_and_limit(record)
    colours = LinearSegmentedColormap.from_list("changes", [paper.BELOW, paper.EVEN, paper.ABOVE]).with_extremes(
        bad="#ffffff"
    )
    norm = Normalize(centre - limit, centre + limit)
    panels = figure.subplots(len(parts), 1, squeeze=False)[:, 0]
    for axes, strip in zip(panels, parts, strict=True):
        lacking = MAP_STRIP - (strip.stop - strip.start) if len(parts) > 1 else 0  # the last is as wide as the others
        cells = np.pad(values[:, strip], ((0, 0), (0, lacking)), constant_values=np.nan)
        drawn = axes.imshow(cells, cmap=colours, norm=norm, aspect="auto", interpolation="nearest")
        places = np.argwhere(reference_cells(record, strip).T)
        axes.scatter(*places.T, s=3, color=paper.INK, linewidths=0)
        _label_sites(axes, record.columns[strip], record.reference[strip], cells.shape[1])
        axes.set_yticks(range(len(record.rows)), record.rows, fontsize=5)
        axes.tick_params(axis="y", length=0)
    bar = figure.colorbar(drawn, ax=list(panels), extend="both", fraction=0.02, pad=0.01, aspect=30)
    zero = f", 0 is {record.centre_name}" if not record.centre and record.centre_name else ""
    bar.set_label(with_unit(readable(record.name), record.unit) + zero)
    bar.outline.set_visible(False)
    panels[-1].set_xlabel("position")
    return figure


@paper.styled
def logo_figure(record: Logo) -> Figure:
    """Letters stacked at each site with heights in bits, and the positions below; the groups are drawn in strips."""
    tall = {name: heights(np.asarray(counts)) for name, counts in record.counts.items()}
    parts = [(name, strip) for strip in strips(len(record.columns), LOGO_STRIP) for name in tall]
    top = max((float(bits.sum(1).max()) for bits in tall.values()), default=0.0)
    figure = paper.new_figure(_width(len(record.columns)), 0.5 + 1.25 * len(parts))
    panels = figure.subplots(len(parts), 1, squeeze=False)[:, 0]
    sites = min(LOGO_STRIP, len(record.columns))
    for axes, (name, strip) in zip(panels, parts, strict=True):
        _draw_stacks(axes, record, tall[name][strip])
        reference = record.reference[strip] if record.reference else [""] * len(record.columns[strip])
        _label_sites(axes, record.columns[strip], reference, sites)
        axes.set_xlim(-0.5, sites - 0.5)
        axes.set_ylim(0, max(1.0, 1.05 * top))
        axes.set_ylabel("bits")
        if len(tall) > 1:
            axes.set_title(readable(name), loc="left", pad=12)  # above the reference
    panels[-1].set_xlabel("position")
    _name_classes(figure, record)
    return figure


def _name_classes(figure: Figure, record: Logo) -> None:
    """The colours of the classes, below the axes."""
    from matplotlib.patches import Patch

    colours = zip(record.classes, cycle(paper.CLASSES))
    handles = [Patch(color=colour, label=name) for name, colour in colours]
    if handles:
        ncols = len(handles) if figure.get_size_inches()[0] > 6 else 4
        figure.legend(
            handles=handles, loc="outside lower center", ncols=ncols, handlelength=0.8, handleheight=0.8,
            handletextpad=0.4, columnspacing=1.2, fontsize=6.5,
        )  # fmt: skip


def _width(columns: int) -> float:
    """Inches: the width of a page, or less for few sites."""
    return paper.PAGE if columns > FEW_SITES else max(paper.COLUMN, FRAME + WIDE * columns)


def _label_sites(axes: Axes, columns: Sequence[str], reference: Sequence[str], width: int) -> None:
    """Numbers of the sites below, and the reference's letters above the axes."""
    many = width > FEW_SITES
    ticks = [at for at, name in enumerate(columns) if not many or (name.isdecimal() and int(name) % EVERY == 0)] or [0]
    if ticks[0] > FREE:
        ticks.insert(0, 0)
    axes.spines["bottom"].set_bounds(-0.5, len(columns) - 0.5)
    axes.set_xticks(ticks, [columns[at] for at in ticks])
    axes.tick_params(length=2)
    for at, letter in enumerate(reference):
        axes.annotate(
            letter, (at, 1), (0, 1.5), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
            va="bottom", fontsize=5 if many else 7, color=paper.MUTED, annotation_clip=False,
        )  # fmt: skip


def _draw_stacks(axes: Axes, record: Logo, bits: Float[np.ndarray, "column letter"]) -> None:
    """Letters as shapes, the highest on top."""
    from matplotlib.patches import PathPatch
    from matplotlib.transforms import Affine2D

    colours = {
        letter: paper.CLASSES[at % len(paper.CLASSES)]
        for at, own in enumerate(record.classes.values())
        for letter in own
    }
    shapes = {letter: glyph(letter) for letter in record.letters}
    for column, tall in enumerate(bits):
        y = 0.0
        for place in np.argsort(tall, kind="stable"):
            height, letter = float(tall[place]), record.letters[place]
            if height <= 0 or not math.isfinite(height):
                continue
            move = Affine2D().scale(0.92, height).translate(column - 0.46, y)
            patch = PathPatch(move.transform_path(shapes[letter]), color=colours.get(letter, paper.INK), linewidth=0)
            axes.add_patch(patch)
            y += height


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
