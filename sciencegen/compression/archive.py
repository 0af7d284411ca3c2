"""Writes and reads streams: the bytes of a file, in which images are coded by the predictor."""

from __future__ import annotations

import hashlib
import io
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import IO, Literal, TypeVar

import numpy as np

from sciencegen.compression.images import (
    ImagePlan,
    Kind,
    Lossy,
    SharedModels,
    coded,
    decoded,
    empty,
    image_plan,
    is_image,
    place_chunk,
    planned,
    planned_like,
    slabs,
)
from sciencegen.compression.stream import (
    ALONE,  # fmt: skip
    BYTES,  # fmt: skip
    CHUNK,  # fmt: skip
    DICTIONARY,  # fmt: skip
    FIRST,  # fmt: skip
    IMAGE,  # fmt: skip
    MEMBER,  # fmt: skip
    MOST_UNPACKED,  # fmt: skip
    PIECE,
    READ,  # fmt: skip
    UNNUMBERED,  # fmt: skip
    VERSION,  # fmt: skip
    BlockWriter,  # fmt: skip
    HeaderRecord,  # fmt: skip
    MemberRecord,  # fmt: skip
    Stream,  # fmt: skip
    StreamBlock,  # fmt: skip
    VersionRecord,  # fmt: skip
    dictionary_of,
    is_like,
    json_of,  # fmt: skip
    packed,
    packed_like,
    packed_plan,
    read_first,  # fmt: skip
    read_stream,  # fmt: skip
    typed,  # fmt: skip
    unpacked,
    unzipped,
)
from sciencegen.data.damage import reading
from sciencegen.data.workers import Failure, map_killable
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.items import ArchiveMember, ImagePart, Part, Refusal

# The report on how the parts of a file are coded.


@dataclass
class CodingReport:
    """pixels: of images coded by the predictor, and floor: bits of their noise. general: bytes of pixels that the
    general compressor took. kept: pixels that lose nothing, though a loss was allowed. largest_error: in the images'
    unit, and error_over_noise in units of the noise. lost: what is damaged or missing. notes: what else is odd about a
    file that is read."""

    before: int = 0
    after: int = 0
    pixels: int = 0
    floor: float = 0.0
    general: int = 0
    kept: int = 0
    largest_error: float | None = None
    error_over_noise: float | None = None
    chunks: int = 0
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def bits(self) -> int:
        """Of the whole file."""
        return 8 * self.after

    def add_errors(self, largest: float | None, over_noise: float | None) -> None:
        """Add the errors of an image, None if nothing is lost of it."""
        self.largest_error = _larger(self.largest_error, largest)
        self.error_over_noise = _larger(self.error_over_noise, over_noise)


def _larger(*errors: float | None) -> float | None:
    return max((one for one in errors if one is not None), default=None)


# What a stream holds, piece by piece, each in its place, and what of it is lost: known before anything is unpacked.

SMALL = 1 << 24
"""Bytes in place of lost ones that a file of any size may have."""


@dataclass(frozen=True)
class Bytes:
    """Bytes as they are. block: None if they are lost: zeros stand in their place, and their size is known. size: their
    number, None if it isn't known. name: in messages."""

    block: StreamBlock | None
    size: int | None
    name: str


@dataclass(frozen=True)
class Image:
    """An image. chunks: None for those that are lost. name: in messages."""

    plan: ImagePlan
    chunks: tuple[StreamBlock | None, ...]
    name: str

    def name_of(self, number: int) -> str:
        """A chunk in messages."""
        return f"chunk {number + 1} of {len(self.chunks)} of {self.name} ({self.plan.place_of(number)})"


Piece = ArchiveMember | Bytes | Image


