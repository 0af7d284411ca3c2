"""Records of items that all modules share: properties, refusals, origins, rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Item = Any
"""An object of the domain: an RDKit molecule, a sequence, an image with its header. Only the domain interprets it."""

Given = object
"""What Python callers pass as items: a text, an object of the science's own libraries, several of these, or a pandas
Series or DataFrame."""

Reference = Any
"""The reference of items that are named as its variants (proteins: a sequence with the number of its first residue).
Only the domain interprets it."""

Cell = Any
"""A cell of a table: text, a number, a Boolean, or None if it is empty."""

Json = dict[str, Any]
"""A JSON object: mappings, lists, text, numbers, Booleans and None."""

Direction = Literal["maximize", "minimize"]
"""Whether greater or smaller values are better."""

VARIANT_COLUMNS = ("mutant", "mutants", "mutation", "variant", "variants")
"""Names of columns with items named as variants of a reference, most preferred first."""

NAMES_OR_COUNTS = "mutations"
"""Another such name, used only if there is no other: the column may also contain numbers of mutations."""

NAME_COLUMN = VARIANT_COLUMNS[0]
"""The name of this column in tables that sciencegen writes."""

JOURNAL_COLUMNS = ("round", "item", "kind", "value", "value_sd", "predicted", "lower", "upper", "source")
"""Columns that each journal of a campaign has."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why an item can't be used, as written to the rejects table."""

    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a file's items, for formats that can store it.

    verb: of the command. model: its name, "" for none. weights: their sha256. asked: goals and conditions as the user
    wrote them, and the start items. made: whether all items were made by a model; otherwise some may be given ones.
    notes: what else a reader of the file should know.
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
    direction: which values are better by common consent, None if it depends on the goal.
    tolerance: half-width within which `--where name=value` counts as satisfied.
    possible: the range of possible values, whatever the data; a request for another value is an error.
    observed: whether it is computed from an observation of the item by an instrument.
    share_of: what it is a share of, "" for other properties: the shares of one whole sum to at most 1.
    unknown: why items have no value of it, if there is one usual reason.
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
    share_of: str = ""
    unknown: str = ""


BOUND = re.compile(r"(<=?|>=?|=<|=>|≤|≥)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
"""Measurements that are only bounds, beyond an instrument's range."""

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""Numbers whose comma may be a decimal mark or a thousands separator: 1,500."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A censored measurement. sign: ">" if the quantity is at least the value, "<" if it is at most the value."""

    sign: Literal["<", ">"]
    value: float


LEADING_ZEROS = re.compile(r"[+-]?0\d+")
"""Whole numbers with leading zeros, which are codes rather than values: 007."""


def number_of(cell: str) -> float | None:
    """The finite number in a cell; None for another text, for a code such as 007, and for 1_000, which Python alone
    takes for a number.

    Examples
    --------
    >>> number_of("1.5"), number_of("007"), number_of("10_2"), number_of("nan")
    (1.5, None, None, None)
    """
    if "_" in cell or LEADING_ZEROS.fullmatch(cell.strip()):
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers_and_texts(cells: Iterable[tuple[str, str]]) -> tuple[dict[str, float], dict[str, str]]:
    """The numbers by name, as in `Row.values`, and the other texts that aren't empty, as in `Row.unread`: those of a
    name with two different texts are no number.

    Examples
    --------
    >>> numbers_and_texts([("kd", "5"), ("ki", ">5"), ("logp", "1"), ("logp", "2"), ("note", "")])
    ({'kd': 5.0}, {'ki': '>5', 'logp': '1; 2'})
    """
    texts: dict[str, dict[str, None]] = {}
    for name, cell in cells:
        if text := cell.strip():
            texts.setdefault(name, {})[text] = None
    parsed = {name: number_of("; ".join(found)) for name, found in texts.items()}
    return (
        {name: number for name, number in parsed.items() if number is not None},
        {name: "; ".join(texts[name])[: 2 * LONGEST_CELL] for name, number in parsed.items() if number is None},
    )


def bound_of(cell: str) -> Bound | None:
    """The bound in a cell such as `>5`, `<= 0.1` or `≥2`; None if it holds something else.

    Examples
    --------
    >>> bound_of("> 5"), bound_of("≤0.1"), bound_of("5")
    (Bound(sign='>', value=5.0), Bound(sign='<', value=0.1), None)
    """
    match = BOUND.fullmatch(cell.strip())
    if match is None or not math.isfinite(value := float(match[2])):
        return None
    return Bound(">" if match[1].strip("=") in (">", "≥") else "<", value)


def none_if_nan(value: float) -> float | None:
    """The value; None for NaN, which JSON and scores lack.

    Examples
    --------
    >>> none_if_nan(0.5), none_if_nan(float("nan"))
    (0.5, None)
    """
    return None if value != value else value


LONGEST_CELL = 40


REFUSED_ROW = "# "
"""How the text of a row begins that a reader refuses, `# item: reason`, so that it is listed among the rejects."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a user's file. `line`: line number from 1, as in an editor (Parquet, SDF: the record's number); `id`:
    the item's name in the file, "" if it has none; `unread`: nonempty cells of columns of numbers that are not finite
    numbers, where bounds such as `>5` have a decimal point (in SDF and FASTA: all values that are no number); `cells`:
    the whole row of a table, if requested."""

    line: int
    text: str
    values: Mapping[str, float] = field(default_factory=dict)
    id: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)

    def why_no_number(self, column: str) -> str:
        """Why the row has no number in a column."""
        if column not in self.unread:
            return f"no number in '{column}'"
        cell = self.unread[column]
        remedy = ""
        if bound_of(cell) is not None:
            remedy = "; only measurements of design rounds may be bounds: leave the cell empty, or write a number"
        elif LEADING_ZEROS.fullmatch(cell):
            remedy = f"; leading zeros are those of a code, write {int(cell)} if it is a number"
        elif DECIMAL_COMMA.fullmatch(cell):
            point = cell.replace(",", ".")
            point += f" or {cell.replace(',', '')}, whichever it is" if THOUSANDS.fullmatch(cell) else ""
            remedy = f"; write {point}, or part the table's cells by ; where commas are decimal marks"
        return f"'{cell[:LONGEST_CELL]}' in '{column}', expected a finite number or an empty cell{remedy}"


# Parts of a file with arrays of images, which `compress` codes.


@dataclass(frozen=True)
class ArchiveMember:
    """The start of a file in an archive. most: bytes that it has at most, as far as that is known."""

    name: str
    most: int = 0


@dataclass(frozen=True)
class ImagePart:
    """An array of images in a file, or of a large one that is read a part. array: with the file's byte order. exact: it
    is never coded with loss."""

    array: np.ndarray
    exact: bool = False


Part = bytes | ArchiveMember | ImagePart
"""The parts of a file in order. Bytes and arrays one after the other are its content."""
