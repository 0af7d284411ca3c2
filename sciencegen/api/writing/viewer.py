"""A structure of a result that can be turned in a notebook."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_write
from sciencegen.items import Refusal
from sciencegen.report.viewer import viewer_page

VIEWED = (".sdf", ".pdb")
"""Formats of files that `Structures.records` reads and 3Dmol.js draws."""
WIDTH, HEIGHT = 480, 360


@dataclass(frozen=True)
class View:
    """A page with a structure, which notebooks show. It needs no network.

    Parameters
    ----------
    page : str
        HTML, with 3Dmol.js (half a megabyte).
    """

    page: str = field(repr=False)

    def _repr_html_(self) -> str:
        frame = f'width="{WIDTH}" height="{HEIGHT}" style="border:0"'
        return f'<iframe sandbox="allow-scripts" {frame} srcdoc="{escape(self.page)}"></iframe>'

    def write(self, path: str | Path) -> Path:
        """Write the page to a file, for a browser; its name must end in .html."""
        if Path(path).suffix.lower() != ".html":
            raise ConfigError(f"Expected a file's name that ends in .html, got {path}.")
        with atomic_write(Path(path)) as temporary:
            temporary.write(self.page)
        return Path(path)


def view_of(science: Domain, text: str) -> View:
    """The structure of an item; an error for an item without coordinates."""
    parts, endings = science.structures, [one for one in VIEWED if one in science.items.formats]
    if parts is None or parts.records is None or not endings:
        raise ConfigError(f"Expected items with coordinates, {science.name} has none.")
    item = science.items.parse(text)
    if isinstance(item, Refusal):
        raise DataError(f"Expected an item, got '{text[:60]}': {item.reason}.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"item{endings[0]}"
        science.items.write(path, [item], ["item"], {}, None)
        kind, records = parts.records(path)
        record = next(iter(records), "")
    if not record:
        raise DataError("Expected an item with coordinates, got one without. Compute its structure first (`complete`).")
    return View(viewer_page(record, kind, parts.style, science.name))
