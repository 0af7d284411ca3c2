"""Draws a backbone as an SVG: its ribbon, seen along its shortest axis, from blue (N terminus) to red (C terminus)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.backbones.geometry import unit
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.ribbon import Piece, ribbon
from sciencegen.domains.proteins.backbones.secondary_structure import COIL

RAINBOW = np.array([[40, 80, 200], [0, 160, 210], [40, 170, 80], [235, 190, 30], [240, 120, 30], [205, 40, 45]]) / 255
"""Colours from the N to the C terminus, evenly spaced."""
FOG, SHADE = 0.45, 0.35
"""Shares of white in what is farthest, and of black where a ribbon is seen from its edge."""
MARGIN = 10.0
LETTER = 9
"""Height of the letters N and C, pixels."""

Points = Float[np.ndarray, "point 3"]


@dataclass(frozen=True)
class Drawing:
    """A backbone seen from the viewer. pieces: of its ribbon, in ångström. edges: of each piece. low, high: corners."""

    pieces: Sequence[Piece]
    edges: Sequence[tuple[Points, Points]]
    low: Float[np.ndarray, " 3"]
    high: Float[np.ndarray, " 3"]

    def scale(self, width: int, height: int) -> float:
        """Pixels for an ångström, so that the drawing fills the picture."""
        across, up, _ = np.maximum(self.high - self.low, 1.0)
        return float(min((width - 2 * MARGIN) / across, (height - 2 * MARGIN) / up))


def render(item: Backbone, width: int = 220, height: int = 160) -> str:
    """One `<svg>` element that the backbone fills; pieces behind are drawn first and paler."""
    drawing = _drawing(item)
    return _svg(drawing, drawing.scale(width, height), width, height)


def render_alike(items: Sequence[Backbone], width: int = 220, height: int = 160) -> list[str]:
    """`render` of each item, with the scale at which the largest one fills its picture."""
    drawings = [_drawing(item) for item in items]
    scale = min((one.scale(width, height) for one in drawings), default=1.0)
    return [_svg(one, scale, width, height) for one in drawings]


def _drawing(item: Backbone) -> Drawing:
    view = _view(item.trace.astype(np.float64))
    pieces = list(ribbon((item.coordinates - item.trace.mean(0, dtype=np.float64)) @ view))
    edges = [_edges(piece) for piece in pieces]
    outline = np.concatenate([side for both in edges for side in both])
    return Drawing(pieces, edges, outline.min(0), outline.max(0))


def _svg(drawing: Drawing, scale: float, width: int, height: int) -> str:
    middle = (drawing.low + drawing.high) / 2

    def placed(points: Points) -> Float[np.ndarray, "point 2"]:
        return np.array([width / 2, height / 2]) + (points - middle)[:, :2] * np.array([scale, -scale])

    depth = np.array([piece.centre[:, 2].mean() for piece in drawing.pieces])
    nearness = (depth - drawing.low[2]) / max(drawing.high[2] - drawing.low[2], 1.0)
    drawn = [
        _drawn(placed(drawing.edges[at][0]), placed(drawing.edges[at][1]), _colour(drawing.pieces[at], nearness[at]))
        for at in np.argsort(depth, kind="stable").tolist()
    ]
    ends = [placed(drawing.edges[at][0])[at] for at in (0, -1)]
    frame = f'width="{width}px" height="{height}px" viewBox="0 0 {width} {height}"'
    body = f'<g fill="none" stroke-width=".6" stroke-linejoin="round">{"".join(drawn)}</g>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{body}{_letters(ends, width, height)}</svg>'


def _view(trace: Points) -> Float[np.ndarray, "3 3"]:
    """A rotation (columns are the picture's axes): the longest axis lies across, the shortest toward the viewer, and
    the N terminus left of and above the C terminus. It isn't a reflection, which would draw the mirror image."""
    axes = np.linalg.svd(trace - trace.mean(0), full_matrices=False)[2].T
    ends = (trace[-1] - trace[0]) @ axes
    axes[:, :2] *= np.where(ends[:2] * np.array([1, -1]) < 0, -1.0, 1.0)
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return axes


def _edges(piece: Piece) -> tuple[Points, Points]:
    """Both edges of a piece. Coils have no sides: they turn their width to the viewer."""
    across = piece.across
    if piece.kind == COIL:
        across = unit(np.stack([-piece.along[:, 1], piece.along[:, 0], np.zeros(len(across))], 1))
    sideways = piece.half_width[:, None] * across
    return piece.centre + sideways, piece.centre - sideways


def _colour(piece: Piece, nearness: float) -> str:
    """#rrggbb by the place in the chain, darker where the ribbon is seen from its edge, paler far away."""
    at = np.linspace(0, 1, len(RAINBOW))
    colour = np.array([np.interp(piece.place, at, channel) for channel in RAINBOW.T])
    if piece.kind != COIL:
        normals = unit(np.cross(piece.along, piece.across))
        colour = colour * (1 - SHADE * (1 - abs(normals[:, 2]).mean()))
    colour = colour + FOG * (1 - nearness) * (1 - colour)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in np.clip(colour, 0, 1))


def _drawn(left: np.ndarray, right: np.ndarray, colour: str) -> str:
    """A filled piece with dark edges, but none where the next piece continues."""
    body = _path([*left, *right[::-1]])
    return f'<path d="{body}z" fill="{colour}" stroke="{colour}"/><path d="{_path(left)}{_path(right)}" stroke="#333"/>'


def _path(points: Sequence[np.ndarray] | np.ndarray) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _letters(ends: Sequence[np.ndarray], width: int, height: int) -> str:
    """N and C beside both ends, away from the middle and inside the picture."""
    size = np.array([width, height])
    style = f'font-family="sans-serif" font-size="{LETTER}" font-weight="bold" text-anchor="middle" fill="#111"'
    texts = []
    for name, end in zip("NC", ends, strict=True):
        x, y = np.clip(end + LETTER * unit(end - size / 2), LETTER / 2, size - LETTER / 2)
        texts.append(f'<text x="{x:.1f}" y="{y + LETTER / 3:.1f}">{name}</text>')
    return f"<g {style}>{''.join(texts)}</g>"
