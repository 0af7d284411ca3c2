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
from collections.abc import Mapping, Sequence

from sciencegen.data.rows import cells_by_column
from sciencegen.domains.tables.array_cells import LARGEST, ArrayCell, plain_array, problem
from sciencegen.items import REFUSED_ROW, Cell, Refusal

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
    """The number in a cell, NaN without one; a Boolean is 0 or 1."""
    return math.nan if cell is None or isinstance(cell, str | list) else float(cell)


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(\s*(\+-|\+/-|±).*)?")
"""A number, perhaps with a tolerance."""
INDICATOR = ":"
"""`city:Oslo` is 1 where the city is Oslo, 0 where it is another, and missing where it is unknown."""


def indicator(column: str, category: str) -> str:
    """The name of the number that says whether a column holds a category."""
    return f"{column}{INDICATOR}{category}"


_EQUALS_TEXT = re.compile(r"(?P<column>[^<>=!]*[^<>=!\s])\s*=\s*(?P<category>[^<>=!]*[^<>=!\s])")


def goal(text: str) -> str:
    """A condition `city = Oslo` as `city:Oslo = 1`; conditions on numbers are unchanged."""
    found = _EQUALS_TEXT.fullmatch(text.strip())
    if found is None or _NUMBER.fullmatch(found["category"]):
        return text
    return f"{indicator(found['column'], found['category'])} = 1"


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
