"""A file beside a table that holds the items, where their texts are too large for cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sciencegen.items import Item


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """The file beside a table.

    Parameters
    ----------
    ending : str
        Of the file, such as ".fits".
    cell : (item) -> str
        The file and number of an item that is in a file already (`stamps.fits[3]`), else "".
    text_at : (path, number) -> str
        The text of the item with this number, from 0, in a file that `ItemIO.write` wrote.
    """

    ending: str
    cell: Callable[[Item], str]
    text_at: Callable[[Path, int], str]
