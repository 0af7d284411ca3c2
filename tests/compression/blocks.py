"""The blocks of a stream, to be changed with checksums that are right: as little as possible of the reader's code."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

MAGIC = b"\x89SGC\r\n\x1a\n"
FIRST, FRAME = struct.Struct("<cII"), struct.Struct("<cII8s")


@dataclass(frozen=True)
class Raw:
    """A block. number: None for a frame without a number and an identity, as that of the header and all of format 2."""

    kind: bytes
    content: bytes
    number: int | None = None
    identity: bytes = b""

    def written(self) -> bytes:
        """With the right checksum."""
        if self.number is None:
            return FIRST.pack(self.kind, len(self.content), zlib.crc32(self.kind + self.content)) + self.content
        frame = FRAME.pack(self.kind, self.number, len(self.content), self.identity)
        return frame + struct.pack("<I", zlib.crc32(frame + self.content)) + self.content

    def with_content(self, content: bytes) -> Raw:
        return replace(self, content=content)

    def with_identity(self, identity: bytes) -> Raw:
        return replace(self, identity=identity)

    def json(self) -> Any:
        return json.loads(zlib.decompress(self.content))

    def with_json(self, data: Any) -> Raw:
        return self.with_content(zlib.compress(json.dumps(data).encode()))


def blocks_of(content: bytes) -> list[Raw]:
    """The blocks of a sound stream."""
    kind, length, _ = FIRST.unpack_from(content, len(MAGIC))
    at = len(MAGIC) + FIRST.size
    blocks = [Raw(kind, content[at : at + length])]
    is_old, at = blocks[0].json()["version"] == 2, at + length
    while at < len(content):
        if is_old:
            (kind, length, _), number, identity = FIRST.unpack_from(content, at), None, b""
            at += FIRST.size
        else:
            kind, number, length, identity = FRAME.unpack_from(content, at)
            at += FRAME.size + 4
        blocks.append(Raw(kind, content[at : at + length], number, identity))
        at += length
    return blocks


def joined(blocks: Sequence[Raw]) -> bytes:
    return MAGIC + b"".join(block.written() for block in blocks)


def with_right_end(blocks: list[Raw]) -> list[Raw]:
    """The end describes the blocks as they are, as a program does that writes such a file."""
    if not blocks or blocks[-1].kind != b"E" or blocks[-1].number is None:
        return blocks
    data, head = blocks[-1].json(), blocks[:-1]
    digests = "".join(hashlib.sha256(block.content).digest()[:8].hex() for block in head)
    data |= {"kinds": b"".join(block.kind for block in head).decode(), "digests": digests}
    data["sizes"] = (data["sizes"] + [0] * len(head))[: len(head)]
    return [*head, replace(blocks[-1], number=len(head)).with_json(data)]


def images(seed: int, *shape: int) -> np.ndarray:
    """Whole numbers that look like noise, the same with every version of every library."""
    count = math.prod(shape)
    numbers = np.arange(12 * count, dtype=np.uint64) + np.uint64(seed << 32)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    sums = (numbers.reshape(12, -1) % np.uint64(17)).sum(0).astype(np.int64) - 96
    return sums.astype(np.int16).reshape(shape)
