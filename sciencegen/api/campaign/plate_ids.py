"""Measurements under the ids of a plate's items, such as `r2-07`, which labs write on tubes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sciencegen.data.tables import READ_TABLES, column_names, read_table
from sciencegen.items import Row
from sciencegen.optimization.journal import Entry

ID = "id"
OF_A_PLATE = re.compile(r"\s*r(\d+)-(\d+)(?:-\d+)?\s*")
"""Round, place in the plate, and the number of a further copy."""


def items_by_id(entries: Iterable[Entry]) -> dict[tuple[int, int], str]:
    """The items of a journal's plates, by round and place from 1.

    Proposals without a source are rows of a table that was recorded, in the order of its rows without a value: their
    ids aren't known.

    Examples
    --------
    >>> from sciencegen.optimization.journal import Entry
    >>> items_by_id([Entry(2, "CCO", "proposed", source="pool"), Entry(2, "CCN", "proposed", source="pool")])
    {(2, 1): 'CCO', (2, 2): 'CCN'}
    """
    plates: dict[int, dict[str, None]] = {}
    for entry in entries:
        if entry.kind == "proposed" and entry.source:
            plates.setdefault(entry.round, {})[entry.item] = None  # of several targets: a line for each
    return {(number, at): item for number, plate in plates.items() for at, item in enumerate(plate, start=1)}


def names_ids_alone(path: Path, accepted: Sequence[str], column: str | None) -> bool:
    """Whether the rows of a table have an id, and no item."""
    if not path.name.lower().endswith(READ_TABLES) or column not in (None, ID):
        return False
    names = [name.lower() for name in column_names(path)]
    return ID in names and (column == ID or not any(name.lower() in names for name in accepted))


def rows_by_id(path: Path, items: Mapping[tuple[int, int], str]) -> Iterator[Row]:
    """The rows of a table, with the items of their ids. Another id stays what the row holds in place of an item."""
    for row in read_table(path, (ID,), None):
        found = OF_A_PLATE.fullmatch(row.text)
        item = items.get((int(found[1]), int(found[2]))) if found else None
        yield row if item is None else replace(row, text=item)
