"""The rows of a file, of a prepared dataset, or of a dataset card."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from sciencegen.api.science.forms import domain_of, in_form
from sciencegen.api.science.naming import columns_of, read_rows_of
from sciencegen.api.sources.datasets import all_rows, open_source, prepared_at, reference_row_of_card
from sciencegen.config import PredictorSettings, PrepareSettings, Reading
from sciencegen.data.prepared import ITEMS, SUMMARY, PreparedDataset
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.workbooks import file_of
from sciencegen.domains.base import Domain
from sciencegen.domains.given import first_given, item_texts
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Given, Refusal, Row

ITEM_OF_FILE = re.compile(r"(.+)\[\d{1,9}\]")
"""An item of a file by its number."""


def read_rows(domain: str, table: str, chosen: PredictorSettings) -> tuple[list[Row], list[Path]]:
    """Rows of a file, of a prepared dataset or of a dataset card (both with or without a split, as in
    `folder/train`); and the files that they were read from."""
    if (found := prepared_at(table, chosen.limit)) is not None:
        return _prepared_rows(*found), [found[0].path / SUMMARY]
    if chosen.wild_type and os.path.isfile(file_of(table)):
        rows = read_rows_of(domain_of(domain), Path(table), chosen.column, chosen.wild_type, whole=True)
        return list(islice(rows, chosen.limit)), [file_of(table)]
    reading = {name: getattr(chosen, name) for name in ("column", *Reading.__annotations__)}
    rows_by_split, files = open_source(domain, PrepareSettings(source=table, **reading))
    return [*all_rows(rows_by_split), *([] if files else reference_row_of_card(domain, table, chosen.target))], files


def notes_of_splits(table: str) -> list[str]:
    """A note if all splits of a prepared dataset are read, held-out ones too."""
    found = prepared_at(table)
    if found is None or found[1] is not None or len(found[0].splits) < 2:
        return []
    first, *others = found[0].splits
    return [f"all of {table} is used; to hold out {' and '.join(others)}, name {table.rstrip('/')}/{first}"]


def rows_of_source(domain: str, source: str, column: str | None, chosen: Reading) -> list[Row]:
    """As `read_rows`, of a domain or a form, without a target."""
    if (found := prepared_at(source, chosen.limit)) is not None:
        return _prepared_rows(*found)
    reading = {name: getattr(chosen, name) for name in Reading.model_fields}
    rows, _ = open_source(domain, PrepareSettings(source=source, column=column, **reading))
    return list(all_rows(rows))


def rows_with_cells(science: Domain, path: Path, column: str | None = None) -> Iterator[Row]:
    """The rows of a file; those of a table with all their cells, unless items consist of these."""
    rows = science.items.read(path, column)
    if science.cells is not None or not path.name.lower().endswith(READ_TABLES):
        return iter(rows)
    table = read_table(path, columns_of(science, None), column, with_cells=True)
    return (replace(row, cells=one.cells) for row, one in zip(rows, table, strict=True))


def without_target(science: Domain, rows: Iterable[Row], target: str) -> Iterator[Row]:
    """The rows, whose items lack the cell that is to be predicted; unchanged for items that don't consist of cells."""
    if science.cells is None:
        return iter(rows)
    without = science.cells.without
    return (replace(row, text=without(row.text, target)) for row in rows)


def _prepared_rows(data: PreparedDataset, split: str | None) -> list[Row]:
    names, values = data.property_names, data.values(split)
    present = ({name: float(value) for name, value in zip(names, row, strict=True) if value == value} for row in values)
    return [Row(line, text, one) for line, (text, one) in enumerate(zip(data.items(split), present, strict=True), 1)]


def given_form(domain: str, items: Given, column: str | None = None) -> str:
    """The form of the domain that recognizes the first of the items that a caller of Python gives, else ""."""
    science = domain_of(domain)
    if not science.forms:
        return ""
    first = first_given(science, items, column)
    forms = {name: domain_of(in_form(domain, name)) for name in science.forms}
    return next((name for name, one in forms.items() if one.form is not None and one.form.recognizes(first)), "")


def is_item(domain: str, source: str) -> bool:
    """Whether a source is no file but one item of it, such as `designs.pdb[3]` or `stamps.fits[3]`; an error if the
    file is there, and the item isn't."""
    if os.path.exists(source):
        return False
    if form := given_form(domain, source):
        return not source.lower().endswith(tuple(domain_of(in_form(domain, form)).items.formats))
    if not (match := ITEM_OF_FILE.fullmatch(source)) or not os.path.exists(match[1]):
        return False
    if isinstance(found := domain_of(domain).items.parse(source), Refusal):
        raise DataError(f"Expected a file, or an item of one, at {source}: {found.reason}. Or name {match[1]}.")
    return True


def prepared_items(path: Path) -> Path:
    """The file of items of a prepared folder, and any other path as it is; an error for a split, `folder/test`."""
    if os.path.isfile(path / SUMMARY):
        return path / ITEMS
    if not os.path.exists(path) and os.path.isfile(path.parent / SUMMARY):
        told = f"Read {path.parent / ITEMS}: its last column says which"
        raise DataError(f"Expected a file, got '{path}', a part of prepared data. {told}.")
    return path


def given_source(science: Domain, items: Path | Given, column: str | None = None) -> Path | Sequence[Row]:
    """The path of a file or a folder, or the rows of given items; an error for a path where there is nothing."""
    if not isinstance(items, Path):
        return given_rows(science, items, column)
    items = prepared_items(items)
    if not os.path.exists(items):
        raise DataError(f"Expected a file of items of {science.name}, there is none at '{items}'. Check the path.")
    return items


def given_rows(science: Domain, items: Given, column: str | None = None) -> list[Row]:
    """Rows of one or several items that a caller of Python gives, numbered from 1; column: of items in a data frame.

    The name of a file is an error.
    """
    if isinstance(items, str) and Path(items).suffix and os.path.isfile(items):  # False for a name that is too long
        raise ConfigError(f"Expected items, got the name of a file. To read it, pass pathlib.Path({items!r}).")
    return [Row(line, text) for line, text in enumerate(item_texts(science, items, column), start=1)]
