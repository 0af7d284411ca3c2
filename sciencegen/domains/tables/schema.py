"""The columns of a table as found in its rows: what they hold, their categories, and the moments of their numbers."""

from __future__ import annotations

import csv
import io
import math
import re
import shlex
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Shaped

from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.tables.rows import (
    LARGEST,
    MOST_CATEGORIES,
    MOST_DIMENSIONS,
    MOST_NUMBERS,
    ArrayCell,
    TableCell,
    TableRow,
    are_dates,
    are_like_numbers,
    array_of,
    cell_of,
    date_after,
    example_with_unit,
    number,
    shortest,
)
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal

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
    date : str
        "day" or "time" if the numbers are the days since 1970-01-01 of dates without or with a time; "" for others.
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
    date: str = ""

    @property
    def numeric(self) -> bool:
        return self.kind != "category"

    def cell(self, value: float) -> TableCell:
        """A number in the column's precision, or its date; 0 for a negative one where the data have none."""
        if self.date:
            return date_after(value, self.date == "time")
        value = max(value, 0.0) if self.low >= 0 else value
        if self.kind != "number":
            return round(value)
        return float(f"{value:.7g}") if self.decimals < 0 else round(value, self.decimals) + 0.0

    def to_json(self) -> Json:
        plain = asdict(self) | {"categories": list(self.categories)}
        return plain if self.date else {name: value for name, value in plain.items() if name != "date"}


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
    if column.date not in ("", "day", "time"):
        return f"date {str(column.date)[:60]!r}"
    if column.numeric:
        one_kind = all(map(_is_finite, column.categories))
    else:
        one_kind = any(all(isinstance(cell, kind) for cell in column.categories) for kind in (str, bool))
    fits = one_kind and len(set(column.categories)) == len(column.categories) != 1
    return "" if fits and (column.numeric or column.categories) else f"the categories {str(column.categories)[:60]}"


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def fit_cells(
    cells: Mapping[str, Sequence[TableCell]], count: int, others: Sequence[str] = ()
) -> tuple[ColumnSchema, ...]:
    """The schema of columns; an error for too few rows, and for columns of which nothing can be learned.

    cells: those of each column that aren't missing. count: of rows. others: good columns that aren't among them.
    """
    if count < FEWEST_ROWS:
        raise DataError(f"Expected {FEWEST_ROWS} or more rows to learn from, got {count}. Add rows.")
    wrong = {name: reason for name, one in cells.items() if (reason := _useless(one))}
    names = [name for name in wrong if _are_names(cells[name])]
    if names and len(names) == len(wrong) < len(cells) + len(others):
        found = "; ".join(f"'{name}' {wrong[name]}" for name in names)
        warnings.warn(f"columns of names are kept in the data and not learned: {found}.", stacklevel=1)
        cells, wrong = {name: one for name, one in cells.items() if name not in wrong}, {}
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


