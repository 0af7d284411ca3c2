"""The layout of a FITS file by its headers alone, to find out whether all bytes that they announce are there.

astropy reads a truncated file, packed or not, without an error, and leaves out what is missing.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sciencegen.data.damage import BLOCK, GZIP_START, reason_of
from sciencegen.errors import DataError

CARD, RECORD = 80, 2880
MOST_RECORDS = 4096
"""Maximum length of a header, 147,456 cards."""
MOST_PADDING = 1 << 18
"""Blank bytes after the last HDU, as of tapes; astropy takes seconds for each megabyte of them."""
_PACKED: dict[bytes, Callable[..., Any]] = {GZIP_START: gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_INTEGER = re.compile(rb"([A-Z0-9_-]{1,8}) *= *([+-]?\d{1,18}) *(?:/.*)?", re.DOTALL)
_BITS = (8, 16, 32, 64, -32, -64)
_BLANK = b"\0 \t\r\n"
_OF_CATALOGUE = b"row of CATALOG"
"""In the header of files by sciencegen, which end in a catalogue."""


@dataclass(frozen=True)
class Extent:
    """Data of an HDU: its first byte, and the numbers of bytes that the header announces and that are present."""

    start: int
    announced: int
    present: int


@dataclass
class Layout:
    """extents: of each HDU. problem: what is missing or damaged, "" for a whole file."""

    extents: list[Extent] = field(default_factory=list)
    problem: str = ""


class _Stream:
    """The unpacked bytes of a file until its end or the first damage."""

    def __init__(self, path: Path) -> None:
        self.handle = open(path, "rb")  # noqa: SIM115 - closed by its user
        self.place, self.damage, start = 0, "", self.handle.read(6)
        self.size = self.handle.seek(0, io.SEEK_END)
        self.handle.seek(0)
        packed = next((kind for magic, kind in _PACKED.items() if start.startswith(magic)), None)
        self.is_packed = packed is not None
        self.stream: IO[bytes] = self.handle if packed is None else packed(self.handle, "rb")

    def read(self, size: int) -> bytes:
        parts = []
        while size > 0 and (block := self._block(min(size, BLOCK))):
            parts.append(block)
            size -= len(block)
        return b"".join(parts)

    def _block(self, size: int) -> bytes:
        try:
            block = b"" if self.damage else self.stream.read1(size)  # type: ignore[attr-defined]
        except Exception as error:  # the libraries raise almost anything on damaged files
            self.damage, block = reason_of(error), b""
        self.place += len(block)
        return block

    def skip(self, size: int) -> int:
        """Skip bytes; returns how many there were."""
        if not self.is_packed:
            skipped = max(0, min(size, self.size - self.place))
            self.place = self.handle.seek(self.place + skipped)
            return skipped
        before = self.place
        while self.place - before < size and self._block(min(BLOCK, size - self.place + before)):
            pass
        return self.place - before


def read_layout(path: Path) -> Layout:
    """Read the headers of all HDUs and skip their data; a packed file is unpacked once, up to its checksum."""
    stream, layout = _Stream(path), Layout()
    with stream.handle:
        layout.problem = _read_hdus(stream, layout.extents)
        if stream.damage:
            layout.problem = f"a damaged one ({stream.damage})"
    return layout


def check_whole(path: Path) -> list[Extent]:
    """The data of each HDU of a file that must be whole. Raises a DataError if a part is missing or damaged."""
    layout = read_layout(path)
    if layout.problem:
        raise DataError(f"Expected a FITS file at {path}, found {layout.problem}. Get it again.")
    return layout.extents


def first_bytes(path: Path, size: int) -> bytes:
    """The first unpacked bytes of a file."""
    stream = _Stream(path)
    with stream.handle:
        return stream.read(size)


def _read_hdus(stream: _Stream, extents: list[Extent]) -> str:
    """Read HDUs to the end of the file; returns a problem."""
    expected, has_catalogue, has_images = 0, True, True
    while record := stream.read(RECORD):
        if not record.startswith(b"XTENSION" if extents else b"SIMPLE"):
            problem = _after_last(record, stream, len(extents))
            return problem or _lacking(expected, len(extents) - 1, has_catalogue)
        header = _header(record, stream)
        if header is None:
            return f"one that ends in, or has no end of, the header of HDU {len(extents)}"
        numbers = _integers(header)
        size = _data_size(numbers)
        if size is None:
            return f"a header of HDU {len(extents)} that doesn't say the size of its data"
        if not extents:
            has_images = numbers["NAXIS"] > 0
            expected = 0 if has_images else numbers.get("NEXTEND", 0)
            has_catalogue = not any(_OF_CATALOGUE in card for card in header)
        has_catalogue = has_catalogue or any(card.startswith(b"EXTNAME = 'CATALOG ") for card in header)
        extents.append(Extent(stream.place, size, present := stream.skip(size)))
        if present < size:
            return f"one cut short: HDU {len(extents) - 1} announces {size} bytes and has {present}"
        stream.skip(-size % RECORD)  # some files lack the last padding
    return _lacking(expected, len(extents) - 1, has_catalogue)


def _lacking(expected: int, found: int, has_catalogue: bool) -> str:
    if found < expected:
        return f"one cut short: it announces {expected} extensions and has {found}"
    return "" if has_catalogue else "one cut short: its header announces the extension CATALOG, which is missing"


def _after_last(record: bytes, stream: _Stream, count: int) -> str:
    """A problem with bytes that start no HDU: those after the last one must be blank."""
    if not count:
        return "no card SIMPLE at its start"
    end = stream.place + MOST_PADDING
    while record:
        if record.strip(_BLANK):
            return f"something else than an HDU after {count} of them"
        if stream.place > end:
            return f"more than {MOST_PADDING >> 10} KiB of blanks after {count} HDUs"
        record = stream.read(RECORD)
    return ""


def _header(record: bytes, stream: _Stream) -> list[bytes] | None:
    """Cards of the header that starts with this record; None if it doesn't end."""
    cards: list[bytes] = []
    for _ in range(MOST_RECORDS):
        if len(record) < RECORD:
            return None
        cards += [record[at : at + CARD] for at in range(0, RECORD, CARD)]
        if any(card[:8].rstrip() == b"END" for card in cards[-RECORD // CARD :]):
            return cards
        record = stream.read(RECORD)
    return None


def _integers(cards: list[bytes]) -> Mapping[str, int]:
    matches = filter(None, (_INTEGER.fullmatch(card.rstrip()) for card in reversed(cards)))  # the first card counts
    return {match[1].decode(): int(match[2]) for match in matches}


def _data_size(header: Mapping[str, int]) -> int | None:
    """Bytes of the data without padding, None if the header has no valid sizes (FITS standard 4.0, section 4.4)."""
    axes = header.get("NAXIS", -1)
    if any(not 0 <= header.get(name, 0) < 1000 for name in ("NAXIS", "ZNAXIS", "TFIELDS")):  # by the standard
        return None
    sides = [header.get(f"NAXIS{axis}", -1) for axis in range(1, axes + 1)]
    groups, parameters = header.get("GCOUNT", 1), header.get("PCOUNT", 0)
    if axes < 0 or header.get("BITPIX") not in _BITS or min([*sides, groups, parameters]) < 0:
        return None
    if not sides:
        return 0
    random_groups = len(sides) > 1 and sides[0] == 0 and "GCOUNT" in header
    return abs(header["BITPIX"]) // 8 * groups * (parameters + math.prod(sides[1:] if random_groups else sides))
