"""Ribbons of backbones, as they are drawn: flat along helices and strands with arrow heads, thin elsewhere.

The ribbon follows the alpha carbons. Its width lies in the planes of the peptide bonds, along C=O: along the axis of a
helix, and in the plane of a sheet (Carson & Bugg 1986, J. Mol. Graphics 4, 121).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from sciencegen.domains.proteins.backbones.geometry import Coordinates, unit
from sciencegen.domains.proteins.backbones.secondary_structure import (
    COIL,
    HELIX,
    STRAND,
    Run,
    runs,
    secondary_structure,
)

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
class Piece:
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


def drawn_runs(states: str) -> list[Run]:
    """Helices and strands of at least `SHORTEST_RUN` residues, and the coils between them.

    Examples
    --------
    >>> [tuple(run) for run in drawn_runs("--HHHHEE")]
    [('-', 0, 2), ('H', 2, 6), ('-', 6, 8)]
    """
    sizes = [(run.state, run.stop - run.start) for run in runs(states)]
    return runs("".join((state if size >= SHORTEST_RUN else COIL) * size for state, size in sizes))


def ribbon(coordinates: Coordinates) -> Iterator[Piece]:
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
            yield Piece(run.state, (start + stop) / 2 / last, centre(at), *directions, _widths(run.state, at, end))


def _ends(first: float, end: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    edges = np.linspace(first, end, count + 1)
    return edges[:-1], edges[1:]


def _widths(kind: str, at: Float[np.ndarray, " point"], end: float) -> Float[np.ndarray, " point"]:
    """Half-widths; those of a strand's last residues make an arrow head."""
    if kind != STRAND or at.mean() < end - HEAD:
        return np.full(len(at), HALF_WIDTH[kind])
    return TIP_WIDTH + (HEAD_WIDTH - TIP_WIDTH) * (end - at) / HEAD


def _smoothed(trace: Float[np.ndarray, "residue 3"], shown: list[Run]) -> Float[np.ndarray, "residue 3"]:
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
