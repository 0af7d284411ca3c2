"""Damages of structure files: of their atoms, of their lines, and of their bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from random import Random

from sciencegen.domains.proteins.backbones.items import Backbone
from tests.domains.proteins.example_structures import NAMES, Line, cif, pdb
from tests.fuzz.mutations import damaged_bytes, damaged_gzip

Atoms = list[Line]
ODD_PLACES = (math.nan, math.inf, 0.0, 9999.0, -9999.0, 1e7, 1e-9)
GROUPS = ("DA", "U", "HOH", "ATP", "CA", "MSE", "UNK", "DAL", "ACE", "NH2", "GLX", "PYL", "")
CHAINS = ("", "B", "AA", "1", "é", "'", '"', "#", "_", ":", "?", ".", ";", "[", "a", "A1")
INSERTIONS = ("A", "1", ":", "é", "'")
MOST_RESIDUES = 5000


def atoms_of(item: Backbone, chain: str = "A") -> Atoms:
    """The atoms of a backbone, with CB by ideal bonds, as lines."""
    found = []
    for number, (letter, places) in enumerate(zip(item.sequence, item.coordinates.tolist(), strict=True), 1):
        named = dict(zip(("N", "CA", "C", "O"), places, strict=True))
        named |= {} if letter == "G" else {"CB": _beta(*places[:3])}
        found += [Line(atom, NAMES[letter], number, tuple(place), chain) for atom, place in named.items()]
    return found


def _beta(n: Sequence[float], ca: Sequence[float], c: Sequence[float]) -> tuple[float, ...]:
    before, after = ([y - x for x, y in zip(*pair, strict=True)] for pair in ((n, ca), (ca, c)))
    across = [before[1] * after[2] - before[2] * after[1], before[2] * after[0] - before[0] * after[2],
              before[0] * after[1] - before[1] * after[0]]  # fmt: skip
    terms = zip(across, before, after, ca, strict=True)
    return tuple(-0.58273431 * x + 0.56802827 * y - 0.54067466 * z + at for x, y, z, at in terms)


def some(atoms: Atoms, chooser: Random, change: Callable[[Line], Line | None]) -> Atoms:
    """One, several or all atoms changed, or left out."""
    share = chooser.choice((0.0, 0.02, 0.3, 1.0))
    at = chooser.randrange(len(atoms))
    changed = [change(one) if index == at or chooser.random() < share else one for index, one in enumerate(atoms)]
    return [one for one in changed if one is not None]


def residues_changed(atoms: Atoms, chooser: Random, change: Callable[[Line], Line]) -> Atoms:
    """One residue, or some of them, changed."""
    numbers, share = sorted({one.number for one in atoms}), chooser.choice((0.0, 0.2, 1.0))
    chosen = {chooser.choice(numbers), *(one for one in numbers if chooser.random() < share)}
    return [change(one) if one.number in chosen else one for one in atoms]


def missing(atoms: Atoms, chooser: Random) -> Atoms:
    """Atoms, kinds of atoms or residues are missing; or all but the CA, or one residue."""
    kind = chooser.randrange(5)
    if kind == 0:
        return [one for one in atoms if one.atom == "CA"]
    if kind == 1:
        kept = chooser.sample(range(1, 31), chooser.choice((1, 2, 9, 10, 25)))
        return [one for one in atoms if one.number in kept] or atoms[:1]
    names = set(chooser.sample(("N", "CA", "C", "O", "CB"), chooser.randint(1, 3)))
    return some(atoms, chooser, lambda one: None if kind == 2 or one.atom in names else one)


def groups(atoms: Atoms, chooser: Random) -> Atoms:
    """Other names of residues: nucleic acids, waters, ligands, modified ones; as ATOM or HETATM."""
    name, record = chooser.choice(GROUPS), chooser.choice(("ATOM", "HETATM"))
    return residues_changed(atoms, chooser, lambda one: replace(one, residue=name, record=record))


def numbers(atoms: Atoms, chooser: Random) -> Atoms:
    """Insertion codes, negative, equal, large, falling and swapped numbers."""
    kind, step = chooser.randrange(5), chooser.choice((-40, 990, 9990, 99_990, 9_999_990))
    letter = chooser.choice(INSERTIONS)
    changes: tuple[Callable[[Line], Line], ...] = (
        lambda one: replace(one, number=one.number + step),
        lambda one: replace(one, number=5),
        lambda one: replace(one, number=5, insertion=chr(65 + one.number % 26)),
        lambda one: replace(one, number=30 - one.number),
        lambda one: replace(one, insertion=letter),
    )
    return [changes[kind](one) for one in atoms] if kind < 4 else residues_changed(atoms, chooser, changes[kind])


def places(atoms: Atoms, chooser: Random) -> Atoms:
    """Coordinates that aren't finite, far away or the same; mirrored; every atom at one place; noise."""
    kind, odd = chooser.randrange(4), chooser.choice(ODD_PLACES)
    if kind == 0:
        return [replace(one, place=(one.place[0], one.place[1], -one.place[2])) for one in atoms]
    if kind == 1:
        return some(atoms, chooser, lambda one: replace(one, place=(odd, *one.place[1:])))
    if kind == 2:
        return some(atoms, chooser, lambda one: replace(one, place=(odd, odd, odd)))
    return [replace(one, place=tuple(at + chooser.gauss(0, 2.0) for at in one.place)) for one in atoms]