def _are_names(cells: Sequence[TableCell]) -> bool:
    """Whether the cells are different texts that aren't meant as numbers: names, or codes such as 007."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    like_numbers = example_with_unit(texts) is not None or any(
        isinstance(cell_of(text, True), int | float) and text[:1] != "0" for text in texts
    )
    return len(texts) == len(cells) > 2 and len(set(texts)) > 2 and not like_numbers


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
    return any(isinstance(cell, str | bool) for cell in cells) and not are_dates(cells)


def _fit(name: str, cells: Sequence[TableCell]) -> ColumnSchema:
    if all(isinstance(cell, bool) for cell in cells):
        return ColumnSchema(name, "category", (False, True))
    if _is_category(cells):
        return ColumnSchema(name, "category", tuple(sorted(set(map(str, cells)))))
    values = np.array([number(cell) for cell in cells])
    if are_dates(cells):
        one = number_column(name, values, (), values.tolist())
        day = one.kind != "number"
        return replace(one, kind="whole" if day else "number", date="day" if day else "time", decimals=0)
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


# The columns of arrays as found in rows: shape, and what the numbers of each channel are.

FEW_CHANNELS = 4
"""An axis of at most so many places is one of channels."""
LONG = 4
"""A table that is so many times as long as wide is a series of channels."""
MOST_SAMPLED = 2000
"""Arrays of a column whose moments are taken, at most; they are evenly spaced among the rows."""
MOST_SAMPLED_NUMBERS = 10_000_000


def channel_axis(shape: Sequence[int]) -> int | None:
    """The axis of channels of an array; None for one without.

    Arrays are [time], [time channel], [height width], [height width channel] or [channel height width].
    """
    if len(shape) == 3:
        return 0 if shape[0] <= FEW_CHANNELS < shape[2] else 2
    return 1 if is_series(shape) and len(shape) == 2 else None


def is_series(shape: Sequence[int]) -> bool:
    """Whether an array is evidently a series: of one axis, of few channels, or far longer than wide."""
    return len(shape) == 1 or (len(shape) == 2 and (shape[1] <= FEW_CHANNELS or shape[0] >= LONG * shape[1]))


@dataclass(frozen=True)
class ArraySchema:
    """One column of arrays.

    Parameters
    ----------
    name : str
    shape : tuple of int
    channels : tuple of ColumnSchema
        Of the numbers of each channel; one if there is no axis of channels (`channel_axis`).
    """

    name: str
    shape: tuple[int, ...]
    channels: tuple[ColumnSchema, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def channel_of(self) -> Shaped[np.ndarray, " cell"]:
        """The channel of each number, in the order of the flat array."""
        axis = channel_axis(self.shape)
        if axis is None:
            return np.zeros(self.size, np.int64)
        return np.moveaxis(np.broadcast_to(np.arange(self.shape[axis]), _moved(self.shape, axis)), -1, axis).ravel()

    @cached_property
    def _scale(self) -> tuple[Float[np.ndarray, " cell"], Float[np.ndarray, " cell"]]:
        mean, std = (np.array([getattr(one, name) for one in self.channels]) for name in ("mean", "std"))
        return mean[self.channel_of], std[self.channel_of]

    def encode(self, cell: ArrayCell) -> Float[np.ndarray, " cell"] | Refusal:
        """Standardized numbers, NaN for unknown ones."""
        values = array_of(cell)
        if values.shape != self.shape:
            return Refusal(f"an array {list(values.shape)} in '{self.name}', expected {list(self.shape)}")
        for one, part in zip(self.channels, self._parts(values.ravel()), strict=True):
            if reason := _misfit(one, part[~np.isnan(part)]):
                return Refusal(f"{reason} in '{self.name}'")
        mean, std = self._scale
        return (values.ravel() - mean) / std

    def _parts(self, flat: Float[np.ndarray, " cell"]) -> list[Float[np.ndarray, " part"]]:
        """The numbers of each channel."""
        if len(self.channels) == 1:
            return [flat]
        return [flat[self.channel_of == channel] for channel in range(len(self.channels))]

    def decode(self, vector: Float[np.ndarray, " cell"]) -> ArrayCell | Refusal:
        """The array of standardized numbers, in the precision of the data."""
        mean, std = self._scale
        values = vector * std + mean
        if not (np.abs(values) <= LARGEST).all():
            return Refusal(f"a number that isn't finite or exceeds {LARGEST:g} in '{self.name}'")
        whole = all(one.kind != "number" for one in self.channels)
        for channel, one in enumerate(self.channels):
            chosen = self.channel_of == channel
            values[chosen] = _rounded(one, values[chosen])
        return (values.astype(np.int64) if whole else values).reshape(self.shape).tolist()

    def to_json(self) -> Json:
        channels = [{**one.to_json(), "name": str(at)} for at, one in enumerate(self.channels)]
        return {"name": self.name, "shape": list(self.shape), "channels": channels}


def _moved(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    """A shape with an axis at the end."""
    return (*(size for at, size in enumerate(shape) if at != axis), shape[axis])


def _misfit(channel: ColumnSchema, values: Float[np.ndarray, " part"]) -> str:
    """What a channel can't hold, "" if it can hold the numbers."""
    if channel.kind == "number":
        return ""
    if (odd := values[values != np.round(values)]).size:
        return f"{odd[0]:g}, expected whole numbers,"
    if channel.kind == "count" and (odd := values[values < 0]).size:
        return f"{odd[0]:g}, expected whole numbers from 0 on,"
    if channel.categories and (odd := values[~np.isin(values, np.array(channel.categories, float))]).size:
        return f"{odd[0]:g}, expected {channel.categories[0]} or {channel.categories[1]},"
    return ""


