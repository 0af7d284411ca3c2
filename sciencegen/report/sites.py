"""Items as letters in columns, which a domain provides for heat maps of changes and for logos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A change from the reference's letter to another one at a numbered site."""

    reference: str
    site: int
    letter: str


@dataclass(frozen=True)
class Sites:
    """Items aligned in columns, with one letter in each.

    rows: the letters of each item, one per column; None for an item that can't be aligned. columns: their names.
    reference: the letters of the reference, "" if it is unknown.
    """

    rows: Sequence[str | None]
    columns: Sequence[str]
    reference: str