def alternates(atoms: Atoms, chooser: Random) -> Atoms:
    """Alternate locations: of atoms, of residues of two kinds, with odd labels and occupancies."""
    labels, share = chooser.choice(("AB", "B ", "BA", "A1", "é?")), chooser.choice((0.5, 0.0, -1.0, math.nan))
    kind, at = chooser.choice(("", "GLY", "DA")), chooser.random() < 0.5

    def doubled(one: Line) -> Atoms:
        second = replace(one, alternate=labels[1].strip(), occupancy=share, residue=kind or one.residue)
        return [replace(one, alternate=labels[0], occupancy=share), second]

    chosen = chooser.randint(1, 30)
    parts = ([one] if at and one.number != chosen else doubled(one) for one in atoms)
    return [one for part in parts for one in part]


def order(atoms: Atoms, chooser: Random) -> Atoms:
    """Atoms or residues in another order, twice, or in other chains."""
    kind, chain = chooser.randrange(6), chooser.choice(CHAINS)
    residues = [list(part) for _, part in groupby(atoms, lambda one: (one.chain, one.number))]
    if kind == 0:
        return chooser.sample(atoms, len(atoms))
    if kind == 1:
        return [one for part in chooser.sample(residues, len(residues)) for one in part]
    if kind == 2:
        return [*atoms, *atoms]
    if kind == 3:
        return [one if at % 2 else replace(one, chain=chain) for at, one in enumerate(atoms)]
    if kind == 4:
        return residues_changed(atoms, chooser, lambda one: replace(one, chain=chain))
    return [replace(one, chain=chain) for one in atoms]


def many(atoms: Atoms, chooser: Random) -> Atoms:
    """A long chain: the same one again and again, each beside the one before."""
    count = chooser.choice((100, 100, 300, 2048, 2049, MOST_RESIDUES))
    residues = [list(part) for _, part in groupby(atoms, lambda one: (one.chain, one.number))]
    found, row = list[Line](), 0
    while row < count:
        shift, index = 40.0 * (row // len(residues)), row % len(residues)
        found += [replace(one, number=row + 1, place=(one.place[0] + shift, *one.place[1:])) for one in residues[index]]
        row += 1
    return found


OF_ATOMS = (missing, missing, groups, groups, numbers, numbers, places, places, alternates, alternates, order, order)


def several(atoms: Atoms, chooser: Random) -> Atoms:
    """One to three damages, which leave an atom."""
    for _ in range(chooser.choice((1, 1, 2, 3))):
        atoms = chooser.choice(OF_ATOMS)(atoms, chooser) or atoms
    return atoms


def models(text: str, chooser: Random) -> str:
    """Several models, also empty ones and ones with equal numbers, or without an end; marks of designs."""
    kind = chooser.randrange(4)
    if text.startswith("data_"):
        rows = text.splitlines(keepends=True)
        return "".join(
            re.sub(r" 1\n$", f" {chooser.choice((1, 2, 3, 0))}\n", row) if row.startswith("ATOM") else row
            for row in (rows if kind else sorted(rows, key=lambda row: row.startswith("ATOM")))
        )
    body = text.removesuffix("END\n")
    parts = [body if chooser.random() < 0.8 else "" for _ in range(chooser.choice((1, 2, 20)))]
    names = [1 if kind == 0 else number for number in range(len(parts))]
    text = "".join(f"MODEL     {name:>4}\n{part}ENDMDL\n" for name, part in zip(names, parts, strict=True))
    marks = [f"REMARK 999 ITEM d{number} length=30 symmetry=C{number}\n" for number in range(chooser.randrange(4))]
    return ("".join(marks) if chooser.random() < 0.5 else "") + text + ("END\n" if kind > 1 else "")


def columns(text: str, chooser: Random) -> str:
    """Columns of all atoms' lines: shifted, cut off, empty, or with tabs."""
    start, stop = chooser.choice(((12, 16), (17, 20), (21, 22), (22, 26), (30, 54), (54, 60), (60, 66), (66, 80)))
    kind = chooser.randrange(4)

    def changed(line: str) -> str:
        if not line.startswith(("ATOM", "HETATM")):
            return line
        new = (line[:start] + " " + line[start:], line[:stop], line[:start] + " " * (stop - start) + line[stop:], None)
        return new[kind] if new[kind] is not None else "\t".join(line.split())

    return "".join(changed(line) + "\n" for line in text.splitlines())


OF_TEXT = (models, models, columns)


def changing(items: Sequence[Backbone]) -> Callable[[bytes, str, Random], bytes]:
    """A mutation of files of these backbones, of which each is a chain."""
    chains = [atoms_of(item, name) for item, name in zip(items, "ABC", strict=False)]

    def mutate(content: bytes, name: str, chooser: Random) -> bytes:
        kind = chooser.random()
        if kind < 0.3:
            return damaged_gzip(content, chooser) if name.endswith(".gz") else damaged_bytes(content, chooser)
        found = [list(chain) for chain in chains[: chooser.randint(1, len(chains))]]
        at = chooser.randrange(len(found))
        found[at] = many(found[at], chooser) if chooser.random() < 0.02 else several(found[at], chooser)
        text = written([one for chain in found for one in chain], name)
        return (chooser.choice(OF_TEXT)(text, chooser) if kind < 0.5 else text).encode()

    return mutate


def written(atoms: Atoms, name: str) -> str:
    return cif(atoms) if ".cif" in name else pdb(atoms)
