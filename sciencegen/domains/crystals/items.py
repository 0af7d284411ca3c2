"""Crystals as items: a cell and the atoms in it, and its text in one line.

A crystal is the same under translation, permutation of its atoms, rotation and choice of the cell. Files are reduced to
their primitive cell in Niggli's form when they are read (`files`), so that most choices are made; a text of this module
is taken as it stands.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sciencegen.items import Refusal

PREFIX = "crystal:"
"""Start of the text of a crystal."""
MOST_ATOMS = 500
LENGTHS = 0.5, 1000.0
"""Ångström: least and greatest length of an edge of a cell."""
LEAST_VOLUME = 0.1
"""Cubic ångström for an atom: flatter cells hold no matter."""
LENGTH_DECIMALS, ANGLE_DECIMALS, PLACE_DECIMALS = 4, 3, 5

SYMBOLS = (  # noqa: SIM905
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb "
    "Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db "
    "Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og "
).split()
"""Symbols of the elements; that of atomic number Z is at Z - 1."""
NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS, 1)}

CORNERS = np.array([(i, j) for i in (-1, 0, 1, 2) for j in (-1, 0, 1, 2)], float)
SHORTEST_VECTOR = 0.5
"""Ångström: shortest translation of a lattice that atoms have room in."""

_NUMBER = re.compile(r"-?\d{1,5}(\.\d{1,8})?", re.ASCII)


@dataclass(frozen=True, eq=False)
class Crystal:
    """A cell and the atoms in it.

    Parameters
    ----------
    cell : array [6]
        Lengths a, b, c in ångström, and angles alpha, beta, gamma in degrees.
    numbers : array [atom]
        Atomic numbers.
    places : array [atom, 3]
        Fractional coordinates, from 0 to below 1.

    Examples
    --------
    >>> salt = parse_text("crystal:3.99 3.99 3.99 60 60 60|Na 0 0 0|Cl 0.5 0.5 0.5")
    >>> len(salt), round(salt.volume, 1)
    (2, 44.9)
    """

    cell: Float[np.ndarray, "6"]
    numbers: Int[np.ndarray, " atom"]
    places: Float[np.ndarray, "atom 3"]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def lattice(self) -> Float[np.ndarray, "3 3"]:
        """Rows a, b, c in ångström: a along x, b in the plane of x and y, c with z above 0."""
        return lattice_of(self.cell)

    @property
    def volume(self) -> float:
        """Of the cell, in cubic ångström."""
        return float(np.linalg.det(self.lattice))

    @property
    def symbols(self) -> list[str]:
        """The atoms' elements."""
        return [SYMBOLS[number - 1] for number in self.numbers]


def lattice_of(cell: Float[np.ndarray, "6"]) -> Float[np.ndarray, "3 3"]:
    """Rows a, b, c of a cell, zero or NaN where no three vectors have such angles."""
    lengths, cosines = np.asarray(cell[:3], float), np.cos(np.radians(np.asarray(cell[3:], float)))
    (a, b, c), (alpha, beta, gamma) = lengths, cosines
    sine = math.sqrt(max(1 - gamma**2, 1e-12))
    y = (alpha - beta * gamma) / sine
    z = math.sqrt(max(1 - beta**2 - y**2, 0.0))
    return np.array([[a, 0.0, 0.0], [b * gamma, b * sine, 0.0], [c * beta, c * y, c * z]])


def shortest_basis(lattice: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Shortest vectors of the same lattice, as rows of growing length (greedy reduction, Semaev 2001)."""
    basis = np.array(lattice, float)
    for _ in range(100):
        basis = basis[np.argsort(np.linalg.norm(basis, axis=1), kind="stable")]
        basis[1] -= np.round(basis[1] @ basis[0] / (basis[0] @ basis[0])) * basis[0]
        if basis[1] @ basis[1] < (1 - 1e-9) * (basis[0] @ basis[0]):
            continue
        nearest = np.floor(np.linalg.lstsq(basis[:2].T, basis[2], rcond=None)[0])
        choices = basis[2] - (nearest + CORNERS) @ basis[:2]
        before, basis[2] = basis[2] @ basis[2], choices[np.argmin(np.square(choices).sum(1))]
        if basis[2] @ basis[2] > (1 - 1e-9) * min(before, np.inf) or basis[2] @ basis[2] >= basis[1] @ basis[1]:
            break
    return basis


def cell_of(lattice: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "6"]:
    """Lengths in the lattice's unit and angles in degrees of rows a, b, c."""
    lengths = np.linalg.norm(lattice, axis=1)
    others = [(1, 2), (0, 2), (0, 1)]
    cosines = [lattice[i] @ lattice[j] / max(lengths[i] * lengths[j], 1e-12) for i, j in others]
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))])


