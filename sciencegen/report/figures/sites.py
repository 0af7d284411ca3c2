"""Figures of letters at sites: a heat map of single changes, and a sequence logo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.figures.style import (
    ABOVE,
    BELOW,
    CLASSES,
    COLUMN,
    EVEN,
    INK,
    MUTED,
    PAGE,
    new_figure,
    styled,
)  # fmt: skip
from sciencegen.report.heat_map import scale_of
from sciencegen.report.logo import heights
from sciencegen.report.markup import readable
from sciencegen.report.site_content import HeatMap, Logo

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP_STRIP, LOGO_STRIP = 80, 60
"""Sites of one strip; the following ones are in strips below."""
FRAME, WIDE, ROW = 0.9, 0.2, 0.082
"""Inches: width of labels and colour bar, of a site where there are few, and height of a row of a map."""
EVERY = 10
"""Every tenth site is numbered where there are many."""
FEW = 30
FREE = 2
"""Sites between the first number and the next."""


@styled
def heat_map_figure(record: HeatMap) -> Figure:
    """A cell for each letter at each site, coloured by its value, white without one. Dots: the reference."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    strips = _strips(len(record.columns), MAP_STRIP)
    figure = new_figure(_width(len(record.columns)), 0.35 + (ROW * len(record.rows) + 0.45) * len(strips))
    values, scale = np.asarray(record.values, float), scale_of(record)
    colours = LinearSegmentedColormap.from_list("changes", [BELOW, EVEN, ABOVE]).with_extremes(bad="#ffffff")
    norm = Normalize(scale.centre - scale.limit, scale.centre + scale.limit)
    panels = figure.subplots(len(strips), 1, squeeze=False)[:, 0]
    for axes, strip in zip(panels, strips, strict=True):
        cells = _padded(values[:, strip], MAP_STRIP if len(strips) > 1 else 0)
        drawn = axes.imshow(cells, cmap=colours, norm=norm, aspect="auto", interpolation="nearest")
        _mark_references(axes, record, strip)
        _label_sites(axes, record.columns[strip], record.reference[strip], cells.shape[1])
        axes.set_yticks(range(len(record.rows)), record.rows, fontsize=5)
        axes.tick_params(axis="y", length=0)
    unit = f" ({record.unit})" if record.unit else ""
    bar = figure.colorbar(drawn, ax=list(panels), extend="both", fraction=0.02, pad=0.01, aspect=30)
    bar.set_label(
        f"{readable(record.name)}{unit}"
        + (f", 0 is {record.centre_name}" if not record.centre and record.centre_name else "")
    )
    bar.outline.set_visible(False)
    panels[-1].set_xlabel("position")
    return figure


@styled
def logo_figure(record: Logo) -> Figure:
    """Letters stacked at each site with heights in bits, and the positions below; the groups are drawn in strips."""
    tall = {name: heights(np.asarray(counts)) for name, counts in record.counts.items()}
    strips = [(name, strip) for strip in _strips(len(record.columns), LOGO_STRIP) for name in tall]
    top = max((float(bits.sum(1).max()) for bits in tall.values()), default=0.0)
    figure = new_figure(_width(len(record.columns)), 0.5 + 1.25 * len(strips))
    panels = figure.subplots(len(strips), 1, squeeze=False)[:, 0]
    sites = min(LOGO_STRIP, len(record.columns))
    for axes, (name, strip) in zip(panels, strips, strict=True):
        _draw_stacks(axes, record, tall[name][strip])
        reference = record.reference[strip] if record.reference else [""] * len(record.columns[strip])
        _label_sites(axes, record.columns[strip], reference, sites)
        axes.set_xlim(-0.5, sites - 0.5)
        axes.set_ylim(0, max(1.0, 1.05 * top))
        axes.set_ylabel("bits")
        if len(tall) > 1:
            axes.set_title(readable(name), loc="left")
    panels[-1].set_xlabel("position")
    _name_classes(figure, record)
    return figure


