"""Files of a latent map: a picture, a table of coordinates, or a table for Embedding Atlas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from sciencegen.api.maps.latent_map import LatentMap
from sciencegen.api.maps.pictures import picture_of
from sciencegen.api.writing.writer import OutputOptions, open_output, write_rejected
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.errors import ConfigError
from sciencegen.files import atomic_write
from sciencegen.latent.drawing import map_figure

FIGURES = (".png", ".pdf", ".svg")
PARQUET = ".parquet"
NEIGHBOURS = 15
"""Nearest items that the table for Embedding Atlas lists."""
MOST_LISTED = 100_000
"""A table of more items has no neighbours, which take time proportional to the square of the number."""
ROWS = 1024
"""Rows of one block of distances, and of one row group."""
DPI = 200
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
    if name.endswith(FIGURES):
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
    ending = Path(output).suffix[1:].lower()
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[ending]
    with atomic_write(output, "wb") as file:
        figure.savefig(file, format=ending, dpi=DPI, metadata=metadata)


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