def crystal(
    lattice: Float[np.ndarray, "3 3"], numbers: Int[np.ndarray, " atom"], places: Float[np.ndarray, "atom 3"]
) -> Crystal | Refusal:
    """A crystal of rows a, b, c in ångström, atomic numbers and fractional coordinates; a Refusal says what is wrong.
    A left-handed cell becomes the right-handed one of the same crystal."""
    lattice, places = np.asarray(lattice, float), np.asarray(places, float).reshape(-1, 3)
    if not (np.isfinite(lattice).all() and np.isfinite(places).all()):
        return Refusal("a cell or a place that isn't a number")
    if np.linalg.det(lattice) < 0:
        lattice, places = -lattice, -places
    return _checked(cell_of(lattice), np.asarray(numbers, np.int64), places)


def _checked(
    cell: Float[np.ndarray, "6"], numbers: Int[np.ndarray, " atom"], places: Float[np.ndarray, "atom 3"]
) -> Crystal | Refusal:
    cell = np.concatenate([np.round(cell[:3], LENGTH_DECIMALS), np.round(cell[3:], ANGLE_DECIMALS)])
    if not 1 <= len(numbers) <= MOST_ATOMS:
        return Refusal(f"{len(numbers)} atoms; 1 to {MOST_ATOMS} can be read")
    if not ((numbers >= 1) & (numbers <= len(SYMBOLS))).all():
        return Refusal("an atom of no known element")
    if not (LENGTHS[0] <= cell[:3].min() and cell[:3].max() <= LENGTHS[1]):
        return Refusal(f"a cell with an edge of {cell[:3].min():g} to {cell[:3].max():g} Å{in_nanometres(cell[:3])}")
    volume = float(np.linalg.det(lattice_of(cell)))
    if not volume >= LEAST_VOLUME * len(numbers):
        return Refusal(f"a flat cell: {volume:.3g} Å³ for {len(numbers)} atoms{in_nanometres(cell[:3])}")
    if (shortest := float(np.linalg.norm(shortest_basis(lattice_of(cell))[0]))) < SHORTEST_VECTOR:
        return Refusal(f"a cell whose atoms repeat every {shortest:.2g} Å")
    places = np.round(places % 1.0, PLACE_DECIMALS) % 1.0
    return Crystal(cell, numbers, places)


def in_nanometres(lengths: Float[np.ndarray, "3"]) -> str:
    """A remedy for a refused cell with edges that are short in ångström, but not in nanometres; else ""."""
    if not 0.2 <= min(lengths) <= max(lengths) < 2:
        return ""
    return "; the lengths look like nm: multiply them by 10, ångström are expected"


def text(item: Crystal) -> str:
    """The crystal in one line: the cell, then each atom with its fractional coordinates."""
    cell = " ".join(_short(value, LENGTH_DECIMALS) for value in item.cell)
    pairs = zip(item.symbols, item.places, strict=True)
    atoms = (" ".join([symbol, *(_short(value, PLACE_DECIMALS) for value in place)]) for symbol, place in pairs)
    return f"{PREFIX}{cell}|{'|'.join(atoms)}"


def parse_text(line: str) -> Crystal | Refusal:
    """The crystal of a `text`."""
    cell, *atoms = line.strip().removeprefix(PREFIX).split("|")
    rows = [atom.split() for atom in atoms]
    if not all(len(row) == 4 and row[0] in NUMBERS and all(map(_NUMBER.fullmatch, row[1:])) for row in rows):
        return Refusal("not the text of a crystal: an element and three fractional coordinates for each atom expected")
    if len(cell.split()) != 6 or not all(map(_NUMBER.fullmatch, cell.split())):
        return Refusal("not the text of a crystal: three lengths and three angles of the cell expected")
    places = np.array([row[1:] for row in rows], float).reshape(-1, 3)
    numbers = np.array([NUMBERS[row[0]] for row in rows], np.int64)
    return _checked(np.array(cell.split(), float), numbers, places)


def _short(value: float, decimals: int) -> str:
    shown = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