class StreamLayout:
    """The pieces of a stream in order. lost: those that can't be restored, in words.

    Where the place of what follows isn't known, it is left out up to the next member.
    """

    def __init__(self, stream: Stream) -> None:
        self.pieces, self.lost = list[Piece](), list[str]()
        self._stream, self._next, self._images, self._filled = stream, 1, 0, 0
        self._names, self._of_member = set[str](), ""
        self._plans: dict[int, ImagePlan] = {}
        self._members = sorted(number for number, kind in stream.kinds.items() if kind == MEMBER)
        self._others = sorted(number for number, kind in stream.kinds.items() if kind != CHUNK)
        if 0 not in stream.blocks:
            self.lost.append("the header that was written")
        readers = {MEMBER: self._read_member, BYTES: self._read_bytes, IMAGE: self._read_image}
        while self._next < stream.count:
            number, self._next = self._next, self._next + 1
            kind = stream.kinds.get(number, b"")
            is_outside = stream.header.container == "zip" and kind != MEMBER and not self._names
            if is_outside or kind not in readers or not readers[kind](number):
                self._next = self._following(self._members, number)
                last = f" to {self._next - 1}" if self._next - 1 > number else ""
                self.lost.append(f"block {number}{last}{self._of_member}, whose place isn't known")
        if stream.end is None:
            self.lost.append("the end of the file")

    def _following(self, numbers: list[int], number: int) -> int:
        """The first of sorted numbers after one, or the end of the file."""
        place = bisect_right(numbers, number)
        return numbers[place] if place < len(numbers) else self._stream.count

    def _read_member(self, number: int) -> bool:
        """As the others: take the blocks from a number on; whether the place of what follows is known."""
        stream, count = self._stream, len(self._names) + 1
        if stream.header.container != "zip":
            return False
        name, reason = f"lost_name_{count}.npy", "damaged or missing"
        try:
            if number in stream.blocks:
                found = typed(MemberRecord, json_of(stream.content(stream.blocks[number]))).name
                name, reason = (name, f"{found} stands twice") if found in self._names else (found, "")
        except DataError as error:
            reason = str(error)
        if reason:
            self.lost.append(f"the name of member {count}, which is called {name} here ({reason})")
        self._names.add(name)
        self._of_member = f" of {name}"
        most = stream.end.total if stream.end is not None else MOST_UNPACKED * stream.size
        self.pieces.append(ArchiveMember(name, most))
        return True

    def _read_bytes(self, number: int) -> bool:
        block, size = self._stream.blocks.get(number), self._stream.size_of(number)
        name = f"block {number}, {'bytes' if size is None else f'{size} bytes'} as they are{self._of_member}"
        if block is None:
            return self._lose(name, size)
        self.pieces.append(Bytes(block, size, name))
        return True

    def dictionary(self) -> bytes:
        """The first parts that are bytes, from which later ones are packed; an error if any of them is lost."""
        numbers = [number for number in range(1, self._stream.count) if self._stream.kinds.get(number) == BYTES][:FIRST]
        if any(number not in self._stream.blocks for number in numbers):
            raise DataError("Expected the first bytes of the file, from which it is packed, found them damaged.")
        contents = (self._stream.content(self._stream.blocks[number]) for number in numbers)
        return dictionary_of([b"".join(unpacked(one, PIECE)) for one in contents])

    def _lose(self, name: str, size: int | None) -> bool:
        """Say what is lost; what follows can be put into its place if its size is known."""
        self.lost.append(name)
        if size is None or not self._can_fill(size):
            return False
        self.pieces.append(Bytes(None, size, name))
        return True

    def _can_fill(self, size: int) -> bool:
        """Whether a file of this length may claim so many bytes that it doesn't have, besides those before."""
        self._filled += size
        return self._filled <= max(SMALL, MOST_UNPACKED * self._stream.size)

    def _read_image(self, number: int) -> bool:
        self._images += 1
        stream, name, size = self._stream, f"image {self._images}", self._stream.size_of(number)
        self._next = behind = self._following(self._others, number)
        try:
            known = number in stream.blocks
            plan = image_plan(json_of(stream.content(stream.blocks[number])), self._plans) if known else None
        except DataError as error:
            return self._lose(f"{name}{self._of_member} ({error})", size)
        if plan is None:
            return self._lose(f"{name}{self._of_member}, whose description is damaged or missing", size)
        if plan.codings and not plan.like:
            self._plans[number] = plan
        name = f"{name} {list(plan.shape)}{self._of_member}"
        count, found = plan.chunk_count(), behind - number - 1
        is_known = stream.end is not None or not stream.numbered  # of each block what it is
        is_cut = stream.end is None and behind == stream.count
        fits = found == count or (is_cut if found < count else not is_known)
        numbers = range(number + 1, number + 1 + count)
        is_whole = fits and count <= len(stream.blocks) and all(one in stream.blocks for one in numbers)
        if size not in (None, plan.bytes) or not (is_whole or self._can_fill(plan.bytes)):
            return self._lose(f"{name}, which claims {plan.bytes} bytes that the file can't hold", size)
        if not fits:
            self.lost.append(f"{name}, of which {found} chunks are there instead of {count}")
            self.pieces.append(Image(plan, (None,) * count, name))
            return True
        self._next = min(behind, numbers.stop)
        image = Image(plan, tuple(stream.blocks.get(one) for one in numbers), name)
        lost = [place for place, block in enumerate(image.chunks) if block is None]
        self.lost += [f"all chunks of {name}"] if len(lost) == count > 1 else [image.name_of(place) for place in lost]
        self.pieces.append(image)
        return True


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
    file: IO[bytes], parts: Iterable[Part], header: HeaderRecord, lossy: Lossy | None, processes: int,
    shared: Mapping[Kind, SharedModels] | None = None,
) -> CodingReport:  # fmt: skip
    """Code the parts of a file. shared: models of its images by their kind."""
    report, digest, first = CodingReport(), hashlib.sha256(), list[bytes]()
    writer = BlockWriter(file, header)
    for part in parts:
        if isinstance(part, ArchiveMember):
            writer.write(MEMBER, {"name": part.name})
        elif isinstance(part, bytes):
            digest.update(part)
            report.before += len(part)
            for start in range(0, len(part), PIECE):
                piece = part[start : start + PIECE]
                is_like = len(first) == FIRST and len(piece) <= DICTIONARY
                content = packed_like(piece, dictionary_of(first)) if is_like else packed(piece)
                first += [piece] if len(first) < FIRST else []
                writer.write(BYTES, content, len(piece))
        else:
            report.before += part.array.nbytes
            _write_image(writer, part, None if part.exact else lossy, processes, report, shared or {})
            if report.largest_error is None:
                digest.update(np.ascontiguousarray(part.array).data)
    writer.end(digest.hexdigest()[:DIGITS] if report.largest_error is None else None)
    report.after = writer.written
    return report


