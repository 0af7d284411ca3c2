"""Map: items on two axes of a model's latent space."""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.api.models.completion import read_latents
from sciencegen.api.models.folder import LoadedModel, encode_rows, open_model
from sciencegen.api.models.region import judged
from sciencegen.api.science import ParseAndMeasure, describe, unit_of
from sciencegen.api.sources.tables import rows_of_source
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import OutputOptions, open_output, write_rejected
from sciencegen.config import MapSettings, build_settings
from sciencegen.data.damage import reading
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.workers import is_refusal
from sciencegen.data.writers import WRITTEN_TABLES, Refused
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.files import atomic_write
from sciencegen.items import Item, Refusal, Row
from sciencegen.latent.drawing import FIGURES, axis_labels, map_figure, write_figure
from sciencegen.latent.geometry import (
    Embedding,
    PrincipalAxes,
    axes_of_values,
    check_umap,
    neighbours_kept,
    principal_axes,
    umap_embedding,
)
from sciencegen.options import takes
from sciencegen.progress import Report, silent
from sciencegen.records import ledger

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


# The items of a map: where the model places them, and their columns.

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
    notes : tuple of str
    refused : tuple of (line, item, reason)
        Rows that are no items, or have no latent.
    """

    text: list[str] = field(repr=False)
    name: list[str] = field(repr=False)
    latent: Float[np.ndarray, "item latent"] = field(repr=False)
    columns: tuple[MapColumn, ...] = ()
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()

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
    inside, notes = judged(loaded, found.text)
    told = [MapColumn(name, np.array(inside[name], np.float32)) for name in inside if name == "in_domain"]
    found = replace(found, columns=(*found.columns, *cells), notes=notes)
    found = _measured(loaded, found, settings, report)
    return replace(found, columns=(*found.columns, *told))


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


def _measured(loaded: LoadedModel, found: LocatedItems, settings: MapSettings, report: Report) -> LocatedItems:
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


# The map.

AXES_FROM = 100_000
"""Axes are fitted to at most so many items, evenly spaced."""
SLIDERS = 10
"""Principal axes along which a page changes an item."""


@dataclass(frozen=True)
class LatentMap:
    """Items on a map.

    Parameters
    ----------
    loaded : LoadedModel
    items : LocatedItems
    plane : PrincipalAxes or Embedding
        The map: two axes in the leading `semantic_size` columns of the latents, or places of the items by UMAP.
    axes : PrincipalAxes
        The principal axes, at most `SLIDERS`.
    labels : (str, str)
        Of the map's axes.
    colour : MapColumn or None
        The column that the map is coloured by.
    notes : tuple of str
    """

    loaded: LoadedModel
    items: LocatedItems
    plane: PrincipalAxes | Embedding = field(repr=False)
    axes: PrincipalAxes = field(repr=False)
    labels: tuple[str, str]
    colour: MapColumn | None = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of leading columns of a latent that describe the item."""
        return self.loaded.model.semantic_size

    @cached_property
    def points(self) -> Float[np.ndarray, "item 2"]:
        """The items on the map."""
        return self.plane.points if isinstance(self.plane, Embedding) else self.place(self.items.latent)

    @cached_property
    def neighbours_kept(self) -> float:
        """The share of the nearest items in the latent space that are among the nearest on the map."""
        return neighbours_kept(self.items.latent[:, : self.size], self.points)

    @cached_property
    def _squares(self) -> Float[np.ndarray, " item"]:
        return np.square(self.items.latent[:, : self.size]).sum(1)

    def place(self, latents: Float[np.ndarray, "item latent"]) -> Float[np.ndarray, "item 2"]:
        """Latents on the map."""
        return self.plane.project(latents[:, : self.size]).astype(np.float32)

    def nearest_on_map(self, x: float, y: float) -> int:
        """The item nearest to a place on the map."""
        return int(np.square(self.points - np.array([x, y], np.float32)).sum(1).argmin())

    def at_place(self, x: float, y: float) -> Float[np.ndarray, " latent"]:
        """The latent at a place of the map, whose other coordinates are those of the nearest item on the map.

        z = z_n + A' (p - p_n). The centre's other coordinates would do too, but no item is near a centre: in many
        dimensions the length of a standard normal vector is close to the root of their number. On a map by UMAP, z is a
        mean of the latents of the nearest items on the map (`Embedding.lift`).
        """
        near = self.nearest_on_map(x, y)
        latent = self.items.latent[near].copy()
        if isinstance(self.plane, Embedding):
            latent[: self.size] = self.plane.lift(np.array([x, y], np.float32))
        else:
            latent[: self.size] += (np.array([x, y]) - self.points[near]) @ self.plane.axes
        return latent

    def nearest(self, latent: Float[np.ndarray, " latent"], count: int) -> tuple[Int[np.ndarray, " near"], list[float]]:
        """The items whose latents are nearest to this one, and their distances."""
        point = np.asarray(latent[: self.size], np.float32)
        distances = self._squares - 2 * (self.items.latent[:, : self.size] @ point) + point @ point
        count = min(count, len(distances))
        found = np.argpartition(distances, count - 1)[:count]
        found = found[np.argsort(distances[found], kind="stable")]
        return found, np.sqrt(np.maximum(distances[found], 0)).tolist()

    def steps(self, latent: Float[np.ndarray, " latent"]) -> list[float]:
        """The coordinates of a latent along the principal axes, in standard deviations of the items."""
        along = self.axes.project(latent[None, : self.size])[0]
        return np.divide(along, self._deviations).tolist()

    def moved(self, latent: Float[np.ndarray, " latent"], axis: int, step: float) -> Float[np.ndarray, " latent"]:
        """The latent with its coordinate along one principal axis set to `step` standard deviations."""
        change = (step - self.steps(latent)[axis]) * self._deviations[axis]
        found = np.array(latent, np.float32)
        found[: self.size] += change * self.axes.axes[axis]
        return found

    @property
    def _deviations(self) -> Float[np.ndarray, " axis"]:
        return np.maximum(self.axes.deviations, 1e-12)


