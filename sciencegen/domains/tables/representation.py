"""Rows as vectors of standardized numbers and indices of categories, NaN where a cell is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sciencegen.domains import standardization
from sciencegen.domains.recipes import Measures
from sciencegen.domains.standardization import Standardization, StandardizedRepresentation
from sciencegen.domains.tables import rows as table_rows
from sciencegen.domains.tables.rows import LARGEST, TableCell, TableRow, cell_of
from sciencegen.domains.tables.schema import ArraySample, ArraySchema, ColumnSchema, fit_cells, load_array, load_column
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal
from sciencegen.optimization.goals import indicator

if TYPE_CHECKING:
    from sciencegen.batch import Batch

NEAR = 0.1
"""Half-width of `name = x` for real numbers, in standard deviations."""


@dataclass(frozen=True, eq=False)
class TableRepresentation(StandardizedRepresentation):
    """Rows as vectors [column]: of the plain columns, then of each array's numbers in the order of the flat array.

    Parameters
    ----------
    columns : tuple of ColumnSchema
    standardization : Standardization
        Of the conditions.
    arrays : tuple of ArraySchema
        The columns of series and images.
    """

    columns: tuple[ColumnSchema, ...]
    standardization: Standardization
    arrays: tuple[ArraySchema, ...] = ()
    name: str = "table"

    @cached_property
    def _codes(self) -> dict[str, dict[str, int]]:
        """Column of categories -> text of each -> index."""
        return {
            column.name: {str(one): code for code, one in enumerate(column.categories)}
            for column in self.columns
            if not column.numeric
        }

    @cached_property
    def _edges(self) -> list[int]:
        """Where the arrays begin in a vector."""
        return np.cumsum([len(self.columns), *(schema.size for schema in self.arrays)])[:-1].tolist()

    @cached_property
    def measures(self) -> Measures:
        """The numbers in the columns, and the indicators of the categories."""
        numbers = {column.name: column for column in self.columns if column.numeric}
        indicators = [indicator(name, text) for name, codes in self._codes.items() for text in codes]
        return Measures(
            names=(*numbers, *indicators),
            measure=measure,
            ranges={name: (one.low, one.high) for name, one in numbers.items()} | dict.fromkeys(indicators, (0.0, 1.0)),
            tolerances={  # 0 for whole numbers that vary little
                name: 0.0 if one.kind != "number" and NEAR * one.std < 1 else NEAR * one.std
                for name, one in numbers.items()
            },
            scales={name: 4 * one.std for name, one in numbers.items()},
        )

    def encode(self, items: Sequence[TableRow]) -> list[Float[np.ndarray, " column"] | Refusal]:
        """Vectors as float32."""
        return [self._encode(item) for item in items]

    def _encode(self, row: TableRow) -> Float[np.ndarray, " column"] | Refusal:
        vector = np.full(len(self.columns), np.nan)
        for place, column in enumerate(self.columns):
            cell = row.get(column.name)
            if cell is None:
                continue
            found = self._code(column, cell)
            if isinstance(found, Refusal):
                return found
            vector[place] = found
        arrays = [self._array(schema, row.get(schema.name)) for schema in self.arrays]
        if wrong := next((one for one in arrays if isinstance(one, Refusal)), None):
            return wrong
        vector = np.concatenate([vector, *arrays])
        if np.isnan(vector).all():
            names = ", ".join([*(one.name for one in self.columns), *(one.name for one in self.arrays)])
            return Refusal(f"no cell in a column of the model ({names[:200]})")
        return vector.astype(np.float32)

    def _array(self, schema: ArraySchema, cell: TableCell) -> Float[np.ndarray, " cell"] | Refusal:
        if cell is None:
            return np.full(schema.size, np.nan)
        return schema.encode(cell) if isinstance(cell, list) else Refusal(f"no array in '{schema.name}'")

    def _code(self, column: ColumnSchema, cell: TableCell) -> float | Refusal:
        if not column.numeric:
            code = self._codes[column.name].get(str(cell))
            return Refusal(f"{cell!r} in '{column.name}', expected {_listed(column)}") if code is None else code
        if column.date and (not isinstance(cell, str) or math.isnan(table_rows.number(cell))):
            return Refusal(f"{str(cell)[:60]!r} in '{column.name}', expected a date such as {column.cell(column.mean)}")
        text = isinstance(cell, str) and not column.date
        found = cell_of(str(cell), True) if text else cell  # of few rows, one of which holds a text
        if found is None:
            return np.nan
        if isinstance(found, ValueError | list):
            return Refusal(f"{str(cell)[:60]!r} in '{column.name}', expected a number")
        x = table_rows.number(found)
        if (column.kind != "number" and x != round(x)) or (column.kind == "count" and x < 0):
            return Refusal(
                f"{x:g} in '{column.name}', expected a whole number" + " from 0 on" * (column.kind == "count")
            )
        if column.categories and x not in column.categories:
            return Refusal(f"{x:g} in '{column.name}', expected {_listed(column)}")
        return (x - column.mean) / column.std

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        import torch

        from sciencegen.batch import Batch
        from sciencegen.vae.array_columns import VALUES

        condition = None if values is None or not self.properties else self.standardization.rows(values)
        array = torch.from_numpy(np.stack(encoded))
        mask = ~array.isnan() if array.isnan().any() else None
        return Batch({VALUES: array.nan_to_num(0.0)}, mask, None if condition is None else torch.from_numpy(condition))

    def decode(self, batch: Batch) -> list[TableRow | Refusal]:
        from sciencegen.vae.array_columns import VALUES

        return [self._decode(vector) for vector in batch[VALUES].cpu().numpy().astype(float)]

    def _decode(self, vector: Float[np.ndarray, " column"]) -> TableRow | Refusal:
        row: dict[str, TableCell] = {}
        flat, *parts = np.split(vector, self._edges)
        for value, column in zip(flat, self.columns, strict=True):
            x = float(value) * column.std + column.mean
            if not math.isfinite(x) or abs(x) > LARGEST:
                return Refusal(f"{x:g} in '{column.name}'")
            row[column.name] = column.cell(x) if column.numeric else column.categories[round(x)]
        for part, schema in zip(parts, self.arrays, strict=True):
            found = schema.decode(part)
            if isinstance(found, Refusal):
                return found
            row[schema.name] = found
        return row

    def to_json(self) -> Json:
        columns = [column.to_json() for column in self.columns]
        arrays = {"arrays": [schema.to_json() for schema in self.arrays]} if self.arrays else {}
        return {"name": self.name, "columns": columns, "conditions": self.standardization.to_json(), **arrays}


def _listed(column: ColumnSchema) -> str:
    shown = ", ".join(map(str, column.categories[:10]))
    return f"one of {shown}{', ...' * (len(column.categories) > 10)}"


def measure(items: Sequence[TableRow], names: Sequence[str]) -> Float[np.ndarray, "item name"]:
    """The numbers and indicators of rows by name; NaN where a cell is missing."""
    table = [[table_rows.value(item, name) for name in names] for item in items]
    return np.array(table, float).reshape(len(items), len(names))


def fit(texts: Sequence[str], values: np.ndarray, properties: Sequence[str]) -> TableRepresentation:
    """The representation of training rows. values: [row condition]."""
    sample, cells, count = ArraySample(len(texts)), dict[str, list[TableCell]](), 0
    for place, text in enumerate(texts):
        row = table_rows.parse(text)
        if not isinstance(row, Refusal):
            table_rows.add_known(cells, sample.without(place, row))
            count += 1
    if not count:
        raise DataError(f"Expected rows to learn from, found none among {len(texts)}.")
    arrays = sample.schema(cells)
    columns = fit_cells(
        {name: one for name, one in cells.items() if name not in sample.shapes}, count, [*sample.shapes]
    )
    return TableRepresentation(columns, standardization.fit(values, properties), arrays)


def load(data: Mapping[str, Any]) -> TableRepresentation:
    """The inverse of `to_json`."""
    columns = tuple(map(load_column, data["columns"]))
    arrays = tuple(map(load_array, data.get("arrays", ())))
    names = [*(column.name for column in columns), *(array.name for array in arrays)]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected columns of different names, found {names[:20]}")
    return TableRepresentation(columns, standardization.load(data["conditions"]), arrays)
