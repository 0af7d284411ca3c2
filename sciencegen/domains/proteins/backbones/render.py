"""Draws a backbone as an SVG: its ribbon, seen along its shortest axis, from blue (N terminus) to red (C terminus)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from sciencegen.domains.proteins.backbones.files import name_of, pdb_lines, pdb_numbers, split_label
from sciencegen.domains.proteins.backbones.geometry import (
    COIL,
    HELIX,
    STRAND,
    Coordinates,
    StateRun,
    runs,
    secondary_structure,
    unit,
)
from sciencegen.domains.proteins.backbones.items import Backbone

# Ribbons of backbones, as they are drawn: flat along helices and strands with arrow heads, thin elsewhere.
#
# The ribbon follows the alpha carbons. Its width lies in the planes of the peptide bonds, along C=O: along the axis
# of a helix, and in the plane of a sheet (Carson & Bugg 1986, J. Mol. Graphics 4, 121).

SHORTEST_RUN = 3
"""Residues of the shortest helix or strand that is drawn as one."""
HALF_WIDTH = {HELIX: 1.5, STRAND: 1.25, COIL: 0.35}
"""Ångström."""
HEAD, HEAD_WIDTH, TIP_WIDTH = 1.5, 2.2, 0.2
"""Length of an arrow head in residues, and its half-widths at the base and at the tip in ångström."""
PIECES = {HELIX: 2, STRAND: 2, COIL: 1}
"""Pieces of the ribbon for each residue."""
POINTS = 3
"""Points on each edge of a piece."""


@dataclass(frozen=True)
class RibbonPiece:
    """A piece of a ribbon.

    place: its middle as a share of the chain, 0 at the N terminus. centre: points along it, in ångström. along, across:
    unit vectors of the chain's direction and of the width. half_width: at each point, in ångström.
    """

    kind: str
    place: float
    centre: Float[np.ndarray, "point 3"]
    along: Float[np.ndarray, "point 3"]
    across: Float[np.ndarray, "point 3"]
    half_width: Float[np.ndarray, " point"]


def drawn_runs(states: str) -> list[StateRun]:
    """Helices and strands of at least `SHORTEST_RUN` residues, and the coils between them.

    Examples
    --------
    >>> [tuple(run) for run in drawn_runs("--HHHHEE")]
    [('-', 0, 2), ('H', 2, 6), ('-', 6, 8)]
    """
    sizes = [(run.state, run.stop - run.start) for run in runs(states)]
    return runs("".join((state if size >= SHORTEST_RUN else COIL) * size for state, size in sizes))


def ribbon(coordinates: Coordinates) -> Iterator[RibbonPiece]:
    """The pieces of a backbone's ribbon, from the N to the C terminus.

    coordinates: [residue 4 3] N, CA, C and O in ångström, of at least two residues.
    """
    places = np.asarray(coordinates, np.float64)
    residues, last = np.arange(len(places)), len(places) - 1
    shown = drawn_runs(secondary_structure(places))
    centre = CubicSpline(residues, _smoothed(places[:, 1], shown))
    across = CubicSpline(residues, _across(places))
    for run in shown:
        first, end = max(run.start - 0.5, 0), min(run.stop - 0.5, last)
        count = max(round((end - first) * PIECES[run.state]), 1)
        for start, stop in zip(*_ends(first, end, count), strict=True):
            at = np.linspace(start, stop, POINTS)
            directions = unit(centre(at, 1)), unit(across(at))
            yield RibbonPiece(
                run.state, (start + stop) / 2 / last, centre(at), *directions, _widths(run.state, at, end)
            )


def _ends(first: float, end: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    edges = np.linspace(first, end, count + 1)
    return edges[:-1], edges[1:]


def _widths(kind: str, at: Float[np.ndarray, " point"], end: float) -> Float[np.ndarray, " point"]:
    """Half-widths; those of a strand's last residues make an arrow head."""
    if kind != STRAND or at.mean() < end - HEAD:
        return np.full(len(at), HALF_WIDTH[kind])
    return TIP_WIDTH + (HEAD_WIDTH - TIP_WIDTH) * (end - at) / HEAD


def _smoothed(trace: Float[np.ndarray, "residue 3"], shown: list[StateRun]) -> Float[np.ndarray, "residue 3"]:
    """Alpha carbons; those of strands lose their zigzag, and helices keep their radius."""
    inner = trace.copy()
    inner[1:-1] = (trace[:-2] + 2 * trace[1:-1] + trace[2:]) / 4
    found = trace.copy()
    for run in shown:
        if run.state == STRAND:
            found[run.start : run.stop] = inner[run.start : run.stop]
    return found