def _write_image(
    writer: BlockWriter, part: ImagePart, lossy: Lossy | None, processes: int, report: CodingReport,
    shared: Mapping[Kind, SharedModels],
) -> None:  # fmt: skip
    found = planned_like(part, lossy, shared)
    plan = planned(part.array, lossy) if found is None else found[0]
    if found is not None and not found[1].number:
        found[1].number, found[1].models = writer.count, tuple(one.model for one in plan.codings)
    description = plan.to_json()
    writer.write(IMAGE, packed_plan(description) if plan.like else description, part.array.nbytes)
    for content in _called(coded(part.array, plan), processes):
        writer.write(CHUNK, content)
        report.chunks += 1
    if plan.method == "predictor":
        report.pixels += part.array.size
        report.floor += plan.floor_bits()
    else:
        report.general += part.array.nbytes
    report.kept += part.array.size if lossy is not None and plan.largest_error() is None else 0
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
        if found.version in READ and found.tables == tables_checksum():
            return typed(HeaderRecord, data)
    except DataError as error:
        raise DataError(f"{error} It is the header of {path}, without which nothing can be read.") from error
    raise IncompatibleError(
        f"Expected a stream of format {VERSION}, {ALONE} or {UNNUMBERED} with the tables {tables_checksum()} at "
        f"{path}, found format {found.version} with {found.tables!r}. Read it with the version of sciencegen that "
        "wrote it."
    )