def make_map(domain: str, settings: MapSettings, report: Report = silent) -> LatentMap:
    """Load the model, find the items' latents and columns, and project them."""
    if settings.projection != "pca":  # refused before any item is encoded
        if settings.along:
            raise ConfigError(
                f"Expected no `along` with `projection` {settings.projection}, whose axes have no direction. "
                "Leave one out."
            )
        check_umap()
    loaded = open_model(domain, settings.model, settings)
    items = located_items(loaded, settings, report)
    semantic = items.latent[:, : loaded.model.semantic_size]
    sample = semantic[evenly_spaced(len(semantic), AXES_FROM)]
    axes = principal_axes(sample, min(SLIDERS, semantic.shape[1], max(len(sample) - 1, 1)))  # no more vary
    colour = items.column(settings.colour_by) if settings.colour_by is not None else None
    plane, labels = _plane(semantic, colour, settings, report)
    shown = colour or next(iter(items.columns), None)
    return LatentMap(loaded, items, plane, axes, labels, shown, _notes(items))


def _plane(
    latents: Float[np.ndarray, "item latent"], colour: MapColumn | None, settings: MapSettings, report: Report
) -> tuple[PrincipalAxes | Embedding, tuple[str, str]]:
    """The axes of the map and their labels."""
    if settings.projection == "umap":
        return umap_embedding(latents, settings.seed, report), ("UMAP 1", "UMAP 2")
    if not settings.along:
        plane = principal_axes(latents[evenly_spaced(len(latents), AXES_FROM)])
        return plane, axis_labels(plane)
    if colour is None or colour.categories:
        raise ConfigError("Expected `colour_by` with a column of numbers for a map along its values, got none.")
    known = np.flatnonzero(np.isfinite(colour.values))
    if len(known) < 3:
        raise DataError(f"Expected at least 3 items with a number in '{colour.name}', found {len(known)}.")
    chosen = known[evenly_spaced(len(known), AXES_FROM)]
    plane, explained = axes_of_values(latents[chosen], colour.values[chosen])
    return plane, axis_labels(plane, colour.name, explained)


def _notes(items: LocatedItems) -> tuple[str, ...]:
    if not items.refused:
        return items.notes
    _, item, reason = items.refused[0]
    return (f"{len(items.refused)} rows have no place on the map, such as '{item[:60]}': {reason}", *items.notes)


# Pictures of items as files of images.

