"""The file format: blocks, each with its length and checksum, so that damage is found and the rest is still read.

    magic, then blocks: type (1 byte), length (4 bytes, little endian), CRC-32 of type and content (4 bytes), content

Types: H the header, M a member of an archive (its name), R bytes as they are, I the description of an image, C a chunk
of the image before it, E the end with the checksum of what was coded. Descriptions are JSON; nothing is unpickled.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sciencegen.errors import DataError
from sciencegen.items import Json

MAGIC = b"\x89SGC\r\n\x1a\n"
VERSION = 2
HEADER, MEMBER, BYTES, IMAGE, CHUNK, END = b"H", b"M", b"R", b"I", b"C", b"E"
_FRAME = struct.Struct("<cII")
LARGEST = 1 << 30
"""Longest content of a block."""


@dataclass(frozen=True)
class Block:
    """kind: one of the types. whole: whether the content has its checksum."""

    kind: bytes
    content: bytes
    whole: bool

    def data(self) -> Mapping[str, object]:
        """The content as JSON."""
        found = json.loads(zlib.decompress(self.content))
        if not isinstance(found, dict):
            raise ValueError("no object")
        return found


def write_block(file: IO[bytes], kind: bytes, content: bytes | Json) -> int:
    """Write a block; returns its length."""
    packed = content if isinstance(content, bytes) else zlib.compress(json.dumps(content).encode(), 9)
    file.write(_FRAME.pack(kind, len(packed), zlib.crc32(kind + packed)))
    file.write(packed)
    return _FRAME.size + len(packed)


def read_blocks(path: Path) -> Iterator[Block]:
    """The blocks of a file, as far as they are there. Ends early at the end of a truncated file.

    Raises
    ------
    DataError
        For a file that is no stream.
    """
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DataError(f"Expected a file of `compress` (.sgc) at {path}, found another format.")
        while len(frame := file.read(_FRAME.size)) == _FRAME.size:
            kind, length, checksum = _FRAME.unpack(frame)
            if length > LARGEST or kind not in (HEADER, MEMBER, BYTES, IMAGE, CHUNK, END):
                return  # the frame is damaged: what follows can't be found
            content = file.read(length)
            if len(content) < length:
                return
            yield Block(kind, content, zlib.crc32(kind + content) == checksum)
