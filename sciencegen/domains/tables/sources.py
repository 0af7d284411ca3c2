"""Tables in files (.csv, .parquet, and files of arrays) as columns and records, which are streamed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sciencegen.data.tables import is_parquet, open_parquet, parquet_batches, parquet_texts, read_records
from sciencegen.domains.tables import array_sources
from sciencegen.domains.tables.array_cells import cell_of_list
from sciencegen.domains.tables.array_sources import ID
from sciencegen.domains.tables.cells import MOST_CATEGORIES, ColumnCells, array_cell, cell_of, count_cells
from sciencegen.domains.tables.rows import TableCell
from sciencegen.domains.tables.table_source import (
    ROWS_AT_ONCE,
    Records,
    TableSource,
    check_distinct,
    different,
    number_cell,
    records_of,
)
from sciencegen.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_INDEX = re.compile(r"(Unnamed: \d+)?")
"""Names that pandas gives to columns of row numbers."""
LOST_LETTER = "\ufffd"
"""What stands for bytes that are no UTF-8."""


def open_source(path: Path, wanted: Collection[str] | None = None) -> TableSource:
    """The table in a file; errors about the file are raised here. wanted: names of columns, see `array_sources`."""
    if array_sources.is_file_of_arrays(path):
        return array_sources.open_source(path, wanted)
    return _of_parquet(path) if is_parquet(path) else _of_csv(path, wanted)


def _of_csv(path: Path, wanted: Collection[str] | None) -> TableSource:
    names, separator, records = read_records(path)
    names, decimal = [name.strip() for name in names], "," if separator == ";" else "."
    check_names(names, str(path))
    counts = count_cells((cells for _, cells in records), len(names), decimal)
    _check_letters(path, names, counts)
    learned = {name: count for name, count in zip(names, counts, strict=True) if wanted is None or name in wanted}
    _note_gaps(path, learned)
    _note_numbers(path, learned)
    read_cell = [_reader(count, decimal) for count in counts]

    def rows() -> Records:
        for line, cells in read_records(path)[2]:
            if len(cells) != len(names):
                yield line, f"{len(cells)} cells, expected {len(names)}, as in the header"
            else:
                yield line, [read(cell.strip()) for read, cell in zip(read_cell, cells, strict=True)]

    return TableSource(names, _categories(names, counts), rows)


def _reader(count: ColumnCells, decimal: str) -> Callable[[str], TableCell | ValueError]:
    """How the cells of a column are read."""
    if count.holds_arrays:
        return array_cell
    return partial(cell_of, numeric=count.numeric, decimal=decimal)


def _check_letters(path: Path, names: Sequence[str], counts: Sequence[ColumnCells]) -> None:
    """Warn of columns whose letters were lost, as the file's encoding is another one."""
    pairs = zip(names, counts, strict=True)
    damaged = [name for name, count in pairs if any(LOST_LETTER in text for text in (name, *count.categories))]
    if damaged:
        warnings.warn(
            f"{path} isn't UTF-8: letters in {', '.join(damaged)} are lost, and texts that differ in them become "
            f"equal. Convert it, such as by `iconv -f latin1 -t utf-8 {path.name}`.",
            stacklevel=1,
        )


def _note_numbers(path: Path, counts: Mapping[str, ColumnCells]) -> None:
    """Warn of columns that number the rows: they would be learned as any number."""
    for name, count in counts.items():
        if count.numbers_rows and name != ID and not is_index(name):
            warnings.warn(
                f"'{name}' in {path} counts the rows, and is read as a number like the others. If it only numbers "
                f"them, call it '{ID}' or leave it out.",
                stacklevel=1,
            )


def _note_gaps(path: Path, counts: Mapping[str, ColumnCells]) -> None:
    """Warn of texts such as None that count as missing, where they may be meant as a category."""
    for name, count in counts.items():
        if count.has_doubtful_gaps:
            shown = ", ".join(f"{mark!r} {times} times" for mark, times in count.marks.most_common(3))
            warnings.warn(
                f"{count.marks.total()} cells of '{name}' in {path} count as missing: {shown}. If one is a category, "
                "give it another name, such as 'no'.",
                stacklevel=1,
            )


def _categories(names: Sequence[str], counts: Sequence[ColumnCells]) -> dict[str, list[str]]:
    return {
        name: sorted(count.categories)
        for name, count in zip(names, counts, strict=True)
        if not count.numeric and not count.holds_arrays and len(count.categories) <= MOST_CATEGORIES
    }


def check_names(names: Sequence[str], source: str) -> None:
    """Raise an error for a header of numbers, or two columns of one name."""
    if names and all(cell_of(name, True) is not None and not _is_text(name) for name in names):
        raise DataError(
            f"Expected a header with the names of the columns in {source}, found numbers ({', '.join(names[:3])}, "
            "...). Add a first line of names."
        )
    check_distinct(names, source)


def _is_text(name: str) -> bool:
    return isinstance(cell_of(name, True), ValueError)


def _of_parquet(path: Path) -> TableSource:
    from pyarrow import types

    schema = open_parquet(path).schema_arrow
    names = list(schema.names)
    check_names(names, str(path))
    plain = (types.is_floating, types.is_integer, types.is_decimal)  # Booleans are categories
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    numeric, arrays = (
        [any(is_kind(schema.field(at).type) for is_kind in kinds) for at in range(len(names))]
        for kinds in (plain, lists)
    )

    as_json: set[int] = set()
    """Columns of arrays as texts."""

    def blocks(places: Sequence[int]) -> Iterator[list[list[TableCell | ValueError]]]:
        for batch in parquet_batches(path, ROWS_AT_ONCE, [names[at] for at in places]):
            kinds = zip(batch.columns, places, strict=True)
            yield [_parquet_cells(column, numeric[at], arrays[at], at in as_json) for column, at in kinds]

    texts = [at for at in range(len(names)) if not numeric[at] and not arrays[at]]
    first = next(blocks(texts), [])
    listed = {at for at, cells in zip(texts, first, strict=False) if any(_is_array(cell) for cell in cells)}
    as_json.update(listed)
    texts = [at for at in texts if at not in listed]
    few = different([names[at] for at in texts], blocks(texts))
    return TableSource(names, few, lambda: records_of(blocks(range(len(names)))))


def _is_array(cell: TableCell | ValueError) -> bool:
    return isinstance(cell, str) and isinstance(array_cell(cell), list)


def _parquet_cells(column: pa.Array, numeric: bool, arrays: bool, as_json: bool) -> list[TableCell | ValueError]:
    if arrays:
        return [cell_of_list(found) for found in column.to_pylist()]
    if numeric:
        return [number_cell(value) for value in column.to_pylist()]
    return [array_cell(text) if as_json else text or None for text in parquet_texts(column)]


def is_index(name: str) -> bool:
    """Whether a column holds row numbers, by its name."""
    return _INDEX.fullmatch(name) is not None
