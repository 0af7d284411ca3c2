"""Explore: the latent map as a page in a browser."""

from __future__ import annotations

import base64
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock, Thread
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from pydantic import Field, ValidationError

from sciencegen.api.latent_map import LatentMap, MapColumn, Picture, make_map, picture_of
from sciencegen.api.sampling.judge import measure_all
from sciencegen.api.writing.writer import OutputOptions, check_ending, open_output
from sciencegen.browser.server import Answer, LocalServer, NoSuchPath, Site, json_answer, live_pages, offline_page
from sciencegen.config import MapSettings, Settings, build_settings
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.workers import is_refusal
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.files import atomic_write
from sciencegen.items import Cell, Item, Json, Origin, Property, Refusal
from sciencegen.latent.geometry import arc, latent_noise
from sciencegen.options import takes

# What the page asks its server: strict records of the JSON of each call.

LONGEST_PATH = 50
MOST_ROWS = 500
Latent = tuple[float, ...]
Condition = dict[str, float]


class RowsRequest(Settings):
    """The texts and names of some items."""

    indices: tuple[int, ...] = Field(max_length=MOST_ROWS)


class PlaceRequest(Settings):
    """Decode a place of the map."""

    x: float
    y: float
    condition: Condition = Field(default_factory=dict)


class ItemRequest(Settings):
    """An item of the data, with its latent."""

    index: int = Field(ge=0)


class ChangeRequest(Settings):
    """Decode a latent, with its coordinate along one principal axis set to a number of standard deviations."""

    latent: Latent
    axis: int | None = Field(None, ge=0)
    step: float = 0.0
    condition: Condition = Field(default_factory=dict)


class NearestRequest(Settings):
    """The items of the data that are nearest to a latent."""

    latent: Latent
    count: int = Field(12, ge=1, le=100)


class NearRequest(Settings):
    """New items near a latent."""

    latent: Latent
    count: int = Field(8, ge=1, le=24)
    radius: float = Field(0.3, gt=0, le=1)
    seed: int = Field(0, ge=0)


class PathRequest(Settings):
    """Items on the arc between two latents."""

    start: Latent
    end: Latent
    steps: int = Field(9, ge=2, le=LONGEST_PATH)


class PageDrawRequest(Settings):
    """A draw of the model."""

    seed: int = Field(0, ge=0)
    condition: Condition = Field(default_factory=dict)


class Kept(Settings):
    """An item of the basket. origin: how it came there."""

    item: str
    name: str = ""
    origin: str = ""
    values: dict[str, float | None] = Field(default_factory=dict)


class ExportRequest(Settings):
    """The basket as a file. ending: of its format."""

    items: tuple[Kept, ...] = Field(min_length=1)
    ending: str


# Items that a page makes: decoded at a place, changed along an axis, between two others, near one, or drawn.

ATTEMPTS = 6
"""Rounds of draws near an item, until enough different items are found."""


@dataclass(frozen=True)
class MadeItem:
    """An item and its latent.

    Parameters
    ----------
    text : str
        "" if the latent decodes to no item.
    reason : str
        Why it has no text.
    latent : array [latent]
    point : (float, float)
        Its place on the map.
    steps : list of float
        Its coordinates along the principal axes, in standard deviations.
    values : mapping
        Properties, None where they can't be computed.
    picture : Picture, optional
    """

    text: str
    reason: str
    latent: Float[np.ndarray, " latent"] = field(repr=False)
    point: tuple[float, float]
    steps: list[float]
    values: Mapping[str, float | None]
    picture: Picture | None = field(repr=False)

    def to_json(self) -> Json:
        """For the page, with rounded numbers."""
        return {
            "text": self.text,
            "reason": self.reason,
            "latent": _rounded(self.latent),
            "point": list(self.point),
            "steps": [round(step, 4) for step in self.steps],
            "values": dict(self.values),
            "picture": "" if self.picture is None else self.picture.address,
        }


