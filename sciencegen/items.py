"""Records of items that all modules share: properties, refusals, origins, rows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Item = Any
"""What the scientist holds: an RDKit molecule, a sequence, an image with its header. Only its domain looks inside."""

Reference = Any
"""What items are named against, as the domain reads it (proteins: a sequence with the number of its first residue).
Only the domain looks inside."""

Cell = Any
"""A cell of a table: text, a number, a truth value, or None where it is empty."""

Json = dict[str, Any]
"""A JSON object: mappings, lists, text, numbers, truth values and None."""

Direction = Literal["maximize", "minimize"]
"""Which end of a number is better."""

VARIANT_COLUMNS = ("mutant", "mutants", "mutation", "variant", "variants")
"""Names of a table's column in which items are named against another, most preferred first."""

NAMES_OR_COUNTS = "mutations"
"""Another such name, the last to be taken: the column may as well say how many."""

NAME_COLUMN = VARIANT_COLUMNS[0]
"""That of our own tables."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item can't be used; it goes to the rejects table."""

    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """How a file's items came to be, for formats with a place for it.

    verb: of the command. model: its name, "" for none. weights: their sha256. asked: goals and conditions as the user
    wrote them, and what was begun with. made: that a model made every item; else some may be given ones. notes: what
    else a reader of the file alone should know.
    """

    verb: str
    model: str = ""
    weights: str = ""
    seed: int | None = None
    asked: tuple[str, ...] = ()
    made: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Property:
    """A number that the domain computes from an item.

    unit: "" for a pure number. low, high: the range that the domain's data covers (for axes and checks).
    direction: which end is better by common consent, None where it depends on the goal.
    tolerance: half-width within which `--where name=value` counts as satisfied.
    possible: what it can be at all, whatever the data: to ask for anything else is an error.
    observed: that it is of an observation, and measured of items as an instrument sees them.
    """

    name: str
    unit: str
    low: float
    high: float
    direction: Direction | None
    tolerance: float
    description: str
    integer: bool = False
    possible: tuple[float, float] = (-math.inf, math.inf)
    observed: bool = False


BOUNDS = ("<", ">", "≤", "≥")
"""With which a measurement beyond an instrument's range begins."""

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""What may be either: 1,500."""

LONGEST_CELL = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a user's file. `line` counts from 1 as an editor does (Parquet, SDF: the record's number); `id` is
    the name that the file gives the item, "" where it gives none; `unread`: what columns of numbers hold that is
    neither a finite number nor nothing; `cells`: the whole row of a table, where that was asked for."""

    line: int
    text: str
    values: Mapping[str, float] = field(default_factory=dict)
    id: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)

    def why_no_number(self, column: str) -> str:
        """Why the row has none in a column."""
        if column not in self.unread:
            return f"no number in '{column}'"
        cell = self.unread[column]
        remedy = ""
        if cell.startswith(BOUNDS):
            remedy = "; a bound is no measurement and teaches nothing, leave the cell empty"
        elif DECIMAL_COMMA.fullmatch(cell):
            point = cell.replace(",", ".")
            point += f" or {cell.replace(',', '')}, whichever it is" if THOUSANDS.fullmatch(cell) else ""
            remedy = f"; write {point}, or part the table's cells by ; where commas are decimal marks"
        return f"'{cell[:LONGEST_CELL]}' in '{column}', expected a finite number or an empty cell{remedy}"
