"""Stability of a geometry, computed from its distances alone.

Hoogeboom et al. 2022, Equivariant Diffusion for Molecule Generation in 3D, appendix, with its bond lengths and margins.
Two atoms share a bond of the highest order whose typical length, plus a margin, exceeds their distance. An atom is
stable if the orders of its bonds sum to its element's valence, a molecule if all its atoms are stable. In QM9 99.4 % of
atoms and 95.3 % of molecules are stable (the paper gives 99.0 % and 95.2 %). Aromatic bonds and charges are ignored:
the score is for comparisons, it isn't a test of validity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.molecules.geometry import Geometry, symbols
from sciencegen.errors import DataError

STABILITY_ELEMENTS = (1, 6, 7, 8, 9)
VALENCES = np.array([1, 4, 3, 2, 1])
_NONE = -np.inf
MARGINS_PM = (10.0, 5.0, 3.0)
"""Margins of single, double and triple bonds, in picometres; tuned in the paper on QM9."""
BOND_LENGTHS_PM = np.array(
    [
        [[74, 109, 101, 96, 92], [109, 154, 147, 143, 135], [101, 147, 145, 140, 136], [96, 143, 140, 148, 142],
         [92, 135, 136, 142, 142]],
        [[_NONE] * 5, [_NONE, 134, 129, 120, _NONE], [_NONE, 129, 125, 121, _NONE], [_NONE, 120, 121, 121, _NONE],
         [_NONE] * 5],
        [[_NONE] * 5, [_NONE, 120, 116, 113, _NONE], [_NONE, 116, 110, _NONE, _NONE], [_NONE, 113, _NONE, _NONE, _NONE],
         [_NONE] * 5],
    ]
)  # fmt: skip
"""[order element element] of H, C, N, O, F in picometres."""


@dataclass(frozen=True)
class Stability:
    """Fractions of stable atoms and of stable molecules, and the number of molecules."""

    atoms: float
    molecules: float
    count: int


def distance_bond_orders(
    numbers: Int[np.ndarray, " atom"], positions: Float[np.ndarray, "atom 3"]
) -> Int[np.ndarray, "atom atom"]:
    """Order 0 to 3 of every pair, from atomic numbers and positions in ångström.

    An order requires all lower ones: atoms that are too far apart for a single bond have no double bond.
    Raises DataError for an element that is not in the tables.
    """
    unknown = set(np.asarray(numbers).tolist()) - set(STABILITY_ELEMENTS)
    if unknown:
        raise DataError(
            f"Expected H, C, N, O and F, got {', '.join(symbols(sorted(unknown)))}: the published tables of stability "
            "hold no other element. Leave such molecules out, or judge them by their perceived bonds."
        )
    element = np.searchsorted(STABILITY_ELEMENTS, numbers)
    distance_pm = 100.0 * np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    np.fill_diagonal(distance_pm, np.inf)
    within = [
        distance_pm < lengths[element[:, None], element] + margin
        for lengths, margin in zip(BOND_LENGTHS_PM, MARGINS_PM, strict=True)
    ]
    return np.cumprod(within, axis=0).sum(0)


def stable_atoms(geometry: Geometry) -> np.ndarray:
    """[atom] whether the bond orders of each atom sum to its valence."""
    orders = distance_bond_orders(geometry.numbers, geometry.positions)
    return orders.sum(1) == VALENCES[np.searchsorted(STABILITY_ELEMENTS, geometry.numbers)]


def stability(geometries: Iterable[Geometry]) -> Stability:
    """The stability of many geometries; atoms are counted over all of them."""
    found = [stable_atoms(geometry) for geometry in geometries]
    if not found:
        raise DataError("Expected geometries to judge, got none.")
    return Stability(float(np.concatenate(found).mean()), float(np.mean([one.all() for one in found])), len(found))


def stability_figures(elements: Iterable[int], geometries: Iterable[Geometry]) -> dict[str, float]:
    """The shares by name, for a model's samples; an empty dict if the tables lack one of the model's elements."""
    if not set(elements) <= set(STABILITY_ELEMENTS):
        return {}
    found = stability(geometries)
    return {"stable_atoms": found.atoms, "stable_molecules": found.molecules}
