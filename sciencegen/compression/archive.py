"""Writes and reads streams: the bytes of a file, in which images are coded by the predictor."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import IO, TypeVar

import numpy as np

from sciencegen.compression.images import ImagePlan, Lossy, coded, decoded, image_plan, place_chunk, planned
from sciencegen.compression.parts import Member, Part, Picture, Report
from sciencegen.compression.stream import (
    BYTES,
    CHUNK,
    END,
    HEADER,
    IMAGE,
    MAGIC,
    MEMBER,
    VERSION,
    Block,
    read_blocks,
    write_block,
)  # fmt: skip
from sciencegen.data.workers import Failure, map_killable
from sciencegen.errors import DataError, IncompatibleError

CHUNK_TIMEOUT_S = 3600.0
Result = TypeVar("Result")


@cache
def tables_checksum() -> str:
    """Of the shipped network and tables: a stream can only be read with the ones that wrote it."""
    return hashlib.sha256((files("sciencegen.compression") / "predictors.npz").read_bytes()).hexdigest()[:16]


def write_archive(
    file: IO[bytes], parts: Iterable[Part], container: str, name: str, lossy: Lossy | None, processes: int
) -> Report:
    """Code the parts of a file. container: "file" or "zip"."""
    report, digest = Report(), hashlib.sha256()
    file.write(MAGIC)
    header = {"version": VERSION, "tables": tables_checksum(), "container": container, "name": name}
    report.after = len(MAGIC) + write_block(file, HEADER, header)
    for part in parts:
        if isinstance(part, Member):
            report.after += write_block(file, MEMBER, {"name": part.name})
            continue
        if isinstance(part, bytes):
            digest.update(part)
            report.before += len(part)
            report.after += write_block(file, BYTES, lzma.compress(part))
            continue
        report.before += part.array.nbytes
        _write_image(file, part, None if part.exact else lossy, processes, report)
        if report.largest_error is None:
            digest.update(np.ascontiguousarray(part.array).data)
    exact = report.largest_error is None
    report.after += write_block(file, END, {"sha256": digest.hexdigest() if exact else None, "bytes": report.before})
    return report


def _write_image(file: IO[bytes], part: Picture, lossy: Lossy | None, processes: int, report: Report) -> None:
    plan = planned(part.array, lossy)
    size = write_block(file, IMAGE, plan.to_json())
    for content in _called(coded(part.array, plan), processes):
        size += write_block(file, CHUNK, content)
        report.chunks += 1
    report.after += size
    if plan.method == "predictor":
        report.pixels += part.array.size
        report.bits += 8 * size
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


@dataclass(frozen=True)
class Header:
    """container: "file" or "zip". name: of the file that was coded."""

    container: str
    name: str


def read_header(path: Path) -> Header:
    """The first block of a stream."""
    first = next(read_blocks(path), None)
    if first is None or first.kind != HEADER or not first.whole:
        raise DataError(
            f"Expected a file of `compress` at {path}, found one with a damaged header. Nothing can be read."
        )
    data = first.data()
    if data["version"] != VERSION or data["tables"] != tables_checksum():
        raise IncompatibleError(
            f"Expected a stream of format {VERSION} with the tables {tables_checksum()} at {path}, found format "
            f"{data['version']} with {data['tables']}. Read it with the version of sciencegen that wrote it."
        )
    return Header(str(data["container"]), str(data["name"]))


def read_archive(path: Path, processes: int, partial_too: bool) -> Iterator[Part | Report]:
    """The parts of a coded file, then a report. partial_too: fill what is damaged with zeros (NaN for floats)
    instead of raising an error."""
    blocks, report = _Blocks(path), Report()
    digest, exact = hashlib.sha256(), True
    read_header(path)
    next(blocks)
    for block in blocks:
        if not block.whole and block.kind != CHUNK:
            report.lost.append(f"a block of type {block.kind.decode()}")
        elif block.kind == MEMBER:
            yield Member(str(block.data()["name"]))
        elif block.kind == BYTES:
            content = lzma.decompress(block.content)
            digest.update(content)
            yield content
        elif block.kind == IMAGE:
            plan = image_plan(block.data())
            exact = exact and plan.largest_error() is None
            array = _read_image(blocks, plan, processes, report)
            digest.update(array.data)
            yield Picture(array)
        elif block.kind == END:
            _check_end(block, digest.hexdigest(), exact, report, path)
        if report.lost and not partial_too:
            _refuse(path, blocks, report)
    if not blocks.ended:
        report.lost.append("the end of the file")
        if not partial_too:
            _refuse(path, blocks, report)
    yield report


class _Blocks:
    """The blocks of a file, of which one can be put back."""

    def __init__(self, path: Path) -> None:
        self._blocks, self._back, self.ended = read_blocks(path), list[Block](), False

    def __iter__(self) -> _Blocks:
        return self

    def __next__(self) -> Block:
        block = self._back.pop() if self._back else next(self._blocks)
        self.ended = block.kind == END
        return block

    def put_back(self, block: Block) -> None:
        self._back.append(block)


def _read_image(blocks: _Blocks, plan: ImagePlan, processes: int, report: Report) -> np.ndarray:
    """The array of an image; chunks that are damaged or missing stay empty."""
    kind = np.dtype(plan.kind)
    array = np.full(plan.shape, np.nan if kind.kind == "f" else 0, kind)
    found: list[Block | None] = []
    count = plan.chunk_count()
    for _ in range(count):
        block = next(blocks, None)
        if block is not None and block.kind != CHUNK:
            blocks.put_back(block)
            block = None
        found.append(block)
    whole = [number for number, block in enumerate(found) if block is not None and block.whole]
    contents = {number: found[number].content for number in whole}  # type: ignore[union-attr]
    for number, values in zip(whole, _called(decoded(contents, plan), processes), strict=True):
        place_chunk(array, plan, number, values)
    report.chunks += len(whole)
    lost = [number for number in range(count) if number not in contents]
    report.lost += [f"chunk {number + 1} of {count} of an image {list(plan.shape)}" for number in lost]
    return array


def _check_end(block: Block, digest: str, exact: bool, report: Report, path: Path) -> None:
    expected = block.data()["sha256"]
    if exact and not report.lost and expected is not None and expected != digest:
        raise DataError(
            f"Expected the checksum {expected} of what {path} holds, found {digest}. Please report this: every "
            "chunk was whole."
        )


def _refuse(path: Path, blocks: _Blocks, report: Report) -> None:
    """Raise the error for a damaged stream, with what is whole."""
    later = sum(block.kind == CHUNK and block.whole for block in blocks)
    raise DataError(
        f"Expected a whole file at {path}, found {report.lost[0]} damaged or missing; {report.chunks + later} chunks "
        "are whole. Get it again, or restore what is whole with `partial`."
    )
