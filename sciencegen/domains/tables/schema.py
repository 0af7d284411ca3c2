"""The columns of a table as found in its rows: what they hold, their categories, and the moments of their numbers."""

from __future__ import annotations

import csv
import io
import math
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

import numpy as np

from sciencegen.domains.tables.cells import MOST_CATEGORIES, are_like_numbers, cell_of
from sciencegen.domains.tables.rows import TableCell, number
from sciencegen.errors import DataError
from sciencegen.items import Json

Kind = Literal["number", "whole", "count", "category"]
"""Real numbers, whole ones, whole ones from 0 on, and texts or Booleans."""
FEW_LEVELS = 10
"""Whole numbers with at most so many different values may be classes."""
FEWEST_ROWS = 10
_NUMBERED = re.compile(r"(.*?\D)\d+")
"""Names of the columns of an array [row column]."""
SMALL = 0.05
"""Quantile of the positive numbers that is added to numbers from 0 on before their logarithm is taken."""
MOST_DECIMALS = 6
DIGITS = 12
"""Of real numbers; further ones are rounding errors, as in 6.890000000000001."""
NUMBERS = ("mean", "std", "log_mean", "log_std", "shift", "low", "high")
"""Fields of a column that are finite numbers."""
CONSTANT = 1e-12
"""A standard deviation below this share of the mean is rounding error."""


