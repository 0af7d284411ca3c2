"""The file format: blocks, each with its number, its file's identity and a checksum, so that damage is found, what is
whole is put into its own place, and nothing of another file is taken for a part of this one.

    magic, then the header block:     type (1 byte), length (4), CRC-32 of type and content (4), content
    blocks 1, 2, ... up to the end:   type (1 byte), number (4), length (4), identity of the file (8), CRC-32 of these
                                      and the content (4), content

Integers are little endian. Types: H the header, M a member of an archive (its name), R bytes as they are, at most PIECE
unpacked, I the description of an image, C a chunk of the image before it, E the end, which has the type, the unpacked
size and the digest of every block before it. Descriptions are JSON, packed by zlib; nothing is unpickled.

Format 2, which is still read, has frames like the header's for all blocks, and neither identity nor digests.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Annotated, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from sciencegen.errors import DataError
from sciencegen.items import Json

# Bytes that are packed and unpacked by general compressors; how many are unpacked is bounded.

PIECE = 1 << 24
"""Bytes that are packed or unpacked at once."""
_XZ = b"\xfd7zXZ\0"
"""Start of an .xz file, as format 2 has them; no LZMA2 stream of ours begins so."""
_XZ_MEMORY = 1 << 28
_PRESETS = {preset: [{"id": lzma.FILTER_LZMA2, "preset": preset}] for preset in (1, 6)}


def packed(content: bytes, preset: int = 6) -> bytes:
    """An LZMA2 stream."""
    return lzma.compress(content, lzma.FORMAT_RAW, filters=_PRESETS[preset])


def unpacked(content: bytes, most: int) -> Iterator[bytes]:
    """The inverse of `packed`, in pieces. most: number of bytes beyond which an error is raised."""
    if content.startswith(_XZ):
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)
    else:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_PRESETS[6])
    count = 0
    while not decoder.eof:
        try:
            piece = decoder.decompress(content, min(PIECE, most - count + 1))
        except lzma.LZMAError as error:
            raise DataError(f"Expected bytes that are packed by LZMA, found others: {error}.") from error
        content, count = b"", count + len(piece)
        if count > most:
            raise DataError(f"Expected at most {most} bytes in a block, found more.")
        if not piece and not decoder.eof:
            raise DataError("Expected bytes that are packed by LZMA, found some that end early.")
        if piece:
            yield piece
    if decoder.unused_data:
        raise DataError("Expected bytes that are packed by LZMA alone, found others behind them.")


DICTIONARY = 1 << 15
"""Bytes of earlier parts of a file, such as the first headers, from which later ones are packed."""
_ZLIB = 0x78
"""First byte of a zlib stream, which no LZMA2 stream has."""


FIRST = 3
"""Number of the parts of the dictionary."""


def dictionary_of(first: Sequence[bytes]) -> bytes:
    """The dictionary from the first parts that are bytes."""
    return b"".join(first)[-DICTIONARY:]


def packed_like(content: bytes, dictionary: bytes) -> bytes:
    """The shorter of `packed`, and packed by zlib with a dictionary."""
    packer = zlib.compressobj(9, zdict=dictionary)
    found, plain = packer.compress(content) + packer.flush(), packed(content)
    return found if len(found) < len(plain) else plain


def is_like(content: bytes) -> bool:
    """Whether bytes are packed with a dictionary."""
    return content[:1] == bytes([_ZLIB])


def packed_numbers(content: bytes, width: int) -> bytes:
    """The bytes of numbers of `width` bytes, sorted by their place in a number, packed."""
    planes = np.frombuffer(content, np.uint8).reshape(-1, width).T
    return packed(np.ascontiguousarray(planes).tobytes(), 1)


def unpacked_numbers(content: bytes, kind: str, count: int) -> np.ndarray:
    """The inverse of `packed_numbers`. count: of the numbers."""
    width = np.dtype(kind).itemsize
    raw = b"".join(unpacked(content, count * width))
    if len(raw) != count * width:
        raise DataError(f"Expected {count} numbers of {width} bytes, found {len(raw)} bytes.")
    planes = np.frombuffer(raw, np.uint8).reshape(width, -1).T
    return np.ascontiguousarray(planes).reshape(-1).view(kind)


def unzipped(content: bytes, most: int, dictionary: bytes = b"") -> bytes:
    """Unpack what zlib packed, with this dictionary. most: number of bytes beyond which an error is raised."""
    decoder = zlib.decompressobj(zdict=dictionary)
    try:
        found = decoder.decompress(content, most + 1)
    except zlib.error as error:
        raise DataError(f"Expected bytes that are packed by zlib, found others: {error}.") from error
    if len(found) > most:
        raise DataError(f"Expected at most {most} bytes in a block, found more.")
    if not decoder.eof or decoder.unused_data:
        raise DataError("Expected bytes that are packed by zlib alone, found some that end early or others behind.")
    return found


MAGIC = b"\x89SGC\r\n\x1a\n"
VERSION, ALONE, UNNUMBERED = 4, 3, 2
"""The format that is written, and the older ones that are read too: in 3 no image and no header refers to another."""
READ = (VERSION, ALONE, UNNUMBERED)
_PHRASES = (
    b'{"shape":[40,50],"kind":">f4<f4","method":"predictor","sigmas":[0.05],"floors":[4.050842853422907,6.0],"codings":'
    b'[{"grid":{"kind":"multiples","step":"0x1.0000000000000p+0","kind":"integers","kind":"floats","kind":"lossy","step":'
    b'"0x1.e","offset":0,"shift":0,"zeros":false},"sigma":64,"sky":0,"by":0}],"like":2}'
)
"""What descriptions of images hold, which their packing needn't repeat."""
HEADER, MEMBER, BYTES, IMAGE, CHUNK, END = b"H", b"M", b"R", b"I", b"C", b"E"
_KINDS = (HEADER, MEMBER, BYTES, IMAGE, CHUNK, END)
_FIRST_FRAME = struct.Struct("<cII")
_FRAME = struct.Struct("<cII8s")
_SUM = struct.Struct("<I")
IDENTITY = 8
"""Bytes of an identity and of a digest."""
LARGEST, LARGEST_UNNUMBERED = 1 << 28, 1 << 30
"""Longest content of a block, in the format that is written and in the older one."""
MOST_BLOCKS = 1 << 20
LARGEST_RECORD = 1 << 26
"""Longest JSON of a block; that of the end grows with their number."""
MOST_UNPACKED = 1 << 13
"""Bytes that a byte of a file may stand for where they can't be counted otherwise; LZMA reaches 7,100."""
_READ = 1 << 20
_FAILURE = 1 << 16
"""What a place that looks like a block and is none counts for at least, in bytes that are read."""
_PATIENCE = 4
"""How often the bytes of a file are read in the search for blocks behind damage."""