WIDTH, HEIGHT = 240, 170
"""Pixels."""
_INLINE = re.compile(r"""<img[^>]*?src=["']data:(image/[a-z+]+);base64,([^"']+)["']""")
_NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


@dataclass(frozen=True)
class Picture:
    """kind: such as image/png."""

    kind: str
    content: bytes

    @property
    def address(self) -> str:
        """The picture as a `data:` address."""
        return f"data:{self.kind};base64,{base64.b64encode(self.content).decode()}"


def picture_of(domain: Domain, item: Item, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """The picture of an item by its domain, an SVG or one of the formats of images."""
    markup = domain.render(item, width, height)
    if (found := _INLINE.search(markup)) is not None:
        return Picture(found[1], base64.b64decode(html.unescape(found[2])))
    if _NAMESPACE not in markup and "xmlns='http://www.w3.org/2000/svg'" not in markup:
        markup = markup.replace("<svg", f"<svg {_NAMESPACE}", 1)
    return Picture("image/svg+xml", markup.encode())


# Files of a latent map: a picture, a table of coordinates, or a table for Embedding Atlas.

PARQUET = ".parquet"
NEIGHBOURS = 15
"""Nearest items that the table for Embedding Atlas lists."""
MOST_LISTED = 100_000
"""A table of more items has no neighbours, which take time proportional to the square of the number."""
ROWS = 1024
"""Rows of one block of distances, and of one row group."""
TABLE_COLUMNS = ("item", "id", "x", "y")
"""Columns of a .csv before those of the values; `id` where the items have names."""
ATLAS_COLUMNS = ("id", "item", "name", "projection_x", "projection_y", "neighbors", "image")
"""Columns of a .parquet before those of the values; `neighbors` of up to `MOST_LISTED` items."""


def check_map_output(output: str) -> None:
    """Raise an error for an ending that no map is written in."""
    if not output.lower().endswith((*FIGURES, *WRITTEN_TABLES)):
        raise ConfigError(f"Expected `output` to end in {', '.join((*FIGURES, '.csv', PARQUET))}, got {output}.")


def write_map(found: LatentMap, output: str, overwrite: bool = False) -> None:
    """Write the map in the format of the output's ending, and `<output>.rejects.csv` with rows that have no place."""
    name = output.lower()
    check_map_output(output)
    if name.endswith(tuple(FIGURES)):
        _write_figure(found, output)
    elif name.endswith(PARQUET):
        write_atlas(found, output)
    else:
        _write_table(found, output, overwrite)
    write_rejected(output, found.items.refused)


def _write_figure(found: LatentMap, output: str) -> None:
    """The map as a picture, coloured by its column."""
    colour = found.colour
    label = "" if colour is None else f"{colour.name} ({colour.unit})" if colour.unit else colour.name
    figure = map_figure(found.points, None if colour is None else colour.cells(), label, found.labels)
    write_figure(figure, output)


def _write_table(found: LatentMap, output: str, overwrite: bool) -> None:
    items, points = found.items, found.points
    named = {"id": items.name} if any(items.name) else {}
    columns = {one.name: one.cells() for one in items.columns if one.name not in TABLE_COLUMNS}
    table = {"item": items.text, **named, "x": points[:, 0].tolist(), "y": points[:, 1].tolist(), **columns}
    with open_output(found.loaded.results, output, list(table), OutputOptions(overwrite=overwrite)) as writer:
        writer.write(table)


def neighbours_of(
    latents: Float[np.ndarray, "item latent"], count: int
) -> tuple[Int[np.ndarray, "item near"], Float[np.ndarray, "item near"]]:
    """The nearest other items of each, by the distance of latents, nearest first."""
    latents = np.asarray(latents, np.float32)
    squares, count = np.square(latents).sum(1), min(count, len(latents) - 1)
    near = np.empty((len(latents), count), np.int64)
    far = np.empty((len(latents), count), np.float32)
    for start in range(0, len(latents), ROWS):
        part = slice(start, start + ROWS)
        distances = squares[part, None] - 2 * latents[part] @ latents.T + squares
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf
        found = np.argpartition(distances, count - 1, 1)[:, :count]
        found = np.take_along_axis(found, np.argsort(np.take_along_axis(distances, found, 1), 1, "stable"), 1)
        near[part], far[part] = found, np.sqrt(np.maximum(np.take_along_axis(distances, found, 1), 0))
    return near, far


def write_atlas(found: LatentMap, output: str) -> None:
    """Write a Parquet file that Embedding Atlas opens: `projection_x`, `projection_y`, `neighbors` with the ids (row
    numbers) and distances of the nearest items, `image` with the bytes of each picture, the items and their columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields: list[tuple[str, pa.DataType]] = [
        ("id", pa.int64()), ("item", pa.string()), ("name", pa.string()),
        ("projection_x", pa.float32()), ("projection_y", pa.float32()),
    ]  # fmt: skip
    listed = len(found.items.text) <= MOST_LISTED
    if listed:
        fields.append(("neighbors", pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float32()))])))
    fields.append(("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
    columns = [one for one in found.items.columns if one.name not in ATLAS_COLUMNS]
    fields += [(one.name, pa.string() if one.categories else pa.float32()) for one in columns]
    schema = pa.schema(fields)
    with atomic_write(output, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for rows in _atlas_rows(found, listed):
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _atlas_rows(found: LatentMap, listed: bool) -> Iterator[list[dict[str, object]]]:
    items, domain = found.items, found.loaded.domain
    near, far = neighbours_of(items.latent[:, : found.size], NEIGHBOURS) if listed else (None, None)
    cells = {one.name: one.cells() for one in items.columns}
    for start in range(0, len(items.text), ROWS):
        rows: list[dict[str, object]] = []
        for at in range(start, min(start + ROWS, len(items.text))):
            image = {"bytes": picture_of(domain, domain.items.parse(items.text[at])).content, "path": None}
            row: dict[str, object] = {name: values[at] for name, values in cells.items()}
            row |= {"id": at, "item": items.text[at], "name": items.name[at], "image": image}
            row |= {"projection_x": float(found.points[at, 0]), "projection_y": float(found.points[at, 1])}
            if near is not None and far is not None:
                row["neighbors"] = {"ids": near[at].tolist(), "distances": far[at].tolist()}
            rows.append(row)
        yield rows


# The verb.


@dataclass(frozen=True)
class Mapped(Result):
    """Items on the latent map.

    Parameters
    ----------
    found : LatentMap
        The items with their latents, and the axes of the map.
    """

    found: LatentMap = field(kw_only=True, repr=False)


@takes(MapSettings)
def latent_map(domain: str, data: str | Path | None = None, **options: object) -> Mapped:
    """Place items on two axes of a model's latent space.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    data : str or Path, optional
        A file of items, a dataset's name, a prepared folder, or an .npz file of latents; by default draws of the model.

    Returns
    -------
    Mapped
        `table` has the columns `item`, `x` and `y`, and a column for each value. `write` writes a picture (.png .pdf
        .svg), a table (.csv), or a table for Embedding Atlas (.parquet).

    Raises
    ------
    DataError
        If fewer than two items have a latent.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.latent_map("molecules", limit=8, threads=1, include="logp", colour_by="logp")
    >>> list(found.table.columns)[:3]
    ['item', 'x', 'y']
    >>> found.write("map.png").suffix
    '.png'
    """
    import pandas as pd

    given = {} if data is None else {"data": str(data)}
    found = make_map(domain, build_settings(MapSettings, {**options, **given}))
    write = lambda path, overwrite: write_map(found, str(path), overwrite)  # noqa: E731
    places = {"item": found.items.text, "x": found.points[:, 0], "y": found.points[:, 1]}
    table = pd.DataFrame({**{one.name: one.cells() for one in found.items.columns}, **places})
    ordered = [*places, *(name for name in table.columns if name not in places)]
    return Mapped(table[ordered], summary_of(found), found.notes, write, found=found, domain=found.loaded.domain.name)


def summary_of(found: LatentMap) -> dict[str, Any]:
    """The counts and axes of a map."""
    first, second = found.labels
    kept = round(found.neighbours_kept, 3)
    counts = {"items": len(found.items.text), "refused": len(found.items.refused)}
    book = ledger("rows", sum(counts.values()), counts)
    return {**counts, "x": first, "y": second, "neighbours_kept": kept, **book}