@dataclass(frozen=True)
class ColumnSchema:
    """One column.

    Parameters
    ----------
    name : str
    kind : str
    categories : tuple
        The texts or Booleans of a category; the numbers of a column of few whole ones, in ascending order.
    mean, std : float
        Of the numbers; 0 and 1 for categories.
    log_mean, log_std : float
        Of log(x + shift) of numbers from 0 on.
    shift : float
        1 for counts; 0 for positive numbers; for others from 0 on a small one of them.
    low, high : float
        Range of the numbers.
    decimals : int
        Most decimals of the numbers; -1 if there are more than `MOST_DECIMALS`.
    """

    name: str
    kind: Kind
    categories: tuple[TableCell, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    log_mean: float = 0.0
    log_std: float = 1.0
    shift: float = 0.0
    low: float = 0.0
    high: float = 1.0
    decimals: int = 0

    @property
    def numeric(self) -> bool:
        return self.kind != "category"

    def cell(self, value: float) -> TableCell:
        """A number in the column's precision; 0 for a negative one where the data have none."""
        value = max(value, 0.0) if self.low >= 0 else value
        if self.kind != "number":
            return round(value)
        return float(f"{value:.7g}") if self.decimals < 0 else round(value, self.decimals) + 0.0

    def to_json(self) -> Json:
        return asdict(self) | {"categories": list(self.categories)}


def load_column(data: Json) -> ColumnSchema:
    """The inverse of `to_json`; a ValueError for a content that no column has."""
    column = ColumnSchema(**{**data, "categories": tuple(data["categories"])})
    if reason := _contradiction(column):
        raise ValueError(f"expected columns as `train` writes them, found {reason} in column {str(column.name)[:60]!r}")
    return column


def _contradiction(column: ColumnSchema) -> str:
    """What no fitted column has, "" for nothing."""
    if not isinstance(column.name, str) or not column.name.strip() or column.kind not in get_args(Kind):
        return f"kind {str(column.kind)[:60]!r}"
    numbers = {name: getattr(column, name) for name in NUMBERS}
    if odd := [name for name, one in numbers.items() if not _is_finite(one)]:
        return f"{odd[0]} {str(numbers[odd[0]])[:60]!r}"
    if min(column.std, column.log_std) <= 0 or column.shift < 0 or column.low > column.high:
        return f"the moments {numbers}"
    if not isinstance(column.decimals, int) or not -1 <= column.decimals <= MOST_DECIMALS:
        return f"{str(column.decimals)[:60]} decimals"
    one_kind = all(map(_is_finite, column.categories)) if column.numeric else _are_categories(column.categories)
    fits = one_kind and len(set(column.categories)) == len(column.categories) != 1
    return "" if fits and (column.numeric or column.categories) else f"the categories {str(column.categories)[:60]}"


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _are_categories(cells: Sequence[TableCell]) -> bool:
    return all(isinstance(cell, str) for cell in cells) or all(isinstance(cell, bool) for cell in cells)


def fit_cells(
    cells: Mapping[str, Sequence[TableCell]], count: int, others: Sequence[str] = ()
) -> tuple[ColumnSchema, ...]:
    """The schema of columns; an error for too few rows, and for columns of which nothing can be learned.

    cells: those of each column that aren't missing. count: of rows. others: good columns that aren't among them.
    """
    if count < FEWEST_ROWS:
        raise DataError(f"Expected {FEWEST_ROWS} or more rows to learn from, got {count}. Add rows.")
    wrong = {name: reason for name, one in cells.items() if (reason := _useless(one))}
    if wrong:
        good = [*(name for name in cells if name not in wrong), *others]
        found = "; ".join(f"'{name}' {reason}" for name, reason in wrong.items())
        remedy = f"Name the others: `column` {_listed(good)}" if good else "Add a column of numbers or categories"
        if good and any(_names_rows(cells[name], count) for name in wrong):
            remedy = f"{remedy}, or call the column that names the rows 'id'"
        if any(are_like_numbers(cells[name]) for name in wrong):
            remedy = f"Write numbers without units, and dates as numbers. {remedy}"
        raise DataError(
            f"Expected columns of different numbers, or of 2 to {MOST_CATEGORIES} categories, got: {found}. {remedy}."
        )
    return _with_levels_of_siblings([_fit(name, one) for name, one in cells.items()])


def _names_rows(cells: Sequence[TableCell], count: int) -> bool:
    """Whether each row has a text of its own."""
    return len(cells) == count == len(set(cells)) and all(isinstance(cell, str) for cell in cells)


def _with_levels_of_siblings(columns: Sequence[ColumnSchema]) -> tuple[ColumnSchema, ...]:
    """Columns `name0`, `name1`, ... of whole numbers are parts of one array: they are classes if all are, of the same
    numbers, so that a count that is rare in one of them isn't refused there."""
    siblings: dict[str, list[ColumnSchema]] = {}
    for column in columns:
        if column.kind in ("count", "whole") and (match := _NUMBERED.fullmatch(column.name)):
            siblings.setdefault(match[1], []).append(column)
    levels: dict[str, tuple[TableCell, ...]] = {}
    for group in siblings.values():
        union = sorted({number(level) for column in group for level in column.categories})
        few = all(column.categories for column in group) and len(union) <= FEW_LEVELS
        if len(group) > 1:
            levels |= dict.fromkeys((column.name for column in group), tuple(map(int, union)) if few else ())
    return tuple(replace(column, categories=levels.get(column.name, column.categories)) for column in columns)


def _useless(cells: Sequence[TableCell]) -> str:
    """Why nothing can be learned of a column, "" if something can."""
    different = len(set(map(str, cells)))
    if different < 2:
        return "is empty" if not cells else f"holds only {str(cells[0])[:40]!r}"
    if _is_category(cells) and (different > MOST_CATEGORIES or different > max(2.0, len(cells) / 2)):
        numbers = sum(isinstance(cell_of(str(cell), True), int | float) for cell in cells)
        among = f", {numbers} of them numbers" if numbers else ""
        example = next((cell for cell in cells if isinstance(cell_of(str(cell), True), ValueError)), cells[0])
        return f"has {different} different texts in {len(cells)} rows{among}, such as {str(example)[:40]!r}"
    return ""


def _is_category(cells: Sequence[TableCell]) -> bool:
    return any(isinstance(cell, str | bool) for cell in cells)


def _fit(name: str, cells: Sequence[TableCell]) -> ColumnSchema:
    if all(isinstance(cell, bool) for cell in cells):
        return ColumnSchema(name, "category", (False, True))
    if _is_category(cells):
        return ColumnSchema(name, "category", tuple(sorted(set(map(str, cells)))))
    values = np.array([number(cell) for cell in cells])
    levels = np.unique(values)
    whole, few = _kind(values) != "number", len(levels) <= min(FEW_LEVELS, len(values) / 3)
    return number_column(name, values, tuple(map(int, levels)) if whole and few else (), cells)


def number_column(name: str, values: np.ndarray, levels: tuple[int, ...], cells: Sequence[TableCell]) -> ColumnSchema:
    """The schema of numbers. levels: the few different ones, if they may be classes. cells: some, for decimals."""
    kind = _kind(values)
    mean, std = _moments(values)
    low, high = float(values.min()), float(values.max())
    shift = 1.0 if kind == "count" else 0.0 if low != 0 else float(np.quantile(values[values > 0], SMALL))
    log_mean, log_std = _moments(np.log(values + shift)) if low >= 0 else (0.0, 1.0)
    decimals = _decimals(cells) if kind == "number" else 0
    return ColumnSchema(name, kind, levels, mean, std, log_mean, log_std, shift, low, high, decimals)


def _kind(values: np.ndarray) -> Kind:
    if (values != np.round(values)).any():
        return "number"
    return "count" if values.min() >= 0 else "whole"


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation; that of a constant becomes 1."""
    mean, std = float(values.mean()), float(values.std())
    return mean, std if std > CONSTANT * abs(mean) else 1.0


def _listed(names: Sequence[str]) -> str:
    """Names of columns for a shell: parted by commas, those with commas quoted."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def _decimals(cells: Sequence[TableCell]) -> int:
    """Most decimals in the shortest text of a number, -1 for more than `MOST_DECIMALS`."""
    most = 0
    for cell in cells:
        text = repr(float(f"{cell:.{DIGITS}g}") if isinstance(cell, float) else cell)
        if "e" in text or math.isinf(number(cell)):
            return -1
        most = max(most, len(text.partition(".")[2]) if not text.endswith(".0") else 0)
        if most > MOST_DECIMALS:
            return -1
    return most
