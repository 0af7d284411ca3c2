"""Join fixed residues to the drawn ones around them: superposition, then a fit of the neighbours' bond geometry.

The fit minimizes, over the atoms of the residues next to the fixed ones,

    sum over bonds and angles of (d - d0)^2 / s^2 + sum over atoms of |x - x_drawn|^2 / t^2,

where angles and trans peptide planes are distances of atoms two or three bonds apart. Ideal values: Engh & Huber 1991.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import binary_dilation
from scipy.optimize import minimize

from sciencegen.domains.proteins.backbones.distance_limits import Limits, squared_violations
from sciencegen.domains.proteins.backbones.geometry import (
    C_N,
    C_N_CA,
    C_O,
    CA_C,
    CA_C_N,
    N_CA,
    N_CA_C,
    Coordinates,
    place_oxygens,
)
from sciencegen.domains.superposition import superposed

NEIGHBOURS = 5
"""Number of residues next to a fixed one that the fit may move."""
TOLERANCES, LOOSENESS = (0.3, 0.08, 0.02), 1.0
"""s, which falls from fit to fit so that far atoms find their places, and t, in ångström."""
TRANS = 3.80
"""Distance of neighbours' CA across a trans peptide bond, ångström."""
O_C_N = 123.0
"""Bond angle in degrees."""
STEPS = 150
"""Of each fit."""
Atoms = Float[np.ndarray, "residue 3 3"]
"""Positions of N, CA and C."""


def _third_side(a: float, b: float, angle: float) -> float:
    """The distance of the ends of two bonds with this angle in degrees: c^2 = a^2 + b^2 - 2 a b cos angle."""
    return float(np.sqrt(a * a + b * b - 2 * a * b * np.cos(np.radians(angle))))


WITHIN = ((0, 1, N_CA), (1, 2, CA_C), (0, 2, _third_side(N_CA, CA_C, N_CA_C)))
"""Of a residue: atom, atom (N, CA, C), distance."""
BETWEEN = (
    (2, 0, C_N), (1, 0, _third_side(CA_C, C_N, CA_C_N)), (2, 1, _third_side(C_N, N_CA, C_N_CA)), (1, 1, TRANS),
)  # fmt: skip
"""Of a residue and the next one: atom, atom of the next one, distance."""
O_N = _third_side(C_O, C_N, O_C_N)


def join(drawn: Atoms, fixed: Bool[np.ndarray, " residue"], motif: Coordinates) -> Coordinates:
    """The chain in the frame of `motif`, whose residues replace the fixed ones, and whose neighbours fit it.

    Parameters
    ----------
    drawn : array [residue 3 3]
        N, CA and C of the chain, ångström.
    fixed : array [residue]
        True at the residues of the motif.
    motif : array [fixed 4 3]
        Their N, CA, C and O; an O that is NaN is placed.

    Returns
    -------
    array [residue 4 3]
        NaN everywhere if the drawn chain isn't finite.
    """
    if not np.isfinite(drawn).all():
        return np.full((len(drawn), 4, 3), np.nan)
    wanted = motif[:, :3].reshape(-1, 3)
    places = superposed(drawn.reshape(-1, 3), drawn[fixed].reshape(-1, 3), wanted).reshape(drawn.shape)
    places[fixed] = motif[:, :3]
    places = _fitted(places, fixed, motif[:, 3])
    n, ca, c = places.swapaxes(0, 1)
    oxygens = place_oxygens(n, ca, c)
    oxygens[fixed] = np.where(np.isnan(motif[:, 3]), oxygens[fixed], motif[:, 3])
    return np.concatenate([places, oxygens[:, None]], 1)


def _fitted(places: Atoms, fixed: Bool[np.ndarray, " residue"], oxygens: Float[np.ndarray, "fixed 3"]) -> Atoms:
    """The places after a fit of the neighbours. The oxygens of fixed residues direct the next residue's N."""
    near = binary_dilation(fixed, iterations=NEIGHBOURS)
    free = np.repeat(near & ~fixed, 3)
    if not free.any():
        return places
    points = np.concatenate([places.reshape(-1, 3), oxygens])
    ideal, moving = _ideal(near, fixed, np.isfinite(oxygens).all(1)), np.flatnonzero(free)
    moved = points[moving].ravel()
    for tolerance in TOLERANCES:
        cost = partial(_cost, points=points, moving=moving, ideal=ideal, tolerance=tolerance)
        moved = minimize(cost, moved, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    points[moving] = moved.reshape(-1, 3)
    return points[: 3 * len(places)].reshape(places.shape)


def _cost(
    flat: np.ndarray, points: Float[np.ndarray, "atom 3"], moving: Int[np.ndarray, " moving"], ideal: Limits,
    tolerance: float,
) -> tuple[float, np.ndarray]:  # fmt: skip
    """The sum above with the moving atoms at `flat`, and its gradient."""
    moved = points.copy()
    moved[moving] = flat.reshape(-1, 3)
    value, gradient = squared_violations(moved, ideal, tolerance)
    away = (moved - points)[moving] / LOOSENESS
    return value + float((away**2).sum()), (gradient[moving] + 2 * away / LOOSENESS).ravel()


def _ideal(
    near: Bool[np.ndarray, " residue"], fixed: Bool[np.ndarray, " residue"], directed: Bool[np.ndarray, " fixed"]
) -> Limits:
    """The ideal distances in and between the residues that move or are fixed, one of which moves. directed: fixed
    residues whose O is known."""
    count, moves = len(fixed), near & ~fixed
    rows = [(3 * i + a, 3 * i + b, d) for i in np.flatnonzero(moves).tolist() for a, b, d in WITHIN]
    for i in range(count - 1):
        if moves[i] or moves[i + 1]:
            rows += [(3 * i + a, 3 * i + 3 + b, d) for a, b, d in BETWEEN]
    for number, i in enumerate(np.flatnonzero(fixed).tolist()):
        if directed[number] and i + 1 < count and moves[i + 1]:
            rows.append((3 * count + number, 3 * i + 3, O_N))
    first, second, distance = (np.array(part) for part in zip(*rows, strict=True))
    return Limits(np.stack([first, second], 1), distance, distance)
