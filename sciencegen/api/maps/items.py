"""Items with their latents and columns: of a file, a dataset, a file of latents, or drawn from the model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sciencegen.api.models.completion import read_latents
from sciencegen.api.models.folder import LoadedModel, encode_rows
from sciencegen.api.science import ParseAndMeasure, describe
from sciencegen.api.sources.tables import rows_of_source
from sciencegen.config import MapSettings
from sciencegen.data.damage import reading
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.workers import is_refusal
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.errors import DataError, unknown_name
from sciencegen.items import Refusal, Row
from sciencegen.progress import Report, silent

# Columns of the items of a latent map: numbers, and texts of few distinct values.

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


DRAWS = 1000
"""Default number of draws, if there are no data."""
MEASURED = 2000
"""Of so many items the model's conditions are computed unasked."""
LATENTS = ".npz"


@dataclass(frozen=True)
class LocatedItems:
    """Items and where the model's encoder places them.

    Parameters
    ----------
    text, name : list of str
        The standardized text of each item, and its name in the data or "".
    latent : array [item latent]
    columns : tuple of MapColumn
    refused : tuple of (line, item, reason)
        Rows that are no items, or have no latent.
    """

    text: list[str] = field(repr=False)
    name: list[str] = field(repr=False)
    latent: Float[np.ndarray, "item latent"] = field(repr=False)
    columns: tuple[MapColumn, ...] = ()
    refused: tuple[Refused, ...] = ()

    def column(self, name: str) -> MapColumn:
        """The column with this name; an error if there is none."""
        found = next((one for one in self.columns if one.name == name), None)
        if found is None:
            raise unknown_name("column or property of the items", name, [one.name for one in self.columns])
        return found


def located_items(loaded: LoadedModel, settings: MapSettings, report: Report = silent) -> LocatedItems:
    """The items of the settings' data, or draws of the model, with the columns that they have and those asked for."""
    for name in settings.include:  # before minutes of encoding
        if name not in loaded.domain.properties:
            raise unknown_name(f"property of {loaded.domain.name}", name, loaded.domain.properties)
    if settings.data is None:
        report("drawing items of the model", 0, None)
        found = _drawn(loaded, settings)
    elif settings.data.lower().endswith(LATENTS):
        found = _with_latents(loaded, Path(settings.data), settings.limit)
    else:
        found = _encoded(loaded, settings, report)
    if len(found.text) < 2:
        reason = f", the first reason: {found.refused[0][2]}" if found.refused else ""
        raise DataError(f"Expected at least 2 items with a latent, found {len(found.text)}{reason}.")
    present = {column.name for column in found.columns}
    cells = (column for column in cell_columns(loaded.domain, found.text) if column.name not in present)
    return _measured(loaded, replace(found, columns=(*found.columns, *cells)), settings, report)


def _drawn(loaded: LoadedModel, settings: MapSettings) -> LocatedItems:
    latents = loaded.space.sample(settings.limit or DRAWS, settings.seed)
    items = loaded.space.decode_items(latents)
    texts = ["" if is_refusal(item) else loaded.domain.items.text(item) for item in items]
    first = {text: at for at, text in reversed(list(enumerate(texts))) if text}
    kept = sorted(first.values())
    return LocatedItems([texts[at] for at in kept], [""] * len(kept), latents[kept])


def _with_latents(loaded: LoadedModel, path: Path, limit: int | None) -> LocatedItems:
    """The items of a file that `encode` wrote."""
    latents = read_latents(path, loaded.space.size)[:limit]
    with reading("an .npz with the arrays `latent` and `item`, as encode makes it,", path):
        content = np.load(path, allow_pickle=False)
        texts = content["item"][:limit].tolist()
        names = content["name"][:limit].tolist() if "name" in content else [""] * len(texts)
    if not len(texts) == len(names) == len(latents):
        raise DataError(f"Expected an item for each of {len(latents)} latents in {path}, found {len(texts)}.")
    return LocatedItems(texts, names, latents)


def _encoded(loaded: LoadedModel, settings: MapSettings, report: Report) -> LocatedItems:
    data, domain, done = str(settings.data), loaded.domain, 0
    rows = rows_of_source(domain.name, data, settings.column, settings)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report("encoding", done, len(rows))

    report(f"encoding {len(rows):,} items", 0, None)
    encoded = encode_rows(loaded, rows, settings, advance)
    kept = [rows[at] for at in encoded.index]
    readers = domain.items.labels.items()  # of labels in the names of items
    labels = [text_column(name, [reader(row.id) for row in kept]) for name, reader in readers]
    columns = [
        *number_columns(domain, [row.values for row in kept]),
        *class_columns(domain, data, settings.column, kept),
        *(one for one in labels if one is not None),
    ]
    return LocatedItems(list(encoded.item), list(encoded.name), encoded.latent, tuple(columns), tuple(encoded.refused))


def _measured(
    loaded: LoadedModel, found: LocatedItems, settings: MapSettings, report: Report
) -> LocatedItems:  # fmt: skip
    """With the properties that were asked for, and of few items the model's conditions."""
    properties, present = loaded.domain.properties, {column.name for column in found.columns}
    asked = settings.colour_by
    colour = [asked] if asked is not None and asked in properties else []
    usual = [name for name in loaded.space.properties if name in properties] if len(found.text) <= MEASURED else []
    names = [name for name in dict.fromkeys([*settings.include, *colour, *usual]) if name not in present]
    if names:
        report(f"measuring {', '.join(names)}", 0, None)
    values = measured_values(loaded, found.text, names, settings.threads)
    added = (MapColumn(name, values[:, at], unit_of(loaded.domain, name)) for at, name in enumerate(names))
    columns = (*found.columns, *(column for column in added if np.isfinite(column.values).any()))
    return replace(found, columns=columns)


def measured_values(
    loaded: LoadedModel, texts: Sequence[str], names: Sequence[str], threads: int
) -> Float[np.ndarray, "item property"]:
    """Properties of items, computed in killable workers; NaN where that fails."""
    values = np.full((len(texts), len(names)), np.nan, np.float32)
    if names:
        rows = [Row(at, text) for at, text in enumerate(texts)]
        described, _ = describe(ParseAndMeasure(loaded.domain.name, tuple(names)), rows, threads)
        for row, (_, _, one, _) in described:
            values[row.line] = one
    return values
