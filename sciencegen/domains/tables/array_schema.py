"""The columns of arrays as found in rows: shape, and what the numbers of each channel are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Shaped

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.tables.array_cells import MOST_DIMENSIONS, MOST_NUMBERS, ArrayCell, array_of, shortest
from sciencegen.domains.tables.rows import LARGEST, TableRow
from sciencegen.domains.tables.schema import ColumnSchema, load_column, number_column
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal

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
        return tuple(_fit(name, shapes.most_common(1)[0][0], self.arrays[name]) for name, shapes in self.shapes.items())


def _fit(name: str, shape: tuple[int, ...], arrays: Sequence[Float[np.ndarray, "..."]]) -> ArraySchema:
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