class Record(BaseModel):
    """The JSON of a block, with types that are checked."""

    model_config = ConfigDict(strict=True, frozen=True)


Parsed = TypeVar("Parsed", bound=Record)


def typed(kind: type[Parsed], data: object) -> Parsed:
    """JSON as a record. Raises a DataError that says what is wrong first."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(one) for one in first["loc"][:6]) or "all"
        reason = f"{place}: {first['msg']}"
    raise DataError(f"Expected a description of the format's form, found another: {reason[:200]}.")


def json_of(content: bytes) -> object:
    """The JSON of a block."""
    try:
        found: object = json.loads(unzipped(content, LARGEST_RECORD, _PHRASES))
    except (ValueError, RecursionError) as error:  # of UTF-8, of JSON, of numbers, of nesting
        raise DataError(f"Expected a description in JSON, found other bytes ({type(error).__name__}).") from error
    return found


def _printable(text: object) -> object:
    """A name for messages."""
    return "".join(one if one.isprintable() else "?" for one in text[:255]) if isinstance(text, str) else text


class VersionRecord(Record):
    """What the headers of all formats have."""

    version: int
    tables: str = ""


class HeaderRecord(VersionRecord):
    """container: "file" or "zip". name: of the file that was coded."""

    container: Literal["file", "zip"]
    name: Annotated[str, BeforeValidator(_printable)]
    identity: Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")] = ""

    @model_validator(mode="after")
    def _has_identity(self) -> Self:
        if self.version != UNNUMBERED and not self.identity:
            raise ValueError("Expected an identity")
        return self


class MemberRecord(Record):
    """The name of a file in an archive."""

    name: Annotated[str, Field(min_length=1, max_length=1 << 15, pattern=r"^[^\x00]*$")]


class EndRecord(Record):
    """kinds, sizes, digests: of the blocks before the end; in format 2 `total` is all that is known of them, as
    `bytes`. sha256: of what was coded, None after a loss."""

    kinds: Annotated[str, Field(pattern=r"^(H[MRIC]*)?$")] = ""
    sizes: list[Annotated[int, Field(ge=0, lt=1 << 62)]] = []
    digests: Annotated[str, Field(pattern=r"^([0-9a-f]{16})*$")] = ""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")] | None
    bytes: Annotated[int, Field(ge=0, lt=1 << 62)] = 0

    @property
    def total(self) -> int:
        """Bytes of what was coded."""
        return sum(self.sizes) if self.kinds else self.bytes

    def describes(self, count: int) -> bool:
        """Whether it is the end of so many blocks, of sizes that blocks of their types may have."""
        most = {"R": PIECE, "I": 1 << 62}
        sizes = all(size <= most.get(kind, 0) for kind, size in zip(self.kinds, self.sizes, strict=False))
        return sizes and len(self.kinds) == len(self.sizes) == len(self.digests) // (2 * IDENTITY) == count


def digest_of(content: bytes) -> bytes:
    """The digest of a block's content."""
    return hashlib.sha256(content).digest()[:IDENTITY]


