"""Writes and reads streams: the bytes of a file, in which images are coded by the predictor."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import IO, Literal, TypeVar

import numpy as np

from sciencegen.compression.images import Lossy, coded, decoded, empty, place_chunk, planned, slabs
from sciencegen.compression.layout import Bytes, Image, Layout, Piece
from sciencegen.compression.packing import PIECE, packed, unpacked
from sciencegen.compression.parts import Member, Part, Picture, Report
from sciencegen.compression.stream import (
    BYTES,
    CHUNK,
    IMAGE,
    MEMBER,
    UNNUMBERED,
    VERSION,
    BlockWriter,
    HeaderRecord,
    Stream,
    VersionRecord,
    json_of,
    read_first,
    read_stream,
    typed,
)  # fmt: skip
from sciencegen.data.workers import Failure, map_killable
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.items import Refusal

CHUNK_TIMEOUT_S = 3600.0
DIGITS = 32
"""Hexadecimal digits of the checksum of what was coded."""
Result = TypeVar("Result")


@cache
def tables_checksum() -> str:
    """Of the shipped network and tables: a stream can only be read with the ones that wrote it."""
    return hashlib.sha256((files("sciencegen.compression") / "predictors.npz").read_bytes()).hexdigest()[:16]


def header_of(container: Literal["file", "zip"], name: str, identity: bytes) -> HeaderRecord:
    """The header of a stream that is written. name: of the file that is coded. identity: by `identity_of`."""
    return HeaderRecord(
        version=VERSION, tables=tables_checksum(), container=container, name=name, identity=identity.hex()
    )


def write_archive(
    file: IO[bytes], parts: Iterable[Part], header: HeaderRecord, lossy: Lossy | None, processes: int
) -> Report:
    """Code the parts of a file."""
    report, digest = Report(), hashlib.sha256()
    writer = BlockWriter(file, header)
    for part in parts:
        if isinstance(part, Member):
            writer.write(MEMBER, {"name": part.name})
        elif isinstance(part, bytes):
            digest.update(part)
            report.before += len(part)
            for start in range(0, len(part), PIECE):
                piece = part[start : start + PIECE]
                writer.write(BYTES, packed(piece), len(piece))
        else:
            report.before += part.array.nbytes
            _write_image(writer, part, None if part.exact else lossy, processes, report)
            if report.largest_error is None:
                digest.update(np.ascontiguousarray(part.array).data)
    writer.end(digest.hexdigest()[:DIGITS] if report.largest_error is None else None)
    report.after = writer.written
    return report


def _write_image(writer: BlockWriter, part: Picture, lossy: Lossy | None, processes: int, report: Report) -> None:
    plan = planned(part.array, lossy)
    writer.write(IMAGE, plan.to_json(), part.array.nbytes)
    for content in _called(coded(part.array, plan), processes):
        writer.write(CHUNK, content)
        report.chunks += 1
    if plan.method == "predictor":
        report.pixels += part.array.size
        report.floor += plan.floor_bits()
    else:
        report.general += part.array.nbytes
    report.add_errors(plan.largest_error(), plan.error_over_noise())


def _call(job: Callable[[], Result]) -> Result:
    return job()


def _called(jobs: Iterator[partial[Result]], processes: int) -> Iterator[Result]:
    """The results of calls, in order, in processes."""
    if processes <= 1:
        yield from (job() for job in jobs)
        return
    for _, found in map_killable(_call, jobs, processes=processes, chunk=1, timeout_s=CHUNK_TIMEOUT_S):
        if isinstance(found, Failure):
            raise DataError(f"Expected pixels that can be coded, found {found.reason}.")
        yield found


def read_header(path: Path) -> HeaderRecord:
    """The first block of a stream."""
    try:
        data = json_of(read_first(path)[0])
        found = typed(VersionRecord, data)
        if found.version in (VERSION, UNNUMBERED) and found.tables == tables_checksum():
            return typed(HeaderRecord, data)
    except DataError as error:
        raise DataError(f"{error} It is the header of {path}, without which nothing can be read.") from error
    raise IncompatibleError(
        f"Expected a stream of format {VERSION} or {UNNUMBERED} with the tables {tables_checksum()} at {path}, found "
        f"format {found.version} with {found.tables!r}. Read it with the version of sciencegen that wrote it."
    )


def read_archive(path: Path, processes: int, partial_too: bool) -> Iterator[Part | Report]:
    """The parts of a coded file, then a report. partial_too: fill what is damaged with zeros (NaN for floats)
    instead of raising an error. All blocks are checked before the first part is made of them."""
    stream = read_stream(path, read_header(path))
    layout, report, digest = Layout(stream), Report(), hashlib.sha256()
    report.lost, report.notes = layout.lost, stream.problems
    if stream.numbered and stream.end is None:
        report.notes.append(
            "the end, with the digests of all blocks, is lost: each was checked by its own checksum alone"
        )
    is_whole = not (layout.lost or stream.problems)
    if not partial_too and not is_whole:
        raise _refusal(stream, (layout.lost or stream.problems)[0])
    contents = (one for one in layout.pieces if not isinstance(one, Member))
    if layout.lost and all(isinstance(one, Bytes) and one.block is None for one in contents):
        raise _refusal(stream, layout.lost[0])
    is_exact, is_known = True, True
    for piece in layout.pieces:
        if isinstance(piece, Member):
            is_known = True
            yield piece
        elif is_known:
            before = len(report.lost)
            for part in _restored(stream, piece, processes, report):
                digest.update(part if isinstance(part, bytes) else part.array.data)
                yield part
            if not partial_too and len(report.lost) > before:
                raise _refusal(stream, report.lost[before])
            if len(report.lost) > before and isinstance(piece, Bytes) and piece.size is None:
                is_known = False
                report.lost.append(f"what follows {piece.name}, whose place isn't known")
        if isinstance(piece, Image):
            is_exact = is_exact and piece.plan.largest_error() is None
    expected = None if stream.end is None else stream.end.sha256
    if is_exact and not report.lost and expected is not None and not digest.hexdigest().startswith(expected):
        raise DataError(
            f"Expected content with the checksum {expected} in {path}, found {digest.hexdigest()[:DIGITS]}: parts were "
            "exchanged or left out, or this machine computes otherwise. Get it again, or report this."
        )
    if not stream.numbered:
        report.notes.append(_unnumbered(is_exact and expected is not None and not report.lost, stream.header.container))
    yield report


def _restored(stream: Stream, piece: Piece, processes: int, report: Report) -> Iterator[bytes | Picture]:
    """A piece in parts. What can't be decoded is lost too."""
    if isinstance(piece, Bytes):
        yield from _restored_bytes(stream, piece, report)
    elif isinstance(piece, Image):
        yield from _restored_image(stream, piece, processes, report)


