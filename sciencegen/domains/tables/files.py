"""Read rows from a user's tables, and write rows as tables with the same columns."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sciencegen.data.rows import cells_by_column, find_column
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.workbooks import is_workbook, sheet_notes
from sciencegen.data.writers import WRITTEN_TABLES, TableWriter
from sciencegen.domains.tables import array_writing
from sciencegen.domains.tables import rows as table_rows
from sciencegen.domains.tables.array_sources import ARRAYS, ID
from sciencegen.domains.tables.array_writing import WRITTEN_ARRAYS
from sciencegen.domains.tables.cells import example_with_unit
from sciencegen.domains.tables.rows import INDICATOR, TableCell, TableRow, indicator, number
from sciencegen.domains.tables.sources import is_index, open_source
from sciencegen.domains.tables.table_source import TableSource
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Origin, Row

ITEM = "item"
"""The column of rows as JSON, in tables that sciencegen writes."""
FORMATS = (*READ_TABLES, *ARRAYS)
MOST_INDICATORS = 50
"""A column with more categories has no indicators among the numbers of a row."""


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a table.

    Parameters
    ----------
    path : Path
        A file with one of the endings `FORMATS`. Columns without a name, and `id`, aren't part of the items.
    column : str, optional
        The columns that the items consist of, separated by commas; by default all.

    Returns
    -------
    iterator of Row
        `values` has the numbers of columns of numbers, and the indicators of categories (`rows.indicator`). Errors
        about the file are raised by this call, before the first row.
    """
    source = open_source(path, None if column is None else _listed(column))
    if column in (None, ITEM) and _holds_items(source):
        return read_table(path, (ITEM,), ITEM)
    chosen = _chosen(source.names, column, str(path))
    _note_formulas(path)
    _note_units(path, source, [source.names[at] for at in chosen])
    return _rows(source, chosen)


def _note_formulas(path: Path) -> None:
    """Warn of formulas in a workbook, and of sheets that aren't read."""
    for note in sheet_notes(path, remedy="save another as .csv to read it") if is_workbook(path) else ():
        warnings.warn(f"{path}: {note}.", stacklevel=1)


def _note_units(path: Path, source: TableSource, names: Sequence[str]) -> None:
    """Warn of columns of categories whose texts may be meant as numbers."""
    for name in names:
        texts = source.categories.get(name, ())
        if len(texts) > 1 and (example := example_with_unit(texts)) is not None:
            warnings.warn(
                f"'{name}' in {path} is read as a category of {len(texts)} texts, such as {example[:40]!r}. If these "
                "are numbers, write them without units, and dates as numbers, such as days since the first.",
                stacklevel=1,
            )


def _holds_items(source: TableSource) -> bool:
    """Whether a table has a column of rows as JSON."""
    if ITEM not in source.names:
        return False
    place = list(source.names).index(ITEM)
    first = next(source.records(), None)
    return first is not None and not isinstance(first[1], str) and str(first[1][place]).startswith("{")


def _chosen(names: Sequence[str], column: str | None, source: str) -> list[int]:
    """Places of the columns that items consist of."""
    if column is not None:
        return [find_column(names, (), name, source) for name in _listed(column)]
    found = [at for at, name in enumerate(names) if not is_index(name) and name.lower() != ID]
    if ITEM in names:
        raise DataError(
            f"Expected whole rows as JSON objects in the column '{ITEM}' of {source}, got something else. Rename the "
            "column, or name the columns to learn: `column` a,b,c."
        )
    if not found:
        raise DataError(f"Expected a table with columns in {source}, found {list(names)}. Add a line with their names.")
    return found


def _listed(column: str) -> list[str]:
    """Names of columns, separated by commas; those with a comma are quoted."""
    return [name.strip() for name in next(csv.reader([column], skipinitialspace=True), []) if name.strip()]


def _rows(source: TableSource, chosen: Sequence[int]) -> Iterator[Row]:
    names = [source.names[at] for at in chosen]
    named = next((at for at, name in enumerate(source.names) if name.lower() == ID and at not in chosen), None)
    few = {name: texts for name, texts in source.categories.items() if len(texts) <= MOST_INDICATORS}
    indicators = {name: {text: indicator(name, text) for text in few[name]} for name in names if name in few}
    for line, record in source.records():
        if isinstance(record, str):
            yield Row(line, table_rows.refused({}, record))
            continue
        called = "" if named is None or record[named] is None else str(record[named])
        row: dict[str, TableCell] = {}
        reason = ""
        for name, at in zip(names, chosen, strict=True):
            cell = record[at]
            if isinstance(cell, ValueError):
                reason = reason or Row(line, "", unread={name: str(cell)}).why_no_number(name)
            else:
                row[name] = cell
        if reason:
            cells = {name: record[at] for name, at in zip(names, chosen, strict=True)}
            yield Row(line, table_rows.refused(cells, reason), id=called)
            continue
        yield Row(line, table_rows.text(row), _values(row, indicators), called)


def _values(row: TableRow, indicators: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, cell in row.items():
        if cell is None or isinstance(cell, list):
            continue
        if not isinstance(cell, str):
            values[name] = number(cell)
        elif name in indicators:
            values |= {one: float(text == cell) for text, one in indicators[name].items()}
    return values


def write(
    path: Path, items: Sequence[TableRow], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write rows as a table, or arrays, with their columns, followed by `values`. Arrays in a table are JSON."""
    endings = (*WRITTEN_TABLES, *WRITTEN_ARRAYS)
    if not path.name.lower().endswith(endings):
        raise ConfigError(f"Expected an output ending in {', '.join(endings)} for rows of a table, got {path}.")
    columns = cells_by_column(items)
    ids = {} if ID in columns or all(name.isdigit() for name in names) else {ID: list(names)}
    # without the indicators of categories, such as city:Oslo
    further = {name: cells for name, cells in values.items() if name.partition(INDICATOR)[0] not in columns}
    if path.name.lower().endswith(WRITTEN_ARRAYS):
        array_writing.write(path, {**ids, **columns, **further})
        return
    with TableWriter(path, exact=columns) as table:
        table.write({**ids, **cells_by_column([table_rows.cells(item) for item in items]), **further})