def identity_of(source: Path, about: Json) -> bytes:
    """The identity of the stream of a file: the same for the same content and settings."""
    with open(source, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(about).encode())
    return digest.digest()[:IDENTITY]


class BlockWriter:
    """Writes the blocks of a stream. written: bytes so far."""

    def __init__(self, file: IO[bytes], header: HeaderRecord) -> None:
        self._file, self._identity = file, bytes.fromhex(header.identity)
        content = _packed(header.model_dump())
        self._kinds, self._sizes, self._digests = bytearray(HEADER), [0], bytearray(digest_of(content))
        file.write(MAGIC + _FIRST_FRAME.pack(HEADER, len(content), zlib.crc32(HEADER + content)) + content)
        self.written = len(MAGIC) + _FIRST_FRAME.size + len(content)

    @property
    def count(self) -> int:
        """The number of the next block."""
        return len(self._kinds)

    def write(self, kind: bytes, content: bytes | Json, size: int = 0) -> None:
        """Write a block. size: bytes of the file that it stands for, with its chunks."""
        if len(self._kinds) >= MOST_BLOCKS:
            raise DataError(f"Expected a file that is coded in {MOST_BLOCKS} blocks at most, got more. Divide it.")
        packed = content if isinstance(content, bytes) else _packed(content)
        frame = _FRAME.pack(kind, len(self._kinds), len(packed), self._identity)
        self._file.write(frame + _SUM.pack(zlib.crc32(packed, zlib.crc32(frame))))
        self._file.write(packed)
        self.written += len(frame) + _SUM.size + len(packed)
        self._kinds += kind
        self._sizes.append(size)
        self._digests += digest_of(packed)

    def end(self, sha256: str | None) -> None:
        """Write the end, with what `EndRecord` says."""
        kinds, digests = self._kinds.decode(), self._digests.hex()
        self.write(END, {"kinds": kinds, "sizes": self._sizes, "digests": digests, "sha256": sha256})


def _packed(data: Json) -> bytes:
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)


def packed_plan(data: Json) -> bytes:
    """The description of an image, as the content of its block."""
    packer = zlib.compressobj(9, zdict=_PHRASES)
    return packer.compress(json.dumps(data, separators=(",", ":")).encode()) + packer.flush()


