"""Damaged files: cut at random places, with flipped bytes, and with headers that lie. The same every time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from sciencegen.errors import SciencegenError
from sciencegen.items import Row

LIES = (b"0", b"1", b"-1", b"7", b"99999999", b"2147483648", b"999999999999999", b"nan", b"", b"\0", b"1e400")
MOST_ROWS = 2000
"""More rows than any of the damaged files can hold."""


def cut(content: bytes, chooser: Random) -> bytes:
    return content[: chooser.randrange(1, max(2, len(content)))]


def flipped(content: bytes, chooser: Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(chooser.choice((1, 1, 3, 30))):
        spoilt[chooser.randrange(len(spoilt))] ^= 1 << chooser.randrange(8)
    return bytes(spoilt)


def flipped_start(content: bytes, chooser: Random) -> bytes:
    return flipped(content[:600], chooser) + content[600:]


def lying(content: bytes, chooser: Random) -> bytes:
    """One number of a text is another; a binary number of four or eight bytes is as large as can be."""
    numbers = list(islice(re.finditer(rb"-?\d+(\.\d+)?", content[:20_000]), 2000))
    if numbers and chooser.random() < 0.7:
        one, lie = chooser.choice(numbers), chooser.choice(LIES)
        padded = lie.rjust(one.end() - one.start()) if chooser.random() < 0.5 else lie
        start = one.end() - len(padded) if content[: one.start()].endswith(b"   ") else one.start()
        return content[:start] + padded + content[one.end() :]
    place, width = chooser.randrange(max(1, min(len(content) - 8, 4000))), chooser.choice((4, 8))
    return content[:place] + chooser.choice((b"\xff", b"\x7f", b"\0")) * width + content[place + width :]


def swapped(content: bytes, chooser: Random) -> bytes:
    """A piece of the file stands at another place."""
    start, size = chooser.randrange(len(content)), chooser.randint(1, 200)
    piece, rest = content[start : start + size], content[:start] + content[start + size :]
    place = chooser.randrange(len(rest) + 1)
    return rest[:place] + piece + rest[place:]


KINDS = (cut, flipped, flipped_start, lying, lying, swapped)


def damaged(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    chooser = Random(seed)
    return (chooser.choice(KINDS)(content, chooser) for _ in range(count))


def read_all(read: Callable[[Path], Iterator[Row]], parse: Callable[[str], object], path: Path) -> list[object] | None:
    """All items and refusals of a file, None if it is refused as a whole; any other exception fails the test."""
    try:
        rows = list(islice(read(path), MOST_ROWS + 1))
    except SciencegenError:
        return None
    assert len(rows) <= MOST_ROWS, "rows that the file can't hold"
    return [parse(row.text) for row in rows]
