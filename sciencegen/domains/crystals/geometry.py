"""Distances in crystals, their averages as an invariant, reduced cells and space groups."""

from __future__ import annotations

import itertools
import math
import os
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.crystals.items import Crystal, crystal, shortest_basis
from sciencegen.errors import MissingLibrary
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from spglib import SpglibDataset

INSTALL = 'pip install "sciencegen[crystals]"'
NEIGHBOURS = 100
"""Neighbours of each atom whose distances describe a structure."""
REDUCTION = 0.01
"""Ångström: tolerance within which atoms are translations of each other."""
COPIED = 0.02
"""Ångström, within which symmetry maps atoms onto each other."""
SYMMETRY = 0.1
"""Ångström: tolerance of space groups, as usual for structures that no experiment refined."""


os.environ.setdefault("SPGLIB_WARNING", "OFF")  # it prints what it tried before it succeeded


def require(library: str, purpose: str) -> None:
    """Raise a ConfigError that says how to install an optional library if it is missing."""
    if find_spec(library) is None:
        raise MissingLibrary(library, purpose)


def neighbours(
    item: Crystal, count: int = NEIGHBOURS
) -> tuple[Float[np.ndarray, "atom neighbour"], Int[np.ndarray, "atom neighbour"]]:
    """Distances in ångström to the nearest atoms, images included, and the places of these atoms in the item."""
    from scipy.spatial import cKDTree

    lattice = shortest_basis(item.lattice)
    places = item.places @ item.lattice @ np.linalg.inv(lattice) % 1.0
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    radius = 1.2 * (3 * (count + 1) * item.volume / (4 * math.pi * len(item))) ** (1 / 3)
    while True:
        reach = [range(-n, n + 1) for n in np.ceil(radius / heights).astype(int)]
        shifts = np.array(list(itertools.product(*reach)), float)
        points = ((places[:, None] + shifts[None]).reshape(-1, 3)) @ lattice
        distances, found = cKDTree(points).query(places @ lattice, k=min(count + 1, len(points)))
        farthest = distances[:, -1].max()
        if len(points) > count and farthest <= radius:
            return distances[:, 1:], found[:, 1:] // len(shifts)
        radius = max(1.0001 * farthest, 1.2 * radius) if len(points) <= count else 1.0001 * farthest


@lru_cache(maxsize=4096)
def described(item: Crystal) -> tuple[Float[np.ndarray, "atom neighbour"], Int[np.ndarray, "atom neighbour"]]:
    """The `neighbours` of an item, once."""
    distances, found = neighbours(item)
    return distances.astype(np.float32), found.astype(np.int16)


@lru_cache(maxsize=100_000)
def average_distances(item: Crystal) -> Float[np.ndarray, " neighbour"]:
    """Mean distance from an atom to its first, second ... neighbour, in ångström: the average minimum distances, which
    depend on neither cell nor motion and change continuously (Widdowson et al. 2022, MATCH 87, 529)."""
    return described(item)[0].mean(0, dtype=np.float64)


def pair_distances(item: Crystal, count: int) -> list[float]:
    """Mean distances from the atoms of each element to the first ... `count`th nearest of each element, in ångström,
    where these are among the first neighbours. Elements by atomic numbers."""
    distances, found = described(item)
    kinds = item.numbers[found]
    result: list[float] = []
    for second in np.unique(item.numbers):
        nearest = np.sort(np.where(kinds == second, distances, np.inf), axis=1)[:, :count]
        for first in np.unique(item.numbers):
            means = nearest[item.numbers == first].mean(0, dtype=np.float64)
            result += means[np.isfinite(means)].tolist()
    return result


def shortest_distance(item: Crystal) -> float:
    """Between two atoms, images included, in ångström."""
    return float(described(item)[0][:, 0].min())


def symmetry_dataset(item: Crystal, tolerance: float) -> SpglibDataset | None:
    """Spglib's description of an item's symmetry within a tolerance in ångström, None without spglib or a symmetry."""
    if find_spec("spglib") is None:
        return None
    import spglib

    cell: Any = (item.lattice, item.places, item.numbers)  # spglib's types are those of lists
    return spglib.get_symmetry_dataset(cell, symprec=tolerance)


def operations(item: Crystal) -> tuple[Float[np.ndarray, "operation 3 3"], Int[np.ndarray, "operation atom"]] | None:
    """Rotations of fractional coordinates, and the atom onto which each operation maps an atom; None without spglib, or
    if it finds no symmetry."""
    found = symmetry_dataset(item, COPIED)
    if found is None:
        return None
    rotations = found.rotations.astype(float)
    images = np.einsum("kxy,jy->kjx", rotations, item.places) + found.translations[:, None]
    apart = images[:, :, None] - item.places
    apart = np.linalg.norm((apart - np.round(apart)) @ item.lattice, axis=-1)
    return rotations, (apart + np.where(item.numbers[:, None] == item.numbers, 0.0, np.inf)).argmin(2)


@lru_cache(maxsize=100_000)
def named_space_group(item: Crystal, tolerance: float = SYMMETRY) -> tuple[int, str | None]:
    """Number and Hermann-Mauguin symbol of the space group by spglib; (0, None) without it, or if it finds none."""
    found = symmetry_dataset(item, tolerance)
    return (0, None) if found is None else (int(found.number), str(found.international))


def space_group(item: Crystal, tolerance: float = SYMMETRY) -> int:
    """Number of the space group by spglib; a ValueError if there is none."""
    number, _ = named_space_group(item, tolerance)
    if not number:
        raise ValueError("spglib finds no space group, or is missing")
    return number


def reduced(
    lattice: Float[np.ndarray, "3 3"], numbers: Int[np.ndarray, " atom"], places: Float[np.ndarray, "atom 3"]
) -> Crystal | Refusal:
    """The crystal in a primitive cell of Niggli's form (Grosse-Kunstleve et al. 2004), its handedness kept."""
    import spglib

    if repeats(lattice, numbers, places):
        cell: Any = (lattice, places % 1.0, numbers)
        found: Any = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=REDUCTION)
        if found is not None and len(found[2]) < len(numbers):
            lattice, places, numbers = found
    basis = spglib.niggli_reduce(lattice, eps=1e-5)
    if basis is not None:
        places, lattice = places @ lattice @ np.linalg.inv(basis), basis
    return crystal(lattice, numbers, places)


def repeats(
    lattice: Float[np.ndarray, "3 3"], numbers: Int[np.ndarray, " atom"], places: Float[np.ndarray, "atom 3"]
) -> bool:
    """Whether a translation by less than the cell maps each atom onto one of its element."""
    elements, counts = np.unique(numbers, return_counts=True)
    if np.gcd.reduce(counts) == 1:  # a translation permutes the atoms of each element
        return False
    rarest = places[numbers == elements[counts.argmin()]]
    unlike = np.where(numbers[:, None] == numbers[None], 0.0, np.inf)
    for shift in rarest[1:] - rarest[0]:
        apart = places[:, None] + shift - places[None]
        distances = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=2) + unlike
        if distances.min(1).max() < REDUCTION:
            return True
    return False