def _across(places: Coordinates) -> Float[np.ndarray, "residue 3"]:
    """Directions of the ribbon's width: of C=O, perpendicular to the chain, turned by 180 degrees where neighbours
    would be opposite."""
    along = np.diff(places[:, 1], axis=0)
    carbonyl = places[:-1, 3] - places[:-1, 2]
    sideways = unit(np.cross(np.cross(along, carbonyl), along))
    signs = np.where((sideways[1:] * sideways[:-1]).sum(1) < 0, -1.0, 1.0)
    sideways[1:] *= np.cumprod(signs)[:, None]
    padded = np.concatenate([sideways[:1], sideways, sideways[-1:]])
    return unit(padded[:-1] + padded[1:])


RAINBOW = np.array([[40, 80, 200], [0, 160, 210], [40, 170, 80], [235, 190, 30], [240, 120, 30], [205, 40, 45]]) / 255
"""Colours from the N to the C terminus, evenly spaced."""
FOG, SHADE = 0.45, 0.35
"""Shares of white in what is farthest, and of black where a ribbon is seen from its edge."""
MARGIN = 10.0
LETTER = 9
"""Height of the letters N and C, pixels."""

Points = Float[np.ndarray, "point 3"]


@dataclass(frozen=True)
class BackboneDrawing:
    """A backbone seen from the viewer. pieces: of its ribbon, in ångström. edges: of each piece. low, high: corners."""

    pieces: Sequence[RibbonPiece]
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


def _drawing(item: Backbone) -> BackboneDrawing:
    view = _view(item.trace.astype(np.float64))
    pieces = list(ribbon((item.coordinates - item.trace.mean(0, dtype=np.float64)) @ view))
    edges = [_edges(piece) for piece in pieces]
    outline = np.concatenate([side for both in edges for side in both])
    return BackboneDrawing(pieces, edges, outline.min(0), outline.max(0))


def _svg(drawing: BackboneDrawing, scale: float, width: int, height: int) -> str:
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


def _edges(piece: RibbonPiece) -> tuple[Points, Points]:
    """Both edges of a piece. Coils have no sides: they turn their width to the viewer."""
    across = piece.across
    if piece.kind == COIL:
        across = unit(np.stack([-piece.along[:, 1], piece.along[:, 0], np.zeros(len(across))], 1))
    sideways = piece.half_width[:, None] * across
    return piece.centre + sideways, piece.centre - sideways


def _colour(piece: RibbonPiece, nearness: float) -> str:
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


# PDB records for viewers, with the helices and strands that are measured, so that no viewer finds others.

RIGHT_HANDED_ALPHA = 1
"""Class of helices in PDB files."""
END = "END\n"
"""3Dmol 2.5.5 discards HELIX and SHEET at a line that is nothing but END, and assigns others."""
MOST_NUMBERED = 999
"""Greatest serial number that the columns hold."""


def viewer_record(item: Backbone) -> str:
    """One item as PDB text, with HELIX and SHEET records."""
    atoms = "".join(pdb_lines([item], [item.name])).removesuffix(END)
    return "".join(secondary_records(item)) + atoms


def secondary_records(item: Backbone) -> Iterator[str]:
    """A HELIX record for each helix, and a SHEET record for each strand, as a sheet of its own."""
    runs = drawn_runs(secondary_structure(item.coordinates))
    for serial, run in _numbered(runs, HELIX):
        first, last = (_residue(item, index, " ") for index in (run.start, run.stop - 1))
        yield f"HELIX  {serial:>3} {serial:>3} {first} {last}{RIGHT_HANDED_ALPHA:>2}{'':30} {run.stop - run.start:>5}\n"
    for serial, run in _numbered(runs, STRAND):
        first, last = (_residue(item, index, "") for index in (run.start, run.stop - 1))
        yield f"SHEET    1 {serial:>3} 1 {first} {last} 0\n"


def _numbered(runs: list[StateRun], state: str) -> Iterator[tuple[int, StateRun]]:
    return enumerate([run for run in runs if run.state == state][:MOST_NUMBERED], 1)


def _residue(item: Backbone, index: int, gap: str) -> str:
    """Name, chain, number and insertion code in columns. gap: between chain and number."""
    number, insertion = split_label(pdb_numbers(item)[index])
    return f"{name_of(item.sequence[index])} {item.chain[:1]}{gap}{number:>4}{insertion:1}"