@dataclass(frozen=True, slots=True)
class StreamBlock:
    """A whole block in a file. start, length: of its content."""

    kind: bytes
    number: int
    start: int
    length: int
    digest: bytes


@dataclass
class Stream:
    """What all blocks of a file are, known before any of them is used.

    blocks: those that are whole, by number. kinds: of all blocks, as far as they are known. count: their number,
    without the end, or of those up to the last that is known. problems: what is wrong with order, number and identity.
    """

    path: Path
    header: HeaderRecord
    size: int
    blocks: dict[int, StreamBlock] = field(default_factory=dict)
    kinds: dict[int, bytes] = field(default_factory=dict)
    count: int = 1
    end: EndRecord | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def numbered(self) -> bool:
        return self.header.version != UNNUMBERED

    def content(self, block: StreamBlock) -> bytes:
        """The content of a block."""
        with open(self.path, "rb") as file:
            file.seek(block.start)
            content = file.read(block.length)
        if digest_of(content) != block.digest:
            raise DataError(f"Expected a file at {self.path} that stays as it is, found one that changes meanwhile.")
        return content

    def size_of(self, number: int) -> int | None:
        """Bytes that a block stands for, None if they aren't known."""
        return self.end.sizes[number] if self.end is not None and self.end.kinds else None

    def most_of(self, block: StreamBlock) -> int:
        """Most bytes that may be unpacked from a block of bytes."""
        if self.numbered:
            return PIECE
        return MOST_UNPACKED * block.length if self.end is None else self.end.total


def read_first(path: Path) -> tuple[bytes, int]:
    """The content of the header block, and where the next block is.

    Raises
    ------
    DataError
        For a file that is no stream, or whose header is damaged.
    """
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DataError(f"Expected a file of `compress` (.sgc) at {path}, found another format.")
        frame = file.read(_FIRST_FRAME.size)
        if len(frame) == _FIRST_FRAME.size:
            kind, length, checksum = _FIRST_FRAME.unpack(frame)
            content = file.read(min(length, LARGEST_RECORD))
            if kind == HEADER and len(content) == length and zlib.crc32(kind + content) == checksum:
                return content, file.tell()
    raise DataError(f"Expected a file of `compress` at {path}, found one with a damaged header. Nothing can be read.")


def read_stream(path: Path, header: HeaderRecord) -> Stream:
    """Look at all blocks of a file, and check them."""
    content, start = read_first(path)
    stream = Stream(path, header, path.stat().st_size)
    stream.blocks[0], stream.kinds[0] = (
        StreamBlock(HEADER, 0, start - len(content), len(content), digest_of(content)),
        HEADER,
    )
    with open(path, "rb") as file:
        file.seek(start)
        if stream.numbered:
            _take_numbered(stream, list(_numbered_blocks(file, stream, bytes.fromhex(header.identity))))
        else:
            _take_unnumbered(stream, file)
    return stream


def _take_unnumbered(stream: Stream, file: IO[bytes]) -> None:
    """Find the blocks of format 2, whose numbers are their order. What follows a damaged frame can't be found."""
    while len(frame := file.read(_FIRST_FRAME.size)) == _FIRST_FRAME.size:
        kind, length, checksum = _FIRST_FRAME.unpack(frame)
        start = file.tell()
        if kind not in _KINDS or length > LARGEST_UNNUMBERED or length > stream.size - start:
            return
        found, digest = _sums(file, length, zlib.crc32(kind))
        block = StreamBlock(kind, stream.count, start, length, digest) if found == checksum else None
        if kind == END:
            stream.end = _end_of(stream, block)
            if file.tell() < stream.size:
                stream.problems.append(f"{stream.size - file.tell()} bytes after the end")
            return
        if block is not None:
            stream.blocks[stream.count] = block
        stream.kinds[stream.count] = kind
        stream.count += 1


