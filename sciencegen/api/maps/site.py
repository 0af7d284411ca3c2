"""What the server of the page shows and answers: the map's arrays, pictures, and items that the model makes."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError

from sciencegen.api.maps import requests
from sciencegen.api.maps.columns import MapColumn
from sciencegen.api.maps.making import MadeItem, Maker, finite
from sciencegen.api.maps.pictures import picture_of
from sciencegen.api.writing.formats import check_ending
from sciencegen.api.writing.writer import OutputOptions, open_output
from sciencegen.browser.page import live_pages
from sciencegen.browser.server import Answer, NoSuchPath, Site, json_answer
from sciencegen.config import Settings
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Json, Origin
from sciencegen.latent.geometry import arc

BINARY = "application/octet-stream"
BASKET = "basket"
READABLE = 1000
"""Longer texts are coordinates or pixels, which the page doesn't show."""
KEPT = 256
"""Items of the data that aren't decoded again."""
Asked = TypeVar("Asked", bound=Settings)


def description_of(maker: Maker, title: str) -> Json:
    """What the page says about the map, without the arrays."""
    found, loaded = maker.map, maker.map.loaded
    colour = found.colour
    return {
        "title": title,
        "count": len(found.items.text),
        "labels": list(found.labels),
        "columns": [_described(column) for column in found.items.columns],
        "colour": None if colour is None else colour.name,
        "axes": [round(100 * share, 1) for share in found.axes.shares],
        "coordinates": found.size,
        "conditions": [
            {"name": one.name, "unit": one.unit, "low": finite(one.low), "high": finite(one.high), "whole": one.integer}
            for one in maker.conditions
            if np.isfinite([one.low, one.high]).all()
        ],
        "decoder_takes_conditions": maker.decoder_takes_conditions,
        "formats": written_formats(loaded.results, loaded.domain.items.formats),
        "notes": list(found.notes),
        "opaque": is_opaque(loaded.domain, found.items.text[0]),
    }


def is_opaque(domain: Domain, text: str) -> bool:
    """Whether the texts of items aren't for readers: pixels, coordinates, or cells, which the picture shows."""
    return domain.sidecar is not None or domain.cells is not None or len(text) > READABLE


def _described(column: MapColumn) -> Json:
    return {"name": column.name, "unit": column.unit, "categories": list(column.categories)}


def written_formats(domain: str, formats: tuple[str, ...]) -> list[str]:
    """Endings of the files that a basket can be saved as: tables, and the domain's own."""
    found = [".csv", ".parquet"]
    for ending in formats:
        if ending.endswith((*WRITTEN_TABLES, ".gz", ".tsv")) or ending in found:
            continue
        try:
            check_ending(domain, "`output`", f"{BASKET}{ending}")
        except ConfigError:
            continue
        found.append(ending)
    return found


def site_of(maker: Maker, title: str) -> Site:
    """The site of a map."""
    found = maker.map
    arrays = {"points": found.points, **{f"column/{at}": one.values for at, one in enumerate(found.items.columns)}}
    pages = {
        **live_pages(title),
        "description": json_answer(description_of(maker, title)),
        **{path: Answer(_bytes(values), BINARY) for path, values in arrays.items()},
    }
    calls = _Calls(maker)
    return Site(pages, calls.table, calls.picture)


