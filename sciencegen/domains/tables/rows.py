"""Items: rows of a table, as mappings from a column's name to a number, a text, a Boolean, an array of numbers (nested
lists), or None for a missing cell.

The text of a row is a JSON object: `{"age": 31, "city": "Oslo", "income": null, "pulse": [0.1, 0.4]}`. Numbers keep all
digits.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from sciencegen.data.tables import cells_by_column
from sciencegen.domains.columns import ISO_DATE, ORDERS, are_dates, days_of, iso_date
from sciencegen.items import REFUSED_ROW, Cell, Refusal
from sciencegen.optimization.goals import INDICATOR, class_as_number

# Cells that hold an array of numbers: nested lists, with None for an unknown number, as in JSON.

ArrayCell = list["ArrayCell | float | int | None"]
"""[time], [time channel], [height width] or [height width channel]."""

LARGEST = 1e18
"""Greatest magnitude of a number: the square of a greater one overflows in single precision."""
MOST_NUMBERS = 1 << 18
"""Most numbers of a cell."""
MOST_DIMENSIONS = 3
DIGITS = {2: 4, 4: 7}
"""Bytes of a number -> its decimal digits, of less than double precision."""


def array_of(cell: ArrayCell) -> Float[np.ndarray, "..."]:
    """The numbers, NaN for an unknown one."""
    return np.array(cell, dtype=np.float64)


def problem(cell: object) -> str:
    """Why a list is no array of numbers, "" if it is one."""
    try:
        values = np.array(cell)
    except (ValueError, OverflowError):
        return "lists of different lengths, or too deep"
    if values.size == 0:
        return "an empty list"
    if values.ndim > MOST_DIMENSIONS or values.size > MOST_NUMBERS:
        shape = f"an array of {values.ndim} dimensions and {values.size} numbers"
        return f"{shape}, expected at most {MOST_DIMENSIONS} and {MOST_NUMBERS}"
    if values.dtype.kind in "iub":
        return ""
    if values.dtype.kind == "O":  # None, or integers of more than 64 bits
        known = [one for one in values.ravel() if one is not None]
        if not all(isinstance(one, int | float) for one in known):
            return "a list of something else than numbers"
        values = np.array(known, np.float64) if all(abs(one) <= LARGEST for one in known) else np.array([np.inf])
    if values.dtype.kind != "f":
        return "a list of something else than numbers"
    return "" if (np.abs(values) <= LARGEST).all() else f"a number that isn't finite or exceeds {LARGEST:g}"


def plain_array(cell: ArrayCell) -> ArrayCell:
    """The same array for equal numbers, whole or real: 3 for 3.0."""
    return [
        plain_array(one) if isinstance(one, list) else int(one) if isinstance(one, float) and one.is_integer() else one
        for one in cell
    ]


def shortest(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Numbers as doubles, without the digits that single and half precision don't have: 0.1, not 0.10000000149."""
    double = values.astype(np.float64)
    if values.dtype.itemsize not in DIGITS:
        return double
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = 10.0 ** (DIGITS[values.dtype.itemsize] - 1 - np.floor(np.log10(np.abs(double))))
        rounded = np.rint(double * scale) / scale
    return np.where(np.isfinite(rounded), rounded, double)


def cells_of(rows: Shaped[np.ndarray, "row ..."]) -> list[ArrayCell | ValueError | None]:
    """The cells of an array; a ValueError for one with an infinity, None for one of unknown numbers only."""
    if rows.dtype.kind in "iub":
        return rows.astype(np.int64 if rows.dtype.kind == "b" else rows.dtype).tolist()
    double = shortest(rows)
    return double.tolist() if np.isfinite(double).all() else [_cell(one) for one in double]


def _cell(values: Float[np.ndarray, "..."]) -> ArrayCell | ValueError | None:
    if np.isinf(values).any():
        return ValueError("an infinite number")
    unknown = np.isnan(values)
    if unknown.all():
        return None
    objects = values.astype(object)
    objects[unknown] = None
    return objects.tolist()


