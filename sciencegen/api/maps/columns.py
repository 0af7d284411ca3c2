"""Columns of the items of a latent map: numbers, and texts of few distinct values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.domains.base import Domain
from sciencegen.errors import DataError
from sciencegen.items import Refusal, Row

MOST_CATEGORIES = 200
"""A column of more distinct texts is one of names, not of classes."""


@dataclass(frozen=True)
class MapColumn:
    """One value for each item.

    Parameters
    ----------
    name : str
    values : array [item]
        Numbers, NaN where missing; for texts the number of each item's category.
    unit : str
    categories : tuple of str
        The distinct texts, most frequent first; empty for a column of numbers.
    """

    name: str
    values: Float[np.ndarray, " item"] = field(repr=False)
    unit: str = ""
    categories: tuple[str, ...] = ()

    def cells(self) -> list[float] | list[str]:
        """The values as numbers or texts."""
        if not self.categories:
            return self.values.tolist()
        return ["" if np.isnan(one) else self.categories[int(one)] for one in self.values]


def text_column(name: str, texts: Sequence[str]) -> MapColumn | None:
    """A column of texts; None if all are empty, or too many are distinct. Empty texts are missing."""
    found, places, counts = np.unique(np.asarray(texts, dtype=object), return_inverse=True, return_counts=True)
    order = [at for at in np.argsort(-counts, kind="stable") if found[at]]
    if not order or len(order) > min(MOST_CATEGORIES, max(2, len(texts) // 2)):
        return None
    ranks = np.full(len(found), np.nan, np.float32)
    ranks[order] = np.arange(len(order))
    return MapColumn(name, ranks[places], categories=tuple(str(found[at]) for at in order))


def number_columns(domain: Domain, rows: Sequence[Mapping[str, float]]) -> list[MapColumn]:
    """The columns of numbers of rows, in the order of their first appearance."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [(name, np.array([row.get(name, np.nan) for row in rows], np.float32)) for name in names]
    return [MapColumn(name, values, unit_of(domain, name)) for name, values in columns if np.isfinite(values).any()]


def unit_of(domain: Domain, name: str) -> str:
    """The unit of a property, "" for other columns."""
    return domain.properties[name].unit if name in domain.properties else ""


def label_columns(domain: Domain, rows: Sequence[Row]) -> list[MapColumn]:
    """Labels that the domain reads from the names of items."""
    read = ((name, [reader(row.id) for row in rows]) for name, reader in domain.items.labels.items())
    columns = (text_column(name, texts) for name, texts in read)
    return [column for column in columns if column is not None]


def class_columns(domain: Domain, data: str, column: str | None, rows: Sequence[Row]) -> list[MapColumn]:
    """The columns of texts of a table; none of another source."""
    if not (os.path.isfile(data) and data.lower().endswith(READ_TABLES)):
        return []
    try:
        cells = {row.line: row.cells for row in read_table(Path(data), domain.items.columns, column, with_cells=True)}
    except DataError:  # the table has no column of items, but others that the domain makes items of
        return []
    taken = {*domain.items.columns, column, *(name for row in rows for name in row.values)}
    names = dict.fromkeys(name for one in cells.values() for name in one)
    chosen = [name for name in names if name not in taken and name.lower() not in taken]
    read = ((name, [_text(cells.get(row.line, {}).get(name)) for row in rows]) for name in chosen)
    columns = (text_column(name, texts) for name, texts in read)
    return [one for one in columns if one is not None]


def cell_columns(domain: Domain, texts: Sequence[str]) -> list[MapColumn]:
    """The columns of texts of items that consist of cells; none of other items."""
    if domain.cells is None:
        return []
    items = map(domain.items.parse, texts)
    rows = [{} if isinstance(item, Refusal) else domain.cells.of(item) for item in items]
    names = dict.fromkeys(name for row in rows for name, cell in row.items() if isinstance(cell, str))
    read = ((name, [_text(row.get(name)) for row in rows]) for name in names)
    columns = (text_column(name, texts) for name, texts in read)
    return [column for column in columns if column is not None]


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
