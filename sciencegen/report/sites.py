"""Items as letters in columns: what a report needs of a domain to draw heat maps of changes and logos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """Another letter than the reference's at a numbered site."""

    reference: str
    site: int
    letter: str


@dataclass(frozen=True)
class Sites:
    """Items laid in columns, a letter in each.

    rows: the letters of each item, as many as columns; None of one that can't be laid there. columns: their names.
    reference: the letters of what the items are held against, "" where that isn't known.
    """

    rows: Sequence[str | None]
    columns: Sequence[str]
    reference: str