@dataclass(frozen=True)
class Maker:
    """Makes items on a map; calls from several threads are computed one after another."""

    map: LatentMap
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @cached_property
    def measured(self) -> tuple[str, ...]:
        """Names of the properties that made items are shown with."""
        domain = self.map.loaded.domain
        names = [column.name for column in self.map.items.columns] or self.map.loaded.space.properties
        return tuple(name for name in names if name in domain.properties)

    @cached_property
    def conditions(self) -> tuple[Property, ...]:
        """The conditions that the model takes, with the range that its draws can have."""
        loaded = self.map.loaded
        known = [loaded.domain.properties[name] for name in loaded.space.properties if name in loaded.domain.properties]
        limits = loaded.representation.limits
        ends = [limits.get(one.name, (one.low, one.high)) for one in known]
        return tuple(replace(one, low=low, high=high) for one, (low, high) in zip(known, ends, strict=True))

    @property
    def decoder_takes_conditions(self) -> bool:
        """Whether conditions change what a latent is decoded to; else only what is drawn."""
        return bool(self.conditions) and not self.map.loaded.recipe.latent_alone

    def decoded(
        self, latents: Float[np.ndarray, "item latent"], condition: Mapping[str, float] | None = None
    ) -> list[MadeItem]:
        """What each latent is decoded to."""
        rows = None
        if condition and self.decoder_takes_conditions:
            rows = np.repeat(self._standardized(condition)[None], len(latents), 0)
        with self._lock:
            items = self.map.loaded.space.decode_items(latents, rows)
            return self._described(items, list(latents))

    def drawn(self, seed: int, condition: Mapping[str, float] | None) -> MadeItem:
        """The draw with this seed, under a condition; the same noise is used for each condition."""
        space = self.map.loaded.space
        rows = self._standardized(condition)[None] if condition else None
        with self._lock:
            latents = space.from_noise(latent_noise(seed, 0, space.size)[:1], rows)
        return self.decoded(latents, condition)[0]

    def near(self, latent: Float[np.ndarray, " latent"], count: int, radius: float, seed: int) -> list[MadeItem]:
        """Different items near a latent, as `LatentSpace.around`."""
        space = self.map.loaded.space
        with self._lock:
            found = space.around(latent, space.decode_items(latent[None])[0], count, radius, seed, ATTEMPTS)
            return self._described([one for one, _ in found], [place for _, place in found])

    def parsed(self, text: str) -> Item:
        """The item of a text; an error if it is none."""
        item = self.map.loaded.domain.items.parse(text)
        if isinstance(item, Refusal):
            raise DataError(f"Expected an item, got '{text[:60]}': {item.reason}.")
        return item

    def _standardized(self, condition: Mapping[str, float]) -> Float[np.ndarray, " property"]:
        for name in condition:
            if name not in self.map.loaded.space.properties:
                raise unknown_name("condition", name, self.map.loaded.space.properties)
        return self.map.loaded.representation.condition(condition)

    def _described(
        self, items: Sequence[Item | Refusal], latents: Sequence[Float[np.ndarray, " latent"]]
    ) -> list[MadeItem]:
        domain, names = self.map.loaded.domain, self.measured
        known = [item for item in items if not is_refusal(item)]
        rows = iter(measure_all(domain, known, names) if names else [[] for _ in known])
        made = []
        for item, latent in zip(items, latents, strict=True):
            x, y = self.map.place(latent[None])[0].tolist()
            steps = self.map.steps(latent)
            if isinstance(item, Refusal):
                made.append(MadeItem("", item.reason, latent, (x, y), steps, {}, None))
                continue
            values = {name: finite(value) for name, value in zip(names, next(rows), strict=True)}
            made.append(MadeItem(domain.items.text(item), "", latent, (x, y), steps, values, picture_of(domain, item)))
        return made


def finite(value: float | None) -> float | None:
    """A number, or None if it is missing or not finite."""
    return None if value is None or not np.isfinite(value) else float(value)


# The site: what the page reads and calls.

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
        **{path: Answer(np.ascontiguousarray(values, "<f4").tobytes(), BINARY) for path, values in arrays.items()},
    }
    calls = _Calls(maker)
    return Site(pages, calls.table, calls.picture)


