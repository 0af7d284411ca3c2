"""Moves of crystals: what materials scientists change by hand, and patterns of elements to keep or to forbid.

Exchanging an element for a chemically similar one in a known structure is the oldest way to new materials, and a strong
baseline of every generative model (Hautier et al. 2011; Szymanski & Bartel 2024).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.capabilities import Moves
from sciencegen.domains.crystals.elements import element_data, formula_counts, oxidation_states
from sciencegen.domains.crystals.geometry import described, operations, shortest_distance
from sciencegen.domains.crystals.items import NUMBERS, Crystal, crystal
from sciencegen.errors import ConfigError
from sciencegen.items import Reference, Refusal

REPLACING = [z for z in range(1, 93) if z not in (2, 10, 18, 36, 43, 61, *range(84, 90), 91)]
"""Atomic numbers of elements that are put in: neither noble nor without any isotope of a long life."""
STRAIN, SHIFT = 0.02, 0.08
"""Standard deviations of a random strain, and of a displacement in ångström."""
CLOSEST_BOND = 0.78
"""Least distance of plausible crystals as a multiple of the sum of covalent radii, of elements that no known one
holds as neighbours; of 99% of known crystals it is larger."""
LEAST_APART = 0.7
"""Ångström: shorter than a bond of hydrogen."""


def similar(number: int) -> tuple[Int[np.ndarray, " element"], Float[np.ndarray, " element"]]:
    """Elements that may take another's place, with their shares: near in Pettifor's order, which puts similar elements
    side by side, more so if they have an oxidation state in common."""
    data, states = element_data(), oxidation_states()
    others = np.array([z for z in REPLACING if z != number])
    away = np.abs(data["mendeleev_number"][others] - data["mendeleev_number"][number])
    shared = np.array([bool(set(states[z]) & set(states[number])) for z in others])
    weights = np.exp(-np.nan_to_num(away, nan=50.0) / 3) * np.where(shared, 1.0, 0.2)
    return others, weights / weights.sum()


def exchanged(item: Crystal, before: int, after: int) -> Crystal | Refusal:
    """All atoms of an element exchanged, and the cell scaled as the volumes of atoms with covalent radii."""
    numbers = np.where(item.numbers == before, after, item.numbers)
    return crystal(_scaled(item, numbers), numbers, item.places)


def _scaled(item: Crystal, numbers: Int[np.ndarray, " atom"]) -> Float[np.ndarray, "3 3"]:
    radii = np.nan_to_num(element_data()["covalent_radius"], nan=1.6)
    return item.lattice * radii[numbers].sum() / radii[item.numbers].sum()


def substitute(item: Crystal, generator: np.random.Generator) -> Crystal | Refusal:
    """One element exchanged for a similar one that the crystal doesn't have."""
    before = int(generator.choice(np.unique(item.numbers)))
    others, shares = similar(before)
    after = int(generator.choice(others, p=shares))
    if after in item.numbers:
        return Refusal("the other element is there already")
    return exchanged(item, before, after)


def swap(item: Crystal, generator: np.random.Generator) -> Crystal | Refusal:
    """Two elements change places."""
    elements = np.unique(item.numbers)
    if len(elements) < 2:
        return Refusal("one element")
    one, other = generator.choice(elements, 2, replace=False)
    numbers = np.where(item.numbers == one, other, np.where(item.numbers == other, one, item.numbers))
    return crystal(_scaled(item, numbers), numbers, item.places)


def distort(item: Crystal, generator: np.random.Generator) -> Crystal | Refusal:
    """A small strain, and small displacements of the atoms, both averaged over the operations of the space group, so
    that it stays."""
    strain = STRAIN * generator.normal(size=(3, 3))
    strain = 0.5 * (strain + strain.T)
    shift = SHIFT * generator.normal(size=item.places.shape) @ np.linalg.inv(item.lattice)
    if found := operations(item):
        rotations, target = found
        turns = item.lattice.T @ rotations @ np.linalg.inv(item.lattice.T)
        strain = (turns @ strain @ turns.swapaxes(1, 2)).mean(0)
        images, shift = np.einsum("kxy,jy->kjx", rotations, shift) / len(rotations), np.zeros_like(shift)
        np.add.at(shift, target, images)
    return crystal(item.lattice @ (np.eye(3) + strain), item.numbers, item.places + shift)


CHANGES: tuple[Callable[[Crystal, np.random.Generator], Crystal | Refusal], ...] = (substitute, swap, distort)
SHARES = (0.7, 0.1, 0.2)