def cell_of_list(found: list[object] | None) -> ArrayCell | ValueError | None:
    """The cell of a list in a file; NaN counts as unknown."""
    if found is None:
        return None
    try:
        values = np.array(found)
        values = values.astype(np.float64) if values.dtype.kind == "O" else values
    except (ValueError, TypeError, OverflowError):
        return ValueError("lists of different lengths, or of something else than numbers")
    if values.dtype.kind not in "iubf":
        return ValueError(problem(found))
    return cells_of(values[None])[0]


TableCell = bool | int | float | str | ArrayCell | None
TableRow = Mapping[str, TableCell]

LONGEST = 1000
"""Most characters of a text in a cell."""
MOST_COLUMNS = 10_000


def parse(text: str) -> TableRow | Refusal:
    """A row from its text."""
    if text.startswith(REFUSED_ROW):
        return Refusal(_reason(text))
    try:
        found = json.loads(text, parse_constant=float, object_pairs_hook=_object)
    except RepeatedName as error:
        return Refusal(f"two cells of the name '{error}'")
    except (ValueError, RecursionError):
        return Refusal('expected a row as a JSON object, such as {"age": 31, "city": "Oslo"}')
    if not isinstance(found, dict):
        return Refusal(f"expected a JSON object of columns, got {type(found).__name__}")
    if len(found) > MOST_COLUMNS:
        return Refusal(f"expected at most {MOST_COLUMNS} columns, got {len(found)}")
    for name, cell in found.items():
        if reason := _wrong(name, cell):
            return Refusal(reason)
    if all(cell is None for cell in found.values()):
        return Refusal("every cell is empty")
    return found


def refused(cells: Mapping[str, object], reason: str) -> str:
    """The text of a row that a reader refuses: `# cells: reason`."""
    return f"{REFUSED_ROW}{json.dumps(cells, ensure_ascii=False, default=str)}: {reason}"


def _reason(text: str) -> str:
    try:
        _, end = json.JSONDecoder().raw_decode(text, len(REFUSED_ROW))
    except (ValueError, RecursionError):
        return "expected a row as a JSON object"
    return text[end:].removeprefix(": ")


class RepeatedName(ValueError):
    """A name that stands twice in a JSON object: `json` would lose the first of its cells."""


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RepeatedName(next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1))
    return found


def _wrong(name: str, cell: object) -> str:
    """Why a cell can't be used, "" if it can."""
    if not name.strip():
        return "expected a name for each column, got an empty one"
    if not _is_utf8(name) or (isinstance(cell, str) and not _is_utf8(cell)):
        return f"half of a character (a surrogate) in {name!a} or its cell"
    if cell is None or isinstance(cell, bool):
        return ""
    if isinstance(cell, str):
        return "" if len(cell) <= LONGEST else f"{len(cell)} characters in '{name}', expected at most {LONGEST}"
    if isinstance(cell, list):
        return f"{reason} in '{name}'" if (reason := problem(cell)) else ""
    if not isinstance(cell, int | float):
        return f"'{name}' holds neither a number nor a text"
    if isinstance(cell, float) and not math.isfinite(cell):
        return f"{cell} in '{name}', expected a finite number or an empty cell"
    if abs(cell) <= LARGEST:
        return ""
    shown = f"{cell:g}" if isinstance(cell, float) else f"a whole number of {len(str(abs(cell)))} digits"
    return f"{shown} in '{name}', expected at most {LARGEST:g} in magnitude"


def _is_utf8(text: str) -> bool:
    """Whether a text can be written: JSON may hold single surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(row: TableRow) -> str:
    """The row as JSON, in the order of its columns."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def key(row: TableRow) -> str:
    """Identity: equal cells, in any order of the columns; missing cells don't count."""
    return json.dumps({name: _plain(row[name]) for name in sorted(row) if row[name] is not None}, ensure_ascii=False)


def _plain(cell: TableCell) -> TableCell:
    """3.0 and 3 are one number, True and 1 are not."""
    if isinstance(cell, list):
        return plain_array(cell)
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def cells(row: TableRow) -> dict[str, Cell]:
    """The cells of a row for a table, arrays as their JSON."""
    return {name: json.dumps(cell) if isinstance(cell, list) else cell for name, cell in row.items()}


