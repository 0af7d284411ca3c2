"""Pictures of items in one SVG image or figure, and the plot of a latent map."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.figures.style import PAGE, new_figure, single_axes, styled
from sciencegen.files import atomic_write
from sciencegen.latent.geometry import PrincipalAxes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, CAPTION = 180, 140, 18
"""Pixels of a picture, and of the line below it."""
CELL, FILLED, CAPTION_POINTS, POINTS_PER_INCH = PAGE / 5, 0.95, 5.5, 72
"""Of figures: inches of a cell, five of which fill a page's width, the share that a picture fills, size of captions."""
LONGEST_CAPTION = 30
MOST_GROUPS = 10
"""Texts with a colour of their own on a map; the others are grey."""
OPAQUE = 80
"""A text of more characters is no caption: coordinates, or the pixels of an image."""
_IMAGE = re.compile(r'<img width="(\d+)" height="(\d+)"[^>]*?src="([^"]+)"[^>]*>')
_DECLARATION = re.compile(r"<\?xml[^>]*\?>\s*")


FIGURES = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
"""Endings of figures, with the metadata that would differ from run to run or name a program."""


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format of the ending, one of `FIGURES`: the same bytes for the same figure."""
    ending = Path(path).suffix.lower()
    with atomic_write(Path(path), "wb") as file:
        figure.savefig(file, format=ending[1:], metadata=FIGURES[ending])


@dataclass(frozen=True)
class ItemDrawing:
    """An image of items, which notebooks show as SVG.

    Parameters
    ----------
    svg : str
        The image.
    cells : (pictures, captions, columns)
        What `pictures_figure` makes the same image of, for files of other formats.

    Examples
    --------
    >>> import sciencegen as sg
    >>> space = sg.load("molecules", device="cpu")
    >>> drawing = space.draw(["CCO", "c1ccccc1"], captions=["ethanol", "benzene"])
    >>> drawing.write("two.svg").read_text()[:4]
    '<svg'
    """

    svg: str = field(repr=False)
    cells: tuple[Sequence[str], Sequence[str], int] = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg

    def write(self, path: str | Path) -> Path:
        """Write the image to a file; its name must end in .svg, .png or .pdf."""
        ending = Path(path).suffix.lower()
        if ending not in FIGURES:
            raise ConfigError(f"Expected a file's name that ends in {', '.join(FIGURES)}, got {path}. Choose one.")
        if ending != ".svg":
            write_figure(pictures_figure(*self.cells), path)
            return Path(path)
        with atomic_write(Path(path)) as temporary:
            temporary.write(self.svg)
        return Path(path)


def grid(pictures: Sequence[str], captions: Sequence[str], columns: int) -> ItemDrawing:
    """Pictures, row by row, each with a caption below it.

    Parameters
    ----------
    pictures : sequence of str
        SVG or HTML image elements of at most `WIDTH` x `HEIGHT` pixels; "" for an empty place.
    captions : sequence of str
    columns : int
    """
    _check(pictures, captions, columns)
    cells = [
        f'<g transform="translate({WIDTH * (at % columns)} {(HEIGHT + CAPTION) * (at // columns)})">{_nested(picture)}'
        f'<text x="{WIDTH // 2}" y="{HEIGHT + 12}" text-anchor="middle">{html.escape(shortened(caption))}</text></g>'
        for at, (picture, caption) in enumerate(zip(pictures, captions, strict=True))
    ]
    width, height = WIDTH * min(columns, max(len(pictures), 1)), (HEIGHT + CAPTION) * -(-len(pictures) // columns)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>{"".join(cells)}</svg>'
    )
    return ItemDrawing(svg, (tuple(pictures), tuple(captions), columns))


@styled
def pictures_figure(pictures: Sequence[str], captions: Sequence[str], columns: int) -> Figure:
    """The pictures of `grid` as vectors in a figure of matplotlib, each in axes of its own."""
    from sciencegen.figures.svg import draw_svg

    _check(pictures, captions, columns)
    across, down = min(columns, max(len(pictures), 1)), max(-(-len(pictures) // columns), 1)
    figure = new_figure(CELL * across, CELL * (HEIGHT + CAPTION) / WIDTH * down)
    figure.set_layout_engine("none")  # each picture has its place
    share = HEIGHT / (HEIGHT + CAPTION)
    for at, (picture, text) in enumerate(zip(pictures, captions, strict=True)):
        bottom = (down - 1 - at // columns + 1 - share) / down
        left = (at % columns + (1 - FILLED) / 2) / across
        axes = figure.add_axes((left, bottom, FILLED / across, share / down), label=str(at))
        draw_svg(axes, _framed(picture), POINTS_PER_INCH * FILLED * CELL / WIDTH)
        axes.text(0.5, -0.02, shortened(text), transform=axes.transAxes, ha="center", va="top", fontsize=CAPTION_POINTS)
    return figure


def _check(pictures: Sequence[str], captions: Sequence[str], columns: int) -> None:
    if columns < 1:
        raise ShapeError(f"Expected at least 1 column, got {columns}.")
    if len(captions) != len(pictures):
        raise ShapeError(f"Expected a caption for each of {len(pictures)} items, got {len(captions)}.")


def caption(text: str) -> str:
    """The text of an item as a caption, "" if it is too long to tell anything."""
    return text if len(text) <= OPAQUE else ""


def _nested(picture: str) -> str:
    """An element for use within an SVG image."""

    def image(found: re.Match[str]) -> str:
        x, y = (WIDTH - int(found[1])) // 2, (HEIGHT - int(found[2])) // 2
        return f'<image x="{x}" y="{y}" width="{found[1]}" height="{found[2]}" href="{found[3]}"/>'

    return _IMAGE.sub(image, _DECLARATION.sub("", picture))


def _framed(picture: str) -> str:
    """A picture as one `<svg>` element."""
    nested = _nested(picture).strip()
    if nested.startswith("<svg"):
        return nested
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{nested}</svg>'


def shortened(text: str, longest: int = LONGEST_CAPTION) -> str:
    """Its printable characters, others are no XML; at most `longest`, of which the last is then an ellipsis."""
    text = "".join(filter(str.isprintable, text))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def axis_labels(plane: PrincipalAxes, values: str = "", explained: float = 0.0) -> tuple[str, str]:
    """Labels of the axes of a map, with their shares of the variance. values: what the first axis follows, and how much
    of it is explained; "" for the plane of largest variance."""
    shares = [f"{100 * share:.0f}% of the variance)" for share in plane.shares]
    if not values:
        return f"first principal axis ({shares[0]}", f"second principal axis ({shares[1]}"
    first = f"direction of {values} (leave-one-out R² {explained:.2f}; {shares[0]}"
    return first, f"principal axis of the rest ({shares[1]}"


@styled
def map_figure(
    points: Float[np.ndarray, "item 2"], values: Sequence[float] | Sequence[str] | None, label: str,
    axis_labels: tuple[str, str],
) -> Figure:  # fmt: skip
    """A scatter plot of items on a plane of the latent space, coloured by numbers, or by texts with a legend.

    Parameters
    ----------
    points : array [item 2]
        NaN for items that are not shown.
    values : sequence of float or str, optional
    label : str
        Of the values.
    axis_labels : (str, str)
    """
    figure, axes = single_axes(4.8, 3.6)
    x, y = points.T
    size = float(np.clip(2000 / max(len(points), 1), 1, 15))
    if values is None:
        axes.scatter(x, y, s=size, linewidths=0)
    elif len(values) != len(points):
        raise ShapeError(f"Expected a value for each of {len(points)} items, got {len(values)}.")
    elif all(isinstance(value, str) for value in values):
        _scatter_groups(axes, points, np.asarray(values, dtype=object), size)
        axes.legend(title=label or None, markerscale=2)
    else:
        numbers = np.asarray(values, dtype=float)
        drawn = axes.scatter(x, y, c=numbers, s=size, linewidths=0, cmap="viridis", plotnonfinite=False)
        figure.colorbar(drawn, ax=axes, label=label)
    axes.set_xlabel(axis_labels[0])
    axes.set_ylabel(axis_labels[1])
    return figure


def _scatter_groups(axes: Axes, points: Float[np.ndarray, "item 2"], groups: np.ndarray, size: float) -> None:
    """The largest groups in a colour each, below them the other items in grey."""
    names, counts = np.unique(groups, return_counts=True)
    coloured = names[np.argsort(-counts, kind="stable")][:MOST_GROUPS]
    others = ~np.isin(groups, coloured)
    if others.any():
        axes.scatter(points[others, 0], points[others, 1], s=size, linewidths=0, color="0.7", label="others")
    for name in coloured:
        own = points[groups == name]
        axes.scatter(own[:, 0], own[:, 1], s=size, linewidths=0, label=name or "none")