def _numbered_blocks(file: IO[bytes], stream: Stream, identity: bytes) -> Iterator[StreamBlock]:
    """The blocks of a file with its identity, in the order in which they stand."""
    at, patience = file.tell(), _PATIENCE * stream.size + 256 * _FAILURE
    while at < stream.size and patience > 0:
        file.seek(at)
        frame, checksum = file.read(_FRAME.size), file.read(_SUM.size)
        start = at + _FRAME.size + _SUM.size
        if start <= stream.size:
            kind, number, length, owner = _FRAME.unpack(frame)
            if kind in _KINDS and length <= min(LARGEST, stream.size - start):
                found, digest = _sums(file, length, zlib.crc32(frame))
                if _SUM.pack(found) == checksum:
                    at = start + length
                    if owner == identity:
                        yield StreamBlock(kind, number, start, length, digest)
                    else:
                        stream.problems.append(f"block {number} of another file")
                    continue
                patience -= length
        stream.problems.append(f"damage at byte {at}")
        patience -= _FAILURE
        at = _next_block(file, at + 1, identity, stream.size)


def _sums(file: IO[bytes], length: int, checksum: int) -> tuple[int, bytes]:
    """CRC-32, from that of what is before, and digest of the next bytes of a file."""
    digest = hashlib.sha256()
    while length > 0 and (part := file.read(min(length, _READ))):
        checksum, length = zlib.crc32(part, checksum), length - len(part)
        digest.update(part)
    return checksum, digest.digest()[:IDENTITY]


def _next_block(file: IO[bytes], at: int, identity: bytes, size: int) -> int:
    """The next place where a block with an identity may begin."""
    before = _FRAME.size - IDENTITY
    at += before
    while at < size:
        file.seek(at)
        window = file.read(_READ)
        if (found := window.find(identity)) >= 0:
            return at + found - before
        at += max(len(window) - IDENTITY + 1, 1)
    return size


def _take_numbered(stream: Stream, found: list[StreamBlock]) -> None:
    """Keep one block of each number: the one that the end describes, or the only one."""
    ends = [block for block in found if block.kind == END]
    if ends and all(block.digest == ends[0].digest and block.number == ends[0].number for block in ends):
        stream.end = _end_of(stream, ends[0])
    for before, after in pairwise(found):
        if after.number <= before.number:
            stream.problems.append(f"block {after.number} behind block {before.number}")
    if found and found[-1].kind != END and stream.end is not None:
        stream.problems.append("blocks behind the end")
    groups: dict[int, list[StreamBlock]] = {0: [stream.blocks.pop(0)]}
    for block in found:
        if block.kind != END and block.digest not in {one.digest for one in groups.get(block.number, [])}:
            groups.setdefault(block.number, []).append(block)
    stream.count = len(stream.end.kinds) if stream.end is not None else max(groups) + 1
    for number, blocks in sorted(groups.items()):
        _take_one(stream, number, blocks)
    if stream.end is not None:
        stream.kinds = {number: kind.encode() for number, kind in enumerate(stream.end.kinds)}


def _take_one(stream: Stream, number: int, blocks: list[StreamBlock]) -> None:
    """Keep a block. blocks: all that have this number."""
    if stream.end is not None:
        digest = bytes.fromhex(stream.end.digests[2 * IDENTITY * number : 2 * IDENTITY * (number + 1)])
        kinds = stream.end.kinds[number : number + 1].encode()
        kept = [block for block in blocks if block.digest == digest and block.kind == kinds]
    else:
        kept = blocks if len(blocks) == 1 else []
    if kept:
        stream.blocks[number], stream.kinds[number] = kept[0], kept[0].kind
    if len(kept) < len(blocks):
        stream.problems.append(f"a block {number} that isn't the one that was written")


def _end_of(stream: Stream, block: StreamBlock | None) -> EndRecord | None:
    """The end of a stream, None if it is damaged."""
    if block is None:
        return None
    try:
        end = typed(EndRecord, json_of(stream.content(block)))
    except DataError as error:
        stream.problems.append(f"an end that can't be read: {error}")
        return None
    if stream.numbered and not end.describes(block.number):
        stream.problems.append("an end that describes another number of blocks, or other sizes")
        return None
    return end if stream.numbered else end.model_copy(update={"kinds": "", "sizes": [], "digests": ""})
