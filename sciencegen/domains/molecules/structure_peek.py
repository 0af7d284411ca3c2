"""Tests whether a file of molecules has 3D structures, by its suffix and its first records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from sciencegen.data.tables import PEEK_ROWS
from sciencegen.domains.molecules.files import ending, split_records
from sciencegen.domains.molecules.structure_files import read_structures
from sciencegen.errors import SciencegenError

_ATOM_LINE = re.compile(r"(?:M  V30 +\d+ +\S+)?" + 3 * r"\s*(-?\d+\.\d+)" + r"\s")


def holds_structures(path: Path) -> bool:
    """Whether a file has 3D structures. An .sdf may have 2D drawings, a table SMILES only; an .xyz always has them."""
    kind = ending(path)
    if kind.startswith(".csv") and path.is_file():
        try:
            return read_structures(path) is not None  # it reads the header, no row
        except SciencegenError:
            return False
    if kind.startswith(".sdf") and path.is_file():
        return any(map(_is_deep, (record for _, record in islice(split_records(path), PEEK_ROWS))))
    return kind.startswith(".xyz")


def _is_deep(record: Sequence[str]) -> bool:
    """Whether the second line of a molfile says 3D, or an atom has a z coordinate other than zero."""
    said = len(record) > 1 and record[1][20:22] == "3D"
    return said or any(float(atom[3]) != 0 for atom in map(_ATOM_LINE.match, record[4:]) if atom)