def read_archive(path: Path, processes: int, partial_too: bool) -> Iterator[Part | CodingReport]:
    """The parts of a coded file, then a report. partial_too: fill what is damaged with zeros (NaN for floats)
    instead of raising an error. All blocks are checked before the first part is made of them."""
    stream = read_stream(path, read_header(path))
    layout, report, digest = StreamLayout(stream), CodingReport(), hashlib.sha256()
    report.lost, report.notes = layout.lost, stream.problems
    if stream.numbered and stream.end is None:
        report.notes.append(
            "the end, with the digests of all blocks, is lost: each was checked by its own checksum alone"
        )
    is_whole = not (layout.lost or stream.problems)
    if not partial_too and not is_whole:
        raise _refusal(stream, (layout.lost or stream.problems)[0])
    contents = (one for one in layout.pieces if not isinstance(one, ArchiveMember))
    if layout.lost and all(isinstance(one, Bytes) and one.block is None for one in contents):
        raise _refusal(stream, layout.lost[0])
    is_exact, is_known = True, True
    for piece in layout.pieces:
        if isinstance(piece, ArchiveMember):
            is_known = True
            yield piece
        elif is_known:
            before = len(report.lost)
            for part in _restored(stream, piece, processes, report, layout):
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


def _restored(
    stream: Stream, piece: Piece, processes: int, report: CodingReport, layout: StreamLayout
) -> Iterator[bytes | ImagePart]:
    """A piece in parts. What can't be decoded is lost too."""
    if isinstance(piece, Bytes):
        yield from _restored_bytes(stream, piece, report, layout)
    elif isinstance(piece, Image):
        yield from _restored_image(stream, piece, processes, report)


def _restored_bytes(stream: Stream, piece: Bytes, report: CodingReport, layout: StreamLayout) -> Iterator[bytes]:
    """Bytes in parts, with zeros in place of those that are lost."""
    count = 0
    try:
        if piece.block is not None:
            most = stream.most_of(piece.block) if piece.size is None else piece.size
            content = stream.content(piece.block)
            parts = [unzipped(content, most, layout.dictionary())] if is_like(content) else unpacked(content, most)
            for part in parts:
                count += len(part)
                yield part
            if count < (piece.size or 0):
                raise DataError(f"Expected {piece.size} bytes, found {count}.")
    except DataError as error:
        report.lost.append(f"{piece.name} ({error})")
    yield from (bytes(min(PIECE, size)) for size in range((piece.size or 0) - count, 0, -PIECE))


def _restored_image(stream: Stream, image: Image, processes: int, report: CodingReport) -> Iterator[ImagePart]:
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
        yield ImagePart(slab.reshape(plan.shape) if len(slab) == plan.pixels else slab)


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


# The parts of .npy and .npz files: their headers as bytes, and their arrays as images. No array is unpickled.

READ_PIECE = 1 << 24
"""Bytes that are read at once."""


def array_parts(path: Path) -> Iterator[Part]:
    """The parts of an .npy file, or of each member of an .npz file."""
    with reading("a file of arrays", path):
        if path.suffix.lower() == ".npy":
            with open(path, "rb") as file:
                yield from npy_parts(file)
            return
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "" in names or len(set(names)) < len(names):
                raise ValueError("members without a name of their own")
            for member in archive.infolist():
                yield ArchiveMember(member.filename)
                with archive.open(member) as file:
                    yield from npy_parts(file)


def npy_parts(file: IO[bytes]) -> Iterator[Part]:
    """The header of an array, and its numbers as an image if they are one, else as bytes. Other files are bytes."""
    start = file.read(len(np.lib.format.MAGIC_PREFIX) + 2)
    if start[:-2] != np.lib.format.MAGIC_PREFIX or start[-2] not in (1, 2):
        yield start
        yield from _rest(file)
        return
    length = file.read(2 if start[-2] == 1 else 4)
    text = file.read(int.from_bytes(length, "little"))
    yield start + length + text
    whole = io.BytesIO(length + text)
    read = np.lib.format.read_array_header_1_0 if start[-2] == 1 else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(whole)
    if kind.hasobject or not is_image(np.empty((0,) * len(shape) if 0 in shape else (1,) * len(shape), kind)):
        yield from _rest(file)
        return
    size = int(np.prod(shape)) * kind.itemsize
    content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{len(content)} bytes of an array of {size}")
    array = np.frombuffer(content, kind).reshape(shape[::-1] if fortran else shape)
    yield ImagePart(array)
    yield from _rest(file)


def _rest(file: IO[bytes]) -> Iterator[bytes]:
    while content := file.read(READ_PIECE):
        yield content