def _restored_bytes(stream: Stream, piece: Bytes, report: Report) -> Iterator[bytes]:
    """Bytes in parts, with zeros in place of those that are lost."""
    count = 0
    try:
        if piece.block is not None:
            most = stream.most_of(piece.block) if piece.size is None else piece.size
            for part in unpacked(stream.content(piece.block), most):
                count += len(part)
                yield part
            if count < (piece.size or 0):
                raise DataError(f"Expected {piece.size} bytes, found {count}.")
    except DataError as error:
        report.lost.append(f"{piece.name} ({error})")
    yield from (bytes(min(PIECE, size)) for size in range((piece.size or 0) - count, 0, -PIECE))


def _restored_image(stream: Stream, image: Image, processes: int, report: Report) -> Iterator[Picture]:
    """An image in slabs; chunks that are lost stay empty."""
    plan = image.plan
    whole = [number for number, block in enumerate(image.chunks) if block is not None]
    jobs = (partial(decoded, plan, number, stream.content(image.chunks[number])) for number in whole)  # type: ignore[arg-type]
    results = _called(jobs, processes)
    for numbers, begin, end in slabs(plan):
        slab = empty(plan, begin, end)
        for number in numbers:
            found = next(results) if image.chunks[number] is not None else None
            if isinstance(found, Refusal):
                report.lost.append(f"{image.name_of(number)} ({found.reason})")
            report.chunks += isinstance(found, np.ndarray)
            place_chunk(slab, begin, plan, number, found if isinstance(found, np.ndarray) else None)
        yield Picture(slab.reshape(plan.shape) if len(slab) == plan.pixels else slab)


def _refusal(stream: Stream, problem: str) -> DataError:
    """The error for a damaged stream, with what is whole."""
    chunks = sum(block.kind == CHUNK for block in stream.blocks.values())
    return DataError(
        f"Expected a whole file at {stream.path}, found damage, gaps or another order: {problem}; {chunks} chunks are "
        "whole. Get it again, or restore what is whole with `partial`."
    )


def _unnumbered(is_exact: bool, container: str) -> str:
    """What a file of the older format can't guarantee."""
    open_ = "the names of its members" if container == "zip" else ""
    if not is_exact:
        open_ = "that none of its parts was exchanged, doubled or left out"
    return f"the file has the older format {UNNUMBERED}, " + (
        f"which doesn't guarantee {open_}; compress the original anew" if open_ else "whose checksum agrees"
    )
