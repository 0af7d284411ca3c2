"""Bytes that are packed and unpacked by general compressors; how many are unpacked is bounded."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator

import numpy as np

from sciencegen.errors import DataError

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


def unzipped(content: bytes, most: int) -> bytes:
    """Unpack what `zlib.compress` packed. most: number of bytes beyond which an error is raised."""
    decoder = zlib.decompressobj()
    try:
        found = decoder.decompress(content, most + 1)
    except zlib.error as error:
        raise DataError(f"Expected bytes that are packed by zlib, found others: {error}.") from error
    if len(found) > most:
        raise DataError(f"Expected at most {most} bytes in a block, found more.")
    if not decoder.eof or decoder.unused_data:
        raise DataError("Expected bytes that are packed by zlib alone, found some that end early or others behind.")
    return found
