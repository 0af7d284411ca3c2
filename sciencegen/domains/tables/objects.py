"""Mappings and rows of numpy arrays as items: rows of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import numpy as np

from sciencegen.domains.capabilities import Objects
from sciencegen.domains.tables.array_cells import array_of, cell_of_list, cells_of
from sciencegen.domains.tables.array_sources import ALONE
from sciencegen.domains.tables.rows import TableCell, TableRow, refused
from sciencegen.domains.tables.table_source import number_cell


def row_text(given: object) -> str | None:
    """The text of a mapping from names to cells, of a numpy record, or of a numpy array [column], whose columns are x0,
    x1, ... as those of a file .npy."""
    if isinstance(given, Mapping):
        named = {str(name): cell for name, cell in given.items()}
    elif isinstance(given, np.void) and given.dtype.names:
        named = {name: given[name] for name in given.dtype.names}
    elif isinstance(given, np.ndarray) and given.ndim == 1 and not given.dtype.names:
        named = {f"{ALONE}{at}": cell for at, cell in enumerate(given)}
    else:
        return None
    cells = {name: _cell(cell) for name, cell in named.items()}
    wrong = next((f"{cell} in '{name}'" for name, cell in cells.items() if isinstance(cell, ValueError)), None)
    return json.dumps(cells, ensure_ascii=False) if wrong is None else refused(cells, wrong)


def _cell(given: object) -> TableCell | ValueError:
    """The content of a cell; a ValueError with the reason why it can't be used."""
    if isinstance(given, np.ndarray) and given.ndim and given.dtype.kind in "iubf":
        return cells_of(given[None])[0]
    plain = given.tolist() if isinstance(given, np.ndarray | np.generic) else given
    if isinstance(plain, list | tuple):
        return cell_of_list(list(plain))
    if isinstance(plain, date):  # and datetime
        return plain.isoformat()
    if plain is None or isinstance(plain, bool | int | float | Decimal):
        return plain if isinstance(plain, bool) else number_cell(plain)
    return (plain or None) if isinstance(plain, str) else ValueError(f"a {type(plain).__name__}")


def mapping_of(row: TableRow) -> dict[str, object]:
    """The row as a dict, with numpy arrays for cells of arrays, in which unknown numbers are NaN."""
    return {name: array_of(cell) if isinstance(cell, list) else cell for name, cell in row.items()}


OBJECTS = Objects(kinds="mappings or numpy rows", text=row_text, of=mapping_of)
