"""Ranges of interatomic distances in known structures, which confirm the bonds of a new structure.

Bond perception finds neighbours within a wide radius and orders from valences: it accepts a double bond of 1.7 Å. Here
each kind of bond (two elements and an order) has the range of its lengths in known structures, and each pair of
elements without a bond has a minimum distance.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.molecules.geometry import BOND_TYPES, Geometry, atomic_number, symbols
from sciencegen.errors import IncompatibleError
from sciencegen.items import Refusal

TAIL = 1e-3
"""Share of a kind's bonds that is cut at both ends of its range, since known structures may include broken ones."""
MARGIN = 0.05
"""Ångström added to both ends; twice that for a kind that is too rare to cut."""
CLOSE_TAIL, CLOSE_MARGIN = 1e-4, 0.15
"""The same for pairs without a bond, most of which are far apart."""

MARKS = " -=#:"
"""Symbols of the classes in BOND_TYPES: "C O" has no bond, "C=O" a double bond."""
KIND = re.compile(rf"([A-Z][a-z]?)([{MARKS}])([A-Z][a-z]?)")
ELEMENTS = 128
"""An upper bound of atomic numbers."""


class KnownDistances:
    """ranges: kind -> shortest and longest distance in ångström; for a pair without a bond the longest is infinite."""

    def __init__(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        by_code = sorted((_code_of(kind), *ends) for kind, ends in ranges.items())
        self._codes = np.array([code for code, *_ in by_code], np.int64)
        self._ranges = np.array([ends for _, *ends in by_code], np.float64).reshape(-1, 2)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        return {
            _kind_of(code): (float(shortest), float(longest))
            for code, (shortest, longest) in zip(self._codes.tolist(), self._ranges, strict=True)
        }

    def refusal(self, geometry: Geometry) -> Refusal | None:
        """A Refusal for the first bond or distance of a geometry that no known structure has, or None."""
        codes, distances = _pairs(geometry)
        place = np.minimum(np.searchsorted(self._codes, codes), max(len(self._codes) - 1, 0))
        known = self._codes[place] == codes
        shortest, longest = self._ranges[place].T
        bonded = codes % len(BOND_TYPES) > 0  # unknown pairs without a bond are accepted at any distance
        strange = np.where(known, (distances < shortest) | (distances > longest), bonded)
        if not strange.any():
            return None
        first = int(np.flatnonzero(strange)[0])
        kind, distance = _kind_of(int(codes[first])), distances[first]
        if not bonded[first]:
            pair, least = kind.replace(" ", " and "), f"{shortest[first]:.2f}"
            return Refusal(
                f"{pair} {distance:.2f} Å apart without a bond; the model's training set has {least} or more"
            )
        if not known[first]:
            return Refusal(f"a bond {kind} of {distance:.2f} Å; the training set has none of this kind")
        ends = f"{shortest[first]:.2f} to {longest[first]:.2f}"
        return Refusal(f"a bond {kind} of {distance:.2f} Å; in the training set {ends}")

    def to_json(self) -> dict[str, list[float]]:
        return {kind: [round(end, 4) for end in ends if end < np.inf] for kind, ends in self.ranges.items()}


def load(data: Mapping[str, Sequence[float]]) -> KnownDistances:
    """The inverse of `to_json`."""
    return KnownDistances({kind: (ends[0], ends[1] if len(ends) > 1 else np.inf) for kind, ends in data.items()})


def fit(geometries: Iterable[Geometry]) -> KnownDistances:
    """Fit the ranges to geometries; those with unknown bonds are left out."""
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for geometry in geometries:
        if geometry.bonds is not None:
            codes, distances = _pairs(geometry)
            for code in np.unique(codes).tolist():
                found[code].append(distances[codes == code])
    return KnownDistances({_kind_of(code): _range(code, np.concatenate(some)) for code, some in found.items()})


def _range(code: int, distances: Float[np.ndarray, " pair"]) -> tuple[float, float]:
    bonded = code % len(BOND_TYPES) > 0
    tail, margin = (TAIL, MARGIN) if bonded else (CLOSE_TAIL, CLOSE_MARGIN)
    if tail * len(distances) < 1:
        margin *= 2
    shortest, longest = np.quantile(distances, (tail, 1 - tail)).tolist()
    return shortest - margin, longest + margin if bonded else np.inf


def _pairs(geometry: Geometry) -> tuple[Int[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """The kind of each pair of atoms, as a number, and their distance."""
    assert geometry.bonds is not None
    classes = np.zeros((len(geometry), len(geometry)), np.int64)
    first, second, order = geometry.bonds.T
    classes[first, second] = order
    one, other = np.triu_indices(len(geometry), 1)
    light, heavy = np.sort(geometry.numbers[np.stack([one, other])], axis=0)
    distances = np.linalg.norm(geometry.positions[one] - geometry.positions[other], axis=-1)
    return (light * ELEMENTS + heavy) * len(BOND_TYPES) + classes[one, other], distances


def _code_of(kind: str) -> int:
    found = KIND.fullmatch(kind)
    numbers = [atomic_number(symbol) for symbol in (found[1], found[3])] if found else [None]
    if found is None or None in numbers:
        raise IncompatibleError(f"Expected a kind of bond such as 'C=O' in the known distances, found '{kind}'.")
    light, heavy = sorted(int(number) for number in numbers if number is not None)
    return (light * ELEMENTS + heavy) * len(BOND_TYPES) + MARKS.index(found[2])


def _kind_of(code: int) -> str:
    elements, order = divmod(code, len(BOND_TYPES))
    light, heavy = symbols(divmod(elements, ELEMENTS))
    return f"{light}{MARKS[order]}{heavy}"
