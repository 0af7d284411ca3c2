"""A row as a picture: its series and images, and the other columns and cells as text."""

from __future__ import annotations

import base64
import io
import math
from html import escape

import numpy as np
from jaxtyping import Float

from sciencegen.domains.tables.rows import ArrayCell, TableCell, TableRow, array_of
from sciencegen.domains.tables.schema import channel_axis, is_series

# Pictures of the arrays in a row: an image in grey or colours, and lines of a series over time.

COLOURS = ("#1f4e79", "#c0504d", "#4f8a4f", "#8064a2")
MOST_LINES = len(COLOURS)
MOST_POINTS = 400
MARGIN = 2.0


def picture(cell: ArrayCell, x: float, y: float, width: float, height: float) -> str:
    """Elements of an SVG in a rectangle."""
    values = array_of(cell)
    if is_series(values.shape):
        return _lines(values.reshape(len(values), -1).T, x, y, width, height)
    return _image(values, x, y, width, height)


def _lines(series: Float[np.ndarray, "channel time"], x: float, y: float, width: float, height: float) -> str:
    """A line for each of the first channels; unknown numbers are gaps."""
    shown = series[:MOST_LINES, :: -(-series.shape[1] // MOST_POINTS)]
    across = x + MARGIN + (width - 2 * MARGIN) * np.linspace(0, 1, shown.shape[1])
    up = y + MARGIN + (height - 2 * MARGIN) * (1 - _scaled(shown))
    return "".join(
        f'<path d="{_path(across, line)}" fill="none" stroke="{colour}" stroke-width="1"/>'
        for line, colour in zip(up, COLOURS, strict=False)
    )


def _path(across: Float[np.ndarray, " time"], up: Float[np.ndarray, " time"]) -> str:
    parts, begun = [], False
    for at, height in zip(across, up, strict=True):
        if np.isfinite(height):
            parts.append(f"{'L' if begun else 'M'}{at:.1f} {height:.1f}")
        begun = bool(np.isfinite(height))
    return "".join(parts)


def _image(values: Float[np.ndarray, "..."], x: float, y: float, width: float, height: float) -> str:
    """A PNG of the pixels, black for the least number; three or more channels are colours."""
    axis = channel_axis(values.shape) if values.ndim == 3 else None
    planes = values[..., None] if axis is None else np.moveaxis(values, axis, -1)
    planes = planes[..., :3] if planes.shape[-1] >= 3 else planes[..., 0]
    data = base64.b64encode(_png(np.nan_to_num(_scaled(planes) * 255).astype(np.uint8))).decode()
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<image {place} style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'


def _png(pixels: np.ndarray) -> bytes:
    from matplotlib import image

    stream = io.BytesIO()
    colours = np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels
    image.imsave(stream, colours, format="png", metadata={"Software": ""})
    return stream.getvalue()


def _scaled(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Numbers on the range 0 to 1."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.full(values.shape, np.nan)
    low, span = known.min(), known.max() - known.min()
    return (values - low) / span if span else np.full(values.shape, 0.5)


LINE = 14
LONGEST = 16
MOST_PICTURES = 4


def render(row: TableRow, width: int, height: int) -> str:
    """An SVG element with as many cells as fit; arrays are above the others."""
    arrays = [(name, cell) for name, cell in row.items() if isinstance(cell, list)][:MOST_PICTURES]
    others = [(name, cell) for name, cell in row.items() if not isinstance(cell, list)]
    count = min(len(others), max(height // LINE // 3, 1)) if arrays else max(height // LINE, 1)
    below = height - LINE * count if arrays else 0
    lines = "".join(
        f'<text x="4" y="{below + LINE * at + 11}">{_short(name)}</text>'
        f'<text x="{width - 4}" y="{below + LINE * at + 11}" text-anchor="end">{_short(_text(cell))}</text>'
        for at, (name, cell) in enumerate(others[:count])
    )
    frame = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    drawn = "".join(_pictures(arrays, width, below))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="sans-serif" font-size="10">{drawn}{lines}</svg>'
    )


def _pictures(arrays: list[tuple[str, list]], width: int, height: int) -> list[str]:
    """The arrays side by side, in two rows if there are more than two, each with its name if there are several."""
    if not arrays:
        return []
    across = min(len(arrays), 2)
    wide, high = width / across, height / math.ceil(len(arrays) / across)
    found = []
    for at, (name, cell) in enumerate(arrays):
        x, y = wide * (at % across), high * (at // across)
        title = f"<title>{escape(name)}</title>"
        found.append(f"<g>{title}{picture(cell, x, y, wide, high)}</g>")
    return found


def _text(cell: TableCell) -> str:
    return "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _short(text: str) -> str:
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
