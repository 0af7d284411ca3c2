"""Explore: the latent map as a page in a browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np

from sciencegen.api.maps.latent_map import LatentMap, make_map, picture_of
from sciencegen.api.maps.site import Maker, description_of, site_of
from sciencegen.browser.server import LocalServer, offline_page
from sciencegen.config import MapSettings, build_settings
from sciencegen.data.statistics import evenly_spaced
from sciencegen.files import atomic_write
from sciencegen.options import takes

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