def mutate(item: Crystal, generator: np.random.Generator) -> Crystal | Refusal:
    """One of `CHANGES`, by `SHARES`."""
    return CHANGES[generator.choice(len(CHANGES), p=SHARES)](item, generator)


def recombine(item: Crystal, other: Crystal, generator: np.random.Generator) -> Crystal | Refusal:
    """The structure of one with the elements of the other, in the order of their electronegativities."""
    ours, theirs = np.unique(item.numbers), np.unique(other.numbers)
    if len(ours) != len(theirs):
        return Refusal("different numbers of elements")
    values = np.nan_to_num(element_data()["electronegativity"], nan=0.0)
    ours, theirs = ours[np.argsort(values[ours])], theirs[np.argsort(values[theirs])]
    table = dict(zip(ours.tolist(), theirs.tolist(), strict=True))
    numbers = np.array([table[one] for one in item.numbers.tolist()])
    return crystal(_scaled(item, numbers), numbers, item.places)


def plausible(item: Crystal) -> bool:
    """Whether no two atoms are closer than those of their elements in known crystals."""
    if shortest_distance(item) < LEAST_APART:
        return False
    distances, found = described(item)
    return bool((distances >= least_distances()[item.numbers[:, None], item.numbers[found]]).all())


@cache
def least_distances() -> Float[np.ndarray, "number number"]:
    """Ångström, by two atomic numbers: of `distances.csv`, or by covalent radii."""
    radii = np.nan_to_num(element_data()["covalent_radius"], nan=1.6)
    least = CLOSEST_BOND * (radii[:, None] + radii)
    table = files("sciencegen.domains.crystals").joinpath("distances.csv").read_text(encoding="utf-8")
    for row in csv.reader(table.splitlines()[1:]):
        one, other = NUMBERS[row[0]], NUMBERS[row[1]]
        least[one, other] = least[other, one] = float(row[2])
    return least


# Patterns: elements joined by hyphens (Li-O: holds both), the same after "only:" (no other element), or a formula with
# numbers (BaTiO3: this composition). Commas: one of several.

_ELEMENTS = re.compile(r"[A-Z][a-z]?(-[A-Z][a-z]?)*")
ONLY = "only:"


def pattern(text: str) -> Callable[[Crystal], bool]:
    """A test of crystals.

    Raises
    ------
    ConfigError
        For a text that is no pattern.

    Examples
    --------
    >>> from sciencegen.domains.crystals.items import parse_text
    >>> salt = parse_text("crystal:3.99 3.99 3.99 60 60 60|Na 0 0 0|Cl 0.5 0.5 0.5")
    >>> [pattern(text)(salt) for text in ("Na", "Na-K", "only:Na-Cl-K", "Na1Cl1", "NaCl2")]
    [True, False, True, True, False]
    """
    if "," in text:
        tests = [pattern(one) for one in text.split(",")]
        return lambda item: any(test(item) for test in tests)
    names = text.strip().removeprefix(ONLY)
    if _ELEMENTS.fullmatch(names) and set(names.split("-")) <= set(NUMBERS):
        asked = {NUMBERS[symbol] for symbol in names.split("-")}
        if text.strip().startswith(ONLY):
            return lambda item: set(item.numbers.tolist()) <= asked
        return lambda item: asked <= set(item.numbers.tolist())
    try:
        counts = {NUMBERS[symbol]: count for symbol, count in formula_counts(names).items()}
    except ConfigError as error:
        raise ConfigError(
            f"Expected elements such as Li or Li-O, {ONLY}Li-Fe-P-O, or a formula such as BaTiO3 as a pattern, got "
            f"'{text}'."
        ) from error
    unit = sum(counts.values())

    def composed(item: Crystal) -> bool:
        times = len(item) / unit
        found = dict(zip(*np.unique(item.numbers, return_counts=True), strict=True))
        return found == {number: times * count for number, count in counts.items()}

    return composed


def constraint(
    keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
) -> Callable[[Crystal], bool]:
    """A test that a crystal fits every pattern of `keep` and none of `forbid`."""
    kept, forbidden = [pattern(text) for text in keep], [pattern(text) for text in forbid]
    return lambda item: all(test(item) for test in kept) and not any(test(item) for test in forbidden)


MOVES = Moves(mutate=mutate, recombine=recombine, constraint=constraint, plausible=plausible)
