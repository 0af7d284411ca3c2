"""The columns of a table as found in its rows: what they hold, their categories, and the moments of their numbers."""

from __future__ import annotations

import csv
import io
import math
import re
import shlex
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Shaped

from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.columns import ColumnSchema, are_dates, load_column, number_column, unfit
from sciencegen.domains.tables.rows import (
    LARGEST,
    MOST_CATEGORIES,
    MOST_DIMENSIONS,
    MOST_NUMBERS,
    ArrayCell,
    TableCell,
    TableRow,
    are_like_numbers,
    are_texts,
    array_of,
    cell_of,
    example_with_unit,
    number,
    shortest,
)
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal

FEW_LEVELS = 10
"""Whole numbers with at most so many different values may be classes."""
FEWEST_ROWS = 10
_NUMBERED = re.compile(r"(.*?\D)\d+")
"""Names of the columns of an array [row column]."""


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
    levels: dict[str, tuple[int, ...]] = {}
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
    return are_texts(cells) or any(isinstance(cell, bool) for cell in cells)


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
    whole, few = bool((values == np.round(values)).all()), len(levels) <= min(FEW_LEVELS, len(values) / 3)
    return number_column(name, values, tuple(map(int, levels)) if whole and few else (), cells)


def _listed(names: Sequence[str]) -> str:
    """Names of columns for a shell: parted by commas, those with commas quoted."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


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
            if reason := unfit(one, part[~np.isnan(part)]):
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
