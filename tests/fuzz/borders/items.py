"""What the borders of the domains share: files of pieces, one for each item, and reading them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from sciencegen.api.science import domain_of
from sciencegen.data.workers import Failure, map_killable
from sciencegen.items import Refusal, Row
from tests.fuzz.cases import Found, Source
from tests.fuzz.mutations import damaged_bytes

Piece = tuple[bytes, bytes, bytes]
"""The text of an item: what is never damaged, what is, and what is not."""
MOST_CONTROLS = 5
"""Control characters of a spoilt item; with many of them a table is taken for a binary file."""
MOST_ROWS = 1_100_000
"""More rows than a damaged file can hold, except one that is inflated."""


def source_of(
    name: str, pieces: Sequence[Piece], *, without: Iterable[bytes] = (), head: bytes = b"", tail: bytes = b"",
    more: str = "", others: Sequence[bytes] = (), refusable: bool = False,
) -> Source:  # fmt: skip
    """A source whose items are pieces. without: texts that would begin another item; others: in place of an item."""
    forbidden = list(without)

    def spoil(chooser: Random) -> bytes:
        at = chooser.randrange(len(pieces))
        before, body, after = pieces[at]
        drawn = chooser.choice(others) if others and chooser.random() < 0.4 else damaged_bytes(body, chooser)
        for text in forbidden:
            drawn = drawn.replace(text, b"")
        if sum(byte < 32 for byte in drawn) > MOST_CONTROLS:
            drawn = drawn.translate(None, bytes(range(32)))
        drawn = drawn if drawn.decode("utf-8", "replace").strip() else b"?"
        return head + joined(pieces[:at]) + before + drawn + after + joined(pieces[at + 1 :]) + tail

    return Source(name, head + joined(pieces) + tail, len(pieces), spoil, refusable, more=more)


def joined(pieces: Sequence[Piece]) -> bytes:
    return b"".join(map(b"".join, pieces))


def lines(texts: Sequence[str], before: str = "", after: str = "\n") -> list[Piece]:
    """A piece for each text. before, after: what stands around it, with its number as {}."""
    numbered = ((str(at), text) for at, text in enumerate(texts))
    return [
        (before.replace("{}", at).encode(), text.encode(), after.replace("{}", at).encode()) for at, text in numbered
    ]


def read_items(domain: str, path: Path, processes: int = 0) -> Found:
    """Every row of a file, read by a domain and parsed: in this process, which is faster, or in killable ones, as the
    verbs do."""
    science = domain_of(domain)
    rows = list(islice(science.items.read(path, None), MOST_ROWS + 1))
    assert len(rows) <= MOST_ROWS, "rows that the file can't hold"
    for row in rows:
        check_row(row)
    texts = sorted({row.text for row in rows})
    found = map_killable(science.items.parse, texts, processes=processes) if processes else ()
    parsed = {texts[at]: one for at, one in found} or {text: science.items.parse(text) for text in texts}
    return found_of(parsed[row.text] for row in rows)


def check_row(row: Row) -> None:
    assert row.line >= 1, row
    assert isinstance(row.text, str), row
    assert isinstance(row.id, str), row
    assert all(isinstance(name, str) and math.isfinite(value) for name, value in row.values.items()), row.values


def found_of(parsed: Iterable[Any]) -> Found:
    read, reasons = 0, []
    for one in parsed:
        if isinstance(one, Refusal | Failure):
            reasons.append(one.reason)
        else:
            read += 1
    return Found(read, reasons)