def _bytes(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()


class _Calls:
    """The calls of the page."""

    def __init__(self, maker: Maker) -> None:
        self._maker, self._map = maker, maker.map
        self._of_data = lru_cache(KEPT)(self._decoded)
        self.table: Mapping[str, Callable[[bytes], Answer]] = {
            "rows": _reading(requests.Rows, self.rows),
            "place": _reading(requests.AtPlace, self.place),
            "item": _reading(requests.OfItem, self.item),
            "change": _reading(requests.Change, self.change),
            "nearest": _reading(requests.Nearest, self.nearest),
            "near": _reading(requests.Near, self.near),
            "path": _reading(requests.Path, self.path),
            "draw": _reading(requests.Draw, self.draw),
            "export": _reading(requests.Export, self.export),
        }

    def picture(self, path: str) -> Answer:
        """`picture/NUMBER`: the picture of an item of the data."""
        kind, _, number = path.partition("/")
        if kind != "picture" or not (number.isascii() and number.isdigit()):
            raise NoSuchPath(f"nothing at '{path[:60]}'")
        item = self._maker.parsed(self._map.items.text[self._checked(int(number))])
        picture = picture_of(self._map.loaded.domain, item)
        return Answer(picture.content, picture.kind)

    def rows(self, asked: requests.Rows) -> Answer:
        items = self._map.items
        found = [self._checked(index) for index in asked.indices]
        return json_answer([{"index": at, "text": items.text[at], "name": items.name[at]} for at in found])

    def place(self, asked: requests.AtPlace) -> Answer:
        latent = self._map.at_place(asked.x, asked.y)
        return json_answer(_plain(self._maker.decoded(latent[None], asked.condition)[0]))

    def item(self, asked: requests.OfItem) -> Answer:
        index = self._checked(asked.index)
        decoded, text = self._of_data(index), self._map.items.text[index]
        return json_answer(_plain(decoded) | {"same": decoded.text == text, "given": text})

    def _decoded(self, index: int) -> MadeItem:
        return self._maker.decoded(self._map.items.latent[index][None])[0]

    def change(self, asked: requests.Change) -> Answer:
        latent = self._latent(asked.latent)
        if asked.axis is not None:
            if asked.axis >= len(self._map.axes.axes):
                raise DataError(f"Expected an axis below {len(self._map.axes.axes)}, got {asked.axis}.")
            latent = self._map.moved(latent, asked.axis, asked.step)
        return json_answer(_plain(self._maker.decoded(latent[None], asked.condition)[0]))

    def nearest(self, asked: requests.Nearest) -> Answer:
        found, distances = self._map.nearest(self._latent(asked.latent), asked.count)
        texts, names = self._map.items.text, self._map.items.name
        return json_answer([
            {"index": at, "distance": distance, "text": texts[at], "name": names[at]}
            for at, distance in zip(found.tolist(), distances, strict=True)
        ])  # fmt: skip

    def near(self, asked: requests.Near) -> Answer:
        found = self._maker.near(self._latent(asked.latent), asked.count, asked.radius, asked.seed)
        return json_answer([_plain(one) for one in found])

    def path(self, asked: requests.Path) -> Answer:
        """The latents of a path, both ends included; the page asks for the item of each, so that it shows them as they
        are decoded, and can stop."""
        found = arc(self._latent(asked.start), self._latent(asked.end), asked.steps)
        return json_answer([_rounded(latent) for latent in found])

    def draw(self, asked: requests.Draw) -> Answer:
        return json_answer(_plain(self._maker.drawn(asked.seed, asked.condition)))

    def export(self, asked: requests.Export) -> Answer:
        loaded = self._map.loaded
        if asked.ending not in written_formats(loaded.results, loaded.domain.items.formats):
            raise ConfigError(f"Expected a format that can be written, got '{asked.ending}'.")
        for one in asked.items:
            self._maker.parsed(one.item)
        names = dict.fromkeys(name for one in asked.items for name in one.values)
        table: dict[str, list[Cell]] = {
            "item": [one.item for one in asked.items],
            "id": [one.name for one in asked.items],
        }
        table |= {"origin": [one.origin for one in asked.items]}
        table |= {name: [one.values.get(name) for one in asked.items] for name in names if name not in table}
        return written(loaded.results, table, asked.ending)

    def _checked(self, index: int) -> int:
        if not 0 <= index < len(self._map.items.text):
            raise DataError(f"Expected an item's number below {len(self._map.items.text)}, got {index}.")
        return index

    def _latent(self, values: requests.Latent) -> Float[np.ndarray, " latent"]:
        size = self._map.loaded.space.size
        if len(values) != size:
            raise DataError(f"Expected a latent of {size} numbers, got {len(values)}.")
        return np.array(values, np.float32)


def written(domain: str, table: Mapping[str, list[Cell]], ending: str) -> Answer:
    """A table of items as a file for the browser; as an archive, if its format consists of several files."""
    origin = Origin("explore", made=False)
    with tempfile.TemporaryDirectory() as folder:
        name = f"{BASKET}{ending}"
        with open_output(domain, str(Path(folder) / name), list(table), OutputOptions(origin=origin)) as writer:
            writer.write(table)
        files = sorted(Path(folder).iterdir())
        if [file.name for file in files] == [name]:
            return Answer(files[0].read_bytes(), BINARY, name)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.name)
    return Answer(content.getvalue(), BINARY, f"{BASKET}.zip")


def _reading(record: type[Asked], call: Callable[[Asked], Answer]) -> Callable[[bytes], Answer]:
    """A call that takes the JSON of a record."""

    def answer(body: bytes) -> Answer:
        try:
            asked = record.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the request"
            raise DataError(f"Expected a request of the page, got another value at {place}: {first['msg']}.") from None
        return call(asked)

    return answer


def _plain(made: MadeItem) -> Json:
    return {
        "text": made.text,
        "reason": made.reason,
        "latent": _rounded(made.latent),
        "point": list(made.point),
        "steps": [round(step, 4) for step in made.steps],
        "values": dict(made.values),
        "picture": "" if made.picture is None else made.picture.address,
    }


def _rounded(latent: Float[np.ndarray, " latent"]) -> list[float]:
    return [round(value, 6) for value in latent.tolist()]
