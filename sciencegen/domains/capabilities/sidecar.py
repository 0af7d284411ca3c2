"""The optional part `Sidecar`: items in a file next to the table, for texts that are too large for a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sciencegen.items import Item


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """The file of items next to a table.

    Parameters
    ----------
    ending : str
        Suffix of the file, such as ".fits".
    cell : (item) -> str
        File and number of an item that was read from a file (`stamps.fits[3]`), else "".
    text_at : (path, number) -> str
        The text of the item with this number, counted from 0, in a file that `ItemIO.write` wrote.
    """

    ending: str
    cell: Callable[[Item], str]
    text_at: Callable[[Path, int], str]
