"""Labels of items by their names: read from the names by the domain, or from a user's table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sciencegen.data.rows import ID_COLUMNS
from sciencegen.data.tables import READ_TABLES, column_names, read_table
from sciencegen.errors import DataError, unknown_name


def grouped(
    readers: Mapping[str, Callable[[str], str]], requested: str, names: Sequence[str], numbers: Iterable[str] = ()
) -> tuple[str, list[str]]:
    """The title of the labels, and a label for each name, "" if it has none. numbers: what else may be requested.

    A table is searched for an item's full name, then for the name without range (`BLAT_ECOLX` of `BLAT_ECOLX/24-286`).
    """
    if requested in readers:
        found, what = [readers[requested](name) for name in names], requested
    elif Path(requested).is_file():
        what, table = read_labels(Path(requested))
        found = [table.get(name) or table.get(name.partition("/")[0], "") for name in names]
    else:
        raise unknown_name("number, label or table to colour by", requested, [*numbers, *readers])
    if not any(found):
        example = f"such as '{next(filter(None, names))}'" if any(names) else "but none has one: prepare the data again"
        raise DataError(f"Expected labels for some items by their names, {example}; found none in '{requested}'.")
    return what, found


def check_labels(requested: str | None) -> None:
    """Raise an error if a table of labels doesn't exist."""
    if requested is not None and requested.lower().endswith(READ_TABLES) and not Path(requested).is_file():
        raise DataError(f"Expected a table of labels at {requested}, found no file.")


def read_labels(path: Path) -> tuple[str, dict[str, str]]:
    """Read a table with a column `name` or `id` and a first other column, of labels: its title, and labels by name."""
    columns, accepted = column_names(path), ("name", *ID_COLUMNS)
    named = next((columns[at] for one in accepted for at, name in enumerate(columns) if name.lower() == one), None)
    label = next((name for name in columns if name != named), None)
    if named is None or label is None:
        raise DataError(f"Expected columns 'name' and a label in {path}, found {', '.join(columns) or 'nothing'}.")
    rows = read_table(path, accepted, named, with_cells=True)
    return label, {row.text: str(row.cells[label]) for row in rows if row.text}
