"""Pictures of the arrays in a row: an image in grey or colours, and lines of a series over time."""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import Float

from sciencegen.domains.tables.array_cells import ArrayCell, array_of
from sciencegen.domains.tables.array_schema import channel_axis, is_series

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