def known_cells(rows: Sequence[TableRow]) -> dict[str, list[TableCell]]:
    """The cells of each column that aren't missing."""
    return {name: [cell for cell in cells if cell is not None] for name, cells in cells_by_column(rows).items()}


def add_known(cells: dict[str, list[TableCell]], row: TableRow) -> None:
    """Add the cells of a row that aren't missing to those of each column. Equal texts are one object."""
    for name, cell in row.items():
        column = cells.setdefault(name, [])
        if cell is not None:
            column.append(sys.intern(cell) if isinstance(cell, str) else cell)


def number(cell: TableCell) -> float:
    """The number in a cell, NaN without one; a Boolean is 0 or 1, a date its days since 1970-01-01."""
    if isinstance(cell, str):
        return days_of(cell)
    return math.nan if cell is None or isinstance(cell, list) else float(cell)


def are_texts(cells: Sequence[TableCell]) -> bool:
    """Whether some cells are texts. Where all are dates, they are numbers."""
    return any(isinstance(cell, str) for cell in cells) and not are_dates(cells)


_ASKED_DATE = re.compile(r"(?<=[=<>\s.])" + ISO_DATE.pattern + r"(?![\w-])")


def goal(text: str) -> str:
    """A condition `city = Oslo` as `city:Oslo = 1`, and dates as days; conditions on numbers are unchanged."""
    text = _ASKED_DATE.sub(lambda match: match[0] if math.isnan(days := days_of(match[0])) else f"{days:.12g}", text)
    return class_as_number(text)


def value(row: TableRow, name: str) -> float:
    """A column's number, or that of an indicator; NaN where the cell is missing or the row has no such column."""
    if name in row:
        return number(row[name])
    places = (at for at, mark in enumerate(name) if mark == INDICATOR)
    for at in places:
        if (cell := row.get(name[:at])) is not None:
            return float(str(cell) == name[at + 1 :])
    return math.nan


def without(text_of_row: str, name: str) -> str:
    """The text of a row without a column; a text that is no row is unchanged."""
    row = parse(text_of_row)
    return text_of_row if isinstance(row, Refusal) else text({one: cell for one, cell in row.items() if one != name})


# What the columns of a file hold: numbers or texts, found by one pass over all of its cells, in constant memory.

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "--", "."})
"""Texts of a missing cell, in lower case."""
MOST_CATEGORIES = 100
"""A column with more different texts holds no categories."""
MOSTLY = 0.9
"""A column with this share of numbers among its cells is one of numbers; texts in it are errors."""
MANY = 0.01
"""Marks of missing values of this share of a column's cells are told of columns of texts."""
FEWEST_NUMBERED = 10
"""Rows from which a column that counts them is told."""
_CODE = re.compile(r"[+-]?0\d")
"""A number with a leading zero is a code, such as a post code."""
_LIKE_NUMBER = re.compile(r"[^\w\s]?\s?\d")