class _Calls:
    """The calls of the page."""

    def __init__(self, maker: Maker) -> None:
        self._maker, self._map = maker, maker.map
        self._of_data = lru_cache(KEPT)(self._decoded)
        self.table: Mapping[str, Callable[[bytes], Answer]] = {
            "rows": _reading(RowsRequest, self.rows),
            "place": _reading(PlaceRequest, self.place),
            "item": _reading(ItemRequest, self.item),
            "change": _reading(ChangeRequest, self.change),
            "nearest": _reading(NearestRequest, self.nearest),
            "near": _reading(NearRequest, self.near),
            "path": _reading(PathRequest, self.path),
            "draw": _reading(PageDrawRequest, self.draw),
            "export": _reading(ExportRequest, self.export),
        }

    def picture(self, path: str) -> Answer:
        """`picture/NUMBER`: the picture of an item of the data."""
        kind, _, number = path.partition("/")
        if kind != "picture" or not (number.isascii() and number.isdigit()):
            raise NoSuchPath(f"nothing at '{path[:60]}'")
        item = self._maker.parsed(self._map.items.text[self._checked(int(number))])
        picture = picture_of(self._map.loaded.domain, item)
        return Answer(picture.content, picture.kind)

    def rows(self, asked: RowsRequest) -> Answer:
        items = self._map.items
        found = [self._checked(index) for index in asked.indices]
        return json_answer([{"index": at, "text": items.text[at], "name": items.name[at]} for at in found])

    def place(self, asked: PlaceRequest) -> Answer:
        latent = self._map.at_place(asked.x, asked.y)
        return json_answer(self._maker.decoded(latent[None], asked.condition)[0].to_json())

    def item(self, asked: ItemRequest) -> Answer:
        index = self._checked(asked.index)
        decoded, text = self._of_data(index), self._map.items.text[index]
        return json_answer(decoded.to_json() | {"same": decoded.text == text, "given": text})

    def _decoded(self, index: int) -> MadeItem:
        return self._maker.decoded(self._map.items.latent[index][None])[0]

    def change(self, asked: ChangeRequest) -> Answer:
        latent = self._latent(asked.latent)
        if asked.axis is not None:
            if asked.axis >= len(self._map.axes.axes):
                raise DataError(f"Expected an axis below {len(self._map.axes.axes)}, got {asked.axis}.")
            latent = self._map.moved(latent, asked.axis, asked.step)
        return json_answer(self._maker.decoded(latent[None], asked.condition)[0].to_json())

    def nearest(self, asked: NearestRequest) -> Answer:
        found, distances = self._map.nearest(self._latent(asked.latent), asked.count)
        texts, names = self._map.items.text, self._map.items.name
        return json_answer([
            {"index": at, "distance": distance, "text": texts[at], "name": names[at]}
            for at, distance in zip(found.tolist(), distances, strict=True)
        ])  # fmt: skip

    def near(self, asked: NearRequest) -> Answer:
        found = self._maker.near(self._latent(asked.latent), asked.count, asked.radius, asked.seed)
        return json_answer([one.to_json() for one in found])

    def path(self, asked: PathRequest) -> Answer:
        """The latents of a path, both ends included; the page asks for the item of each, so that it shows them as they
        are decoded, and can stop."""
        found = arc(self._latent(asked.start), self._latent(asked.end), asked.steps)
        return json_answer([_rounded(latent) for latent in found])

    def draw(self, asked: PageDrawRequest) -> Answer:
        return json_answer(self._maker.drawn(asked.seed, asked.condition).to_json())

    def export(self, asked: ExportRequest) -> Answer:
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

    def _latent(self, values: Latent) -> Float[np.ndarray, " latent"]:
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


def _rounded(latent: Float[np.ndarray, " latent"]) -> list[float]:
    return [round(value, 6) for value in latent.tolist()]


# The page by a server, or as one file.

PICTURES = 5000
"""Pictures that a page without a server holds at most, of items that are evenly spaced in the data."""


@takes(MapSettings)
@contextmanager
def explore(domain: str, data: str | Path | None = None, port: int = 0, **options: object) -> Iterator[LocalServer]:
    """Serve the latent map of items to a browser of this computer, as long as the context lasts.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    data : str or Path, optional
        A file of items, a dataset's name, a prepared folder, or an .npz file of latents; by default draws of the model.
    port : int
        Of the server; 0 for any free one.

    Yields
    ------
    LocalServer
        `address` is the page's address, whose token nobody else knows.

    Examples
    --------
    >>> import sciencegen as sg
    >>> from urllib.request import urlopen
    >>> with sg.explore("molecules", limit=8, threads=1) as server:
    ...     page = urlopen(server.address).read()
    >>> page[:15]
    b'<!doctype html>'
    """
    given = {} if data is None else {"data": str(data)}
    found = make_map(domain, build_settings(MapSettings, {**options, **given}))
    with server_of(found, title_of(domain, data), port) as server:
        thread = Thread(target=server.serve, daemon=True)
        thread.start()
        yield server


def title_of(domain: str, data: str | Path | None) -> str:
    """The title of the page."""
    return f"{domain}: {'draws of the model' if data is None else Path(data).name if Path(data).exists() else data}"


def server_of(found: LatentMap, title: str, port: int = 0) -> LocalServer:
    """The server of a map, which doesn't serve yet."""
    return LocalServer(site_of(Maker(found), title), port)


def write_page(found: LatentMap, title: str, output: str) -> int:
    """Write the page as one file that needs no server; returns the number of pictures that it holds."""
    items, domain = found.items, found.loaded.domain
    pictures = {}
    for at in evenly_spaced(len(items.text), PICTURES).tolist():
        pictures[at] = picture_of(domain, domain.items.parse(items.text[at])).address
    data = {
        "description": description_of(Maker(found), title),
        "points": _packed(found.points),
        "columns": [_packed(column.values) for column in items.columns],
        "texts": items.text,
        "names": items.name if any(items.name) else [],
        "pictures": pictures,
    }
    page = offline_page(title, data)
    with atomic_write(output) as file:
        file.write(page)
    return len(pictures)


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