def _rounded(channel: ColumnSchema, values: Float[np.ndarray, " part"]) -> Float[np.ndarray, " part"]:
    """Numbers in a channel's precision; 0 for a negative one where the data have none (`ColumnSchema.cell`)."""
    values = np.maximum(values, 0.0) if channel.low >= 0 else values
    if channel.kind != "number":
        return np.rint(values)
    rounded = shortest(values.astype(np.float32)) if channel.decimals < 0 else np.round(values, channel.decimals)
    return rounded + 0.0


def load_array(data: Json) -> ArraySchema:
    """The inverse of `to_json`; a ValueError for a content that no column has."""
    shape, name = tuple(data["shape"]), data["name"]
    sizes = all(isinstance(size, int) and size > 0 for size in shape)
    if not sizes or not 1 <= len(shape) <= MOST_DIMENSIONS or math.prod(shape) > MOST_NUMBERS:
        raise ValueError(f"expected the shape of an array, found {str(shape)[:60]} in column {str(name)[:60]!r}")
    channels = tuple(map(load_column, data["channels"]))
    axis = channel_axis(shape)
    if not isinstance(name, str) or not name.strip() or len(channels) != (1 if axis is None else shape[axis]):
        raise ValueError(f"expected a name and {shape} of an array, found {len(channels)} channels")
    if not all(one.numeric for one in channels):
        raise ValueError(f"expected channels of numbers in column {name[:60]!r}, found categories")
    return ArraySchema(name, shape, channels)


@dataclass
class ArraySample:
    """The arrays of some rows, of which the schema is made. count: number of all rows."""

    count: int
    shapes: dict[str, Counter[tuple[int, ...]]] = field(default_factory=dict)
    arrays: dict[str, list[Float[np.ndarray, "..."]]] = field(default_factory=dict)

    @cached_property
    def _chosen(self) -> frozenset[int]:
        return frozenset(evenly_spaced(self.count, MOST_SAMPLED).tolist())

    def without(self, place: int, row: TableRow) -> TableRow:
        """The row at a place without its arrays, of which some are kept."""
        found = {name: cell for name, cell in row.items() if isinstance(cell, list)}
        if not found:
            return row
        for name, cell in found.items():
            values = array_of(cell)
            self.shapes.setdefault(name, Counter())[values.shape] += 1
            kept = self.arrays.setdefault(name, [])
            if not kept or (place in self._chosen and len(kept) * values.size < MOST_SAMPLED_NUMBERS):
                kept.append(values.astype(np.float32))
        return {name: cell for name, cell in row.items() if name not in found}

    def schema(self, others: Mapping[str, object]) -> tuple[ArraySchema, ...]:
        """The columns of arrays. others: the known cells of other columns by name."""
        if mixed := next((name for name in self.shapes if others.get(name)), None):
            raise DataError(f"Expected arrays in all cells of '{mixed}', got others too. Leave those rows or it out.")
        return tuple(
            _fit_arrays(name, shapes.most_common(1)[0][0], self.arrays[name]) for name, shapes in self.shapes.items()
        )


def _fit_arrays(name: str, shape: tuple[int, ...], arrays: Sequence[Float[np.ndarray, "..."]]) -> ArraySchema:
    fitting = [one for one in arrays if one.shape == shape]
    stack = shortest(np.stack(fitting)) if fitting else np.empty((0, *shape))
    known = stack[~np.isnan(stack)]
    if known.size == 0 or known.min() == known.max():
        found = "no number" if known.size == 0 else f"only {known[0]:g}"
        raise DataError(f"Expected arrays of different numbers in '{name}', got {found}. Leave that column out.")
    axis = channel_axis(shape)
    parts = [stack] if axis is None else list(np.moveaxis(stack, axis + 1, 0))
    levels = np.unique(known)
    two = tuple(map(int, levels)) if len(levels) == 2 and (levels == np.round(levels)).all() else ()
    channels = (_channel(str(at), part[~np.isnan(part)], two) for at, part in enumerate(parts))
    return ArraySchema(name, shape, tuple(channels))


def _channel(name: str, values: Float[np.ndarray, " number"], two: tuple[int, ...]) -> ColumnSchema:
    """The schema of a channel's numbers. two: the only ones of all channels, if they are two whole ones."""
    if not values.size:
        return ColumnSchema(name, "number", two, decimals=-1)
    return number_column(name, values, two, values[evenly_spaced(len(values), MOST_SAMPLED)].tolist())