@dataclass
class ColumnCells:
    """Counts of a column's cells.

    numbers, texts: nonempty cells that are numbers, and others; codes: numbers with a leading zero; arrays: texts that
    begin as a list; marks: the different marks of a missing value, with their counts. categories: different cells, at
    most `MOST_CATEGORIES` + 1. dates: texts that are dates, in each order of day and month. next: one more
    than the last number, NaN if the numbers don't count up by 1.
    """

    numbers: int = 0
    texts: int = 0
    codes: int = 0
    arrays: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    categories: dict[str, None] = field(default_factory=dict)
    dates: Counter[str] = field(default_factory=Counter)
    next: float | None = None

    def add(self, cell: str, decimal: str = ".") -> None:
        """Count one cell."""
        if is_missing(cell):
            if cell:
                self.marks[cell] += 1
            return
        value = _float(cell, decimal)
        if value is None:
            self.texts += 1
            self.arrays += cell.startswith("[")
            self.dates.update(order for order in ORDERS if iso_date(cell, order) is not None)
        else:
            self.next = value + 1 if self.next in (None, value) else math.nan
            self.numbers += 1
            self.codes += _CODE.match(cell) is not None
        if len(self.categories) <= MOST_CATEGORIES:
            self.categories[cell] = None

    @property
    def numbers_rows(self) -> bool:
        """Whether the cells are whole numbers that count the rows, from 0 or 1 on, without gaps."""
        if self.next is None or self.texts or self.numbers < FEWEST_NUMBERED:
            return False
        return self.next in (self.numbers, self.numbers + 1) and not self.marks

    @property
    def orders(self) -> list[str]:
        """Orders of day and month by which the column is one of dates: none for another, several where it can't be
        told."""
        found = [order for order in ORDERS if self.dates[order] >= max(1.0, MOSTLY * (self.numbers + self.texts))]
        return [order for order in found if self.dates[order] == max(self.dates[one] for one in found)]

    @property
    def holds_arrays(self) -> bool:
        """Whether the column is one of arrays."""
        return self.arrays > 0 and self.arrays >= MOSTLY * (self.numbers + self.texts)

    @property
    def has_doubtful_gaps(self) -> bool:
        """Whether marks of missing values are so many among texts that they may be a category, such as None."""
        marked = self.marks.total()
        return self.texts > 0 and not self.numeric and marked >= MANY * (marked + self.texts + self.numbers)

    @property
    def numeric(self) -> bool:
        """Whether the column is one of numbers."""
        if self.codes:
            return False
        return self.numbers > 0 and self.numbers >= MOSTLY * (self.numbers + self.texts)


def is_missing(cell: str) -> bool:
    """Whether a cell is empty, or a usual mark of a missing value."""
    return not cell or (len(cell) < 5 and cell.lower() in MISSING)


def count_cells(records: Iterable[Sequence[str]], width: int, decimal: str = ".") -> list[ColumnCells]:
    """The counts of each column of records that have as many cells as the header."""
    columns = [ColumnCells() for _ in range(width)]
    for record in records:
        if len(record) == width:
            for column, cell in zip(columns, record, strict=True):
                column.add(cell.strip(), decimal)
    return columns


def cell_of(text: str, numeric: bool, decimal: str = ".") -> TableCell | ValueError:
    """The content of a cell; a ValueError for a text in a column of numbers, or a number that isn't finite."""
    if is_missing(text):
        return None
    if not numeric:
        return text
    found = _float(text, decimal)
    if found is None or not math.isfinite(found):
        return ValueError(text)
    return int(found) if found.is_integer() and text.lstrip("+-").isdigit() and abs(found) < 2**53 else found


def date_cell(text: str, order: str) -> TableCell | ValueError:
    """The date in a cell, in ISO 8601."""
    return None if is_missing(text) else iso_date(text, order) or ValueError(text)


def array_cell(text: str) -> TableCell | ValueError:
    """The array in a cell, as JSON."""
    if is_missing(text):
        return None
    try:
        found = json.loads(text, parse_constant=float)
    except (ValueError, RecursionError):
        return ValueError(text)
    return cell_of_list(found) if isinstance(found, list) else ValueError(text)


def are_like_numbers(cells: Sequence[TableCell]) -> bool:
    """Whether most texts among cells begin as a number, such as dates, `5 kg` and `$5`."""
    texts = [str(cell) for cell in cells if isinstance(cell, str)]
    return 2 * sum(_LIKE_NUMBER.match(text) is not None for text in texts) > len(texts)


def example_with_unit(categories: Sequence[str]) -> str | None:
    """A text of a category whose texts may be meant as numbers, such as '5 kg' or a date; None if they aren't like
    numbers, or all are codes such as '007'."""
    if not are_like_numbers(categories):
        return None
    return next((text for text in categories if _float(text, ".") is None), None)


def _float(text: str, decimal: str) -> float | None:
    if "_" in text:  # Python would read 2020_01 as a number
        return None
    try:
        return float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return None
