"""Parses molfile records to molecules, or explains why they are invalid."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rdkit import Chem, rdBase

from sciencegen.domains.molecules.geometry import atomic_number
from sciencegen.items import Refusal

UNREADABLE = "unreadable molfile record"


def read_molfile(text: str, keep_hydrogens: bool = False) -> Chem.Mol | Refusal:
    """The sanitized molecule of a molfile block (V2000 or V3000), with explicit or implicit hydrogens."""
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromMolBlock(text + "\n", removeHs=not keep_hydrogens)
        except (ValueError, RuntimeError):
            molecule = None
        return Refusal(_why_unreadable(text)) if molecule is None else molecule


def _why_unreadable(text: str) -> str:
    """A message on the first invalid atom, else on the chemistry problem."""
    for number, (symbol, coordinates) in enumerate(_atom_lines(text.split("\n")), start=1):
        if atomic_number(symbol) is None:
            return f"{UNREADABLE}: atom {number}: '{symbol[:20]}' is no element"
        if not all(map(_is_finite, coordinates)):
            return f"{UNREADABLE}: atom {number} has a coordinate that is no finite number"
    try:
        molecule = Chem.MolFromMolBlock(text + "\n", sanitize=False)
        problems = () if molecule is None else Chem.DetectChemistryProblems(molecule)
    except (ValueError, RuntimeError):
        problems = ()
    return f"{UNREADABLE}: {problems[0].Message()}" if problems else UNREADABLE


def _atom_lines(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Symbol and coordinates of each atom line as text; nothing for a text without such lines."""
    if any(line.startswith("M  V30 BEGIN ATOM") for line in lines):
        rows = [line.split()[2:] for line in lines if line.startswith("M  V30 ")]  # M V30 number symbol x y z
        first = next((index for index, row in enumerate(rows) if row[:2] == ["BEGIN", "ATOM"]), len(rows))
        last = next((index for index, row in enumerate(rows) if row[:2] == ["END", "ATOM"]), len(rows))
        yield from ((row[1], row[2:5]) for row in rows[first + 1 : last] if len(row) > 4)
    elif len(lines) > 3 and lines[3][:3].strip().isdecimal():
        rows = [line.split() for line in lines[4 : 4 + int(lines[3][:3])]]  # x y z symbol
        yield from ((row[3], row[:3]) for row in rows if len(row) > 3)


def _is_finite(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