def _name_classes(figure: Figure, record: Logo) -> None:
    """The colours of the classes, below the axes."""
    from matplotlib.patches import Patch

    colours = zip(record.classes, cycle(CLASSES))
    handles = [Patch(color=colour, label=name) for name, colour in colours]
    if handles:
        ncols = len(handles) if figure.get_size_inches()[0] > 6 else 4
        figure.legend(
            handles=handles, loc="outside lower center", ncols=ncols, handlelength=0.8, handleheight=0.8,
            handletextpad=0.4, columnspacing=1.2, fontsize=6.5,
        )  # fmt: skip


def _strips(count: int, width: int) -> list[slice]:
    return [slice(start, min(start + width, count)) for start in range(0, count, width)]


def _width(columns: int) -> float:
    """Inches: the width of a page, or less for few sites."""
    return PAGE if columns > FEW else max(COLUMN, FRAME + WIDE * columns)


def _padded(values: Float[np.ndarray, "row column"], width: int) -> Float[np.ndarray, "row column"]:
    """The last strip as wide as the others."""
    lacking = max(0, width - values.shape[1])
    return np.pad(values, ((0, 0), (0, lacking)), constant_values=np.nan)


def _mark_references(axes: Axes, record: HeatMap, strip: slice) -> None:
    rows = {letter: row for row, letter in enumerate(record.rows)}
    places = [(at, rows[letter]) for at, letter in enumerate(record.reference[strip]) if letter in rows]
    if places:
        x, y = np.array(places).T
        axes.scatter(x, y, s=3, color=INK, linewidths=0)


def _label_sites(axes: Axes, columns: Sequence[str], reference: Sequence[str], width: int) -> None:
    """Numbers of the sites below, and the reference's letters above the axes."""
    many = width > FEW
    ticks = [at for at, name in enumerate(columns) if not many or _is_round(name)] or [0]
    if ticks[0] > FREE:
        ticks.insert(0, 0)
    axes.spines["bottom"].set_bounds(-0.5, len(columns) - 0.5)
    axes.set_xticks(ticks, [columns[at] for at in ticks])
    axes.tick_params(length=2)
    for at, letter in enumerate(reference):
        axes.annotate(
            letter, (at, 1), (0, 1.5), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
            va="bottom", fontsize=5 if many else 7, color=MUTED, annotation_clip=False,
        )  # fmt: skip


def _is_round(name: str) -> bool:
    return name.isdecimal() and int(name) % EVERY == 0


def _draw_stacks(axes: Axes, record: Logo, bits: Float[np.ndarray, "column letter"]) -> None:
    """Letters as shapes, the highest on top."""
    from matplotlib.patches import PathPatch
    from matplotlib.transforms import Affine2D

    colours = {letter: CLASSES[at % len(CLASSES)] for at, own in enumerate(record.classes.values()) for letter in own}
    shapes = {letter: _shape(letter) for letter in record.letters}
    for column, tall in enumerate(bits):
        y = 0.0
        for place in np.argsort(tall, kind="stable"):
            height, letter = float(tall[place]), record.letters[place]
            if height <= 0 or not math.isfinite(height):
                continue
            move = Affine2D().scale(0.92, height).translate(column - 0.46, y)
            patch = PathPatch(move.transform_path(shapes[letter]), color=colours.get(letter, INK), linewidth=0)
            axes.add_patch(patch)
            y += height


def _shape(letter: str):  # type: ignore[no-untyped-def]  # matplotlib's Path, which is imported on use
    """The outline of a letter in a box of width and height 1 above the origin. A monospaced I has serifs and can be as
    wide as a W."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    outline = TextPath((0, 0), letter, size=100, prop=FontProperties(family="DejaVu Sans Mono", weight="bold"))
    box = outline.get_extents()
    return Affine2D().translate(-box.x0, -box.y0).scale(1 / box.width, 1 / box.height).transform_path(outline)
