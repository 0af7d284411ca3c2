"""Data of the elements, and what follows from a composition alone.

`elements.csv` holds them to lawrencium. Masses, atomic radii (Slater 1964), electronegativities (Pauling), Mendeleev
numbers (Pettifor 1984), melting points, electron affinities (eV), ionization energies (eV), molar volumes (cm³/mol),
valence electrons and Jmol's colours are those of pymatgen (MIT); covalent radii are those of Cordero et al. 2008;
oxidation states and what counts as a metal are those of SMACT (MIT; the set of 2014, which published numbers of charge
balance use).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from math import gcd

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.crystals.items import NUMBERS, SYMBOLS, Crystal
from sciencegen.errors import ConfigError

TEXTS = ("symbol", "oxidation_states", "colour")


@cache
def _rows() -> list[dict[str, str]]:
    table = files("sciencegen.domains.crystals").joinpath("elements.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(table.splitlines()))


@cache
def element_data() -> Mapping[str, Float[np.ndarray, " number"]]:
    """Columns of numbers by name; the value of atomic number Z is at Z, NaN where there is none."""
    rows = _rows()
    table = {name: np.full(len(SYMBOLS) + 1, np.nan) for name in rows[0] if name not in TEXTS}
    for name, column in table.items():
        column[1 : len(rows) + 1] = [float(row[name] or "nan") for row in rows]
    return table


@cache
def colours() -> list[str]:
    """The colour of atomic number Z is at Z."""
    known = [row["colour"] for row in _rows()]
    return ["#c0c0c0", *known, *["#c0c0c0"] * (len(SYMBOLS) - len(known))]


@cache
def oxidation_states() -> list[tuple[int, ...]]:
    """Those of atomic number Z are at Z."""
    known = [tuple(map(int, row["oxidation_states"].split())) for row in _rows()]
    return [(), *known, *[()] * (len(SYMBOLS) - len(known))]


def counts_of(item: Crystal) -> tuple[Int[np.ndarray, " element"], Int[np.ndarray, " element"]]:
    """Atomic numbers of the elements, and the number of atoms of each in the formula unit."""
    elements, counts = np.unique(item.numbers, return_counts=True)
    return elements, counts // gcd(*counts.tolist())


def unit(symbols: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Elements and their numbers in the formula unit of atoms with these symbols.

    Examples
    --------
    >>> sorted(unit(["Na", "Cl", "Na", "Cl"]))
    [('Cl', 1), ('Na', 1)]
    """
    counts = Counter(symbols)
    return frozenset((symbol, count // gcd(*counts.values())) for symbol, count in counts.items())


def reduced_formula(item: Crystal) -> str:
    """The formula unit, elements from the least to the most electronegative, such as NaCl or SrTiO3.

    Examples
    --------
    >>> from sciencegen.domains.crystals.items import parse_text
    >>> reduced_formula(parse_text("crystal:3 3 3 90 90 90|Cl 0 0 0|Cs 0.5 0.5 0.5"))
    'CsCl'
    """
    elements, counts = counts_of(item)
    return "".join(
        f"{SYMBOLS[elements[at] - 1]}{counts[at] if counts[at] > 1 else ''}" for at in _by_electronegativity(elements)
    )


_PART = re.compile(r"([A-Z][a-z]?)(\d*)")


def formula_counts(formula: str) -> dict[str, int]:
    """Atoms of each element in the formula unit.

    Raises
    ------
    ConfigError
        For a text that is no formula of elements and whole numbers.

    Examples
    --------
    >>> formula_counts("BaTiO3"), formula_counts("Na2Cl2")
    ({'Ba': 1, 'Ti': 1, 'O': 3}, {'Na': 1, 'Cl': 1})
    """
    parts = _PART.findall(formula)
    if "".join(symbol + count for symbol, count in parts) != formula.strip() or not parts:
        raise ConfigError(f"Expected a formula such as BaTiO3, elements with whole numbers, got '{formula}'.")
    counts: dict[str, int] = {}
    for symbol, count in parts:
        if symbol not in NUMBERS or count == "0":
            raise ConfigError(f"Expected a formula of elements such as BaTiO3, got '{symbol}{count}' in '{formula}'.")
        counts[symbol] = counts.get(symbol, 0) + int(count or 1)
    unit = gcd(*counts.values())
    return {symbol: count // unit for symbol, count in counts.items()}


def chemical_system(item: Crystal) -> str:
    """The elements in the order of the alphabet, such as O-Sr-Ti."""
    return "-".join(sorted(set(item.symbols)))


def _by_electronegativity(elements: Int[np.ndarray, " element"]) -> list[int]:
    values = element_data()["electronegativity"][elements]
    return sorted(range(len(elements)), key=lambda at: (np.nan_to_num(values[at], nan=9.0), elements[at]))


def fractions(item: Crystal) -> Float[np.ndarray, " number"]:
    """Share of each element among the atoms; that of atomic number Z is at Z."""
    return np.bincount(item.numbers, minlength=len(SYMBOLS) + 1) / len(item)


def is_charge_balanced(item: Crystal) -> bool:
    """Whether oxidation states of its elements sum to zero, cations being less electronegative than anions.

    SMACT's rule (Davies et al. 2016) as CDVAE applies it: one state for each element; elements and alloys of metals
    pass.

    Examples
    --------
    >>> from sciencegen.domains.crystals.items import parse_text
    >>> cells = [f"crystal:3 3 3 90 90 90|Na 0 0 0|{other} 0.5 0.5 0.5" for other in ("Cl", "O", "Ar")]
    >>> [is_charge_balanced(parse_text(cell)) for cell in cells]
    [True, True, False]
    """
    elements, counts = counts_of(item)
    return can_balance(tuple(elements.tolist()), tuple(counts.tolist()))


@lru_cache(maxsize=100_000)
def can_balance(numbers: tuple[int, ...], counts: tuple[int, ...]) -> bool:
    """`is_charge_balanced` of atomic numbers, ascending, and the atoms of each."""
    elements = np.array(numbers)
    data, states = element_data(), oxidation_states()
    if len(elements) == 1 or np.all(data["metal"][elements] == 1):
        return True
    order = _by_electronegativity(elements)
    values = data["electronegativity"][elements][order]
    for split in range(1, len(order)):
        if values[split - 1] >= values[split]:  # equally electronegative elements have charges of one sign
            continue
        sums = {0}
        for place, at in enumerate(order):
            charges = [state for state in states[numbers[at]] if (state > 0) == (place < split)]
            sums = {one + counts[at] * charge for one in sums for charge in charges}
        if 0 in sums:
            return True
    return False


def number_of(symbol: str) -> int | None:
    """The atomic number that a symbol in a file begins with (Fe3+, O2-, Cl1); hydrogen for D and T, None for none."""
    letters = symbol.strip()[:2]
    if letters[1:] and not letters[1].isalpha():
        letters = letters[:1]
    letters = letters.capitalize()
    if letters in ("D", "T"):
        return 1
    return NUMBERS.get(letters) or NUMBERS.get(letters[:1])
