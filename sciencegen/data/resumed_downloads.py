"""Downloads of large files, which go on where an earlier attempt was broken off.

What was received is kept in a file beside the target, and the server's `ETag` or `Last-Modified` and the file's size
with it: the rest is asked for under the condition that the file is still the same (RFC 9110, sections 13 and 14). It is
appended only if the answer says that it is the rest of that file. A server that doesn't know ranges, a file that was
replaced, or an answer with another part begins anew."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
from contextlib import closing
from pathlib import Path
from typing import IO

from sciencegen.data.downloads import (
    BLOCK,
    Progress,
    Response,
    content_length,
    open_url,
    too_long,
    try_repeatedly,
)
from sciencegen.errors import DataError
from sciencegen.files import atomic_write, make_folder


def place_of(downloads: Path, name: str, url: str) -> Path:
    """Where a whole download lies until its set is complete; files of several sets may have one name."""
    return downloads / f".{name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.whole"


def drop_download(whole: Path) -> None:
    """Remove a download and what was received of it."""
    _drop(whole, *_parts(whole))


def download_resumed(
    url: str, whole: Path, largest: int, progress: Progress | None = None, resumes: bool = True
) -> Path:  # fmt: skip
    """Download `url` to `whole`, which is there only if it is complete; a complete one is left as it is.

    What was received is kept beside it if the download is broken off. largest: bytes after which it is refused.
    resumes: whether it goes on with what was received; a file without a checksum shouldn't be made of two answers.
    """
    if whole.is_file():
        return whole
    make_folder(whole.parent)
    partial, version = _parts(whole)

    def receive() -> None:
        if not resumes:
            _drop(partial, version)
        _receive(url, partial, version, largest, progress)

    try:
        try_repeatedly(url, receive)
    except DataError:
        if not resumes or not _is_resumable(partial, version):
            _drop(partial, version)
        raise
    os.replace(partial, whole)
    version.unlink(missing_ok=True)
    return whole


def _parts(whole: Path) -> tuple[Path, Path]:
    """What was received of a download, and what tells the version of the file."""
    return whole.with_suffix(".partial"), whole.with_suffix(".version")


def _is_resumable(partial: Path, version: Path) -> bool:
    return version.is_file() and partial.is_file() and partial.stat().st_size > 0


def _drop(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _receive(url: str, partial: Path, version: Path, largest: int, progress: Progress | None) -> None:
    """Append what is missing to `partial`, or write it anew."""
    start, wanted, kept, size = 0, {}, "", -1
    if _is_resumable(partial, version):
        start = partial.stat().st_size
        kept, _, told_size = version.read_text(encoding="utf-8").partition("\n")
        size = int(told_size) if told_size.isdecimal() else -1
        wanted = {"Range": f"bytes={start}-", "If-Range": kept}
    try:
        answer = open_url(url, headers=wanted)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not wanted:
            raise
        answer = None  # what was received is more than the file: another version
    if answer is not None and answer.status == http.client.PARTIAL_CONTENT and not _goes_on(answer, start, kept, size):
        answer.close()
        answer = None
    if answer is None:
        _drop(partial, version)
        answer = open_url(url)
    with closing(answer):
        if answer.status != http.client.PARTIAL_CONTENT:
            start = 0
            _write_version(answer, version)
        elif not start:
            raise http.client.HTTPException("a part of the file, where all of it was asked for")
        length = content_length(answer)
        total = start + length if length >= 0 else -1
        with open(partial, "ab" if start else "wb") as sink:
            size = _append(answer, sink, start, (total, largest), progress)
    if size > largest or total > largest:
        _drop(partial, version)
        raise too_long(url, largest)
    if 0 <= total != size:
        raise http.client.IncompleteRead(b"", total - size)


def _goes_on(answer: Response, start: int, kept: str, size: int) -> bool:
    """Whether a partial answer holds all bytes from `start` of the file that was kept. size: of that, -1 if unknown."""
    said = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", (answer.headers.get("Content-Range") or "").strip())
    if not start or said is None:
        return False
    first, last, total = map(int, said.groups())
    is_rest = first == start <= last == total - 1 and content_length(answer) in (-1, total - start)
    told = answer.headers.get("ETag" if kept.startswith('"') else "Last-Modified")
    return is_rest and told in (None, kept) and size in (-1, total)


def _write_version(answer: Response, version: Path) -> None:
    """Keep what tells this version of the file from others; a weak ETag doesn't."""
    etag = answer.headers.get("ETag") or ""
    told = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")
    if told and answer.headers.get("Accept-Ranges") != "none":
        with atomic_write(version) as file:
            file.write(f"{told}\n{content_length(answer)}")
    else:
        version.unlink(missing_ok=True)


def _append(
    source: Response, sink: IO[bytes], start: int, sizes: tuple[int, int], progress: Progress | None
) -> int:  # fmt: skip
    """Copy blocks; returns the size of the file. sizes: the whole file's, -1 if unknown, and the largest allowed."""
    size, (total, largest) = start, sizes
    while total <= largest and size <= largest and (block := source.read(BLOCK)):
        sink.write(block)
        size += len(block)
        if progress is not None:
            progress(size, total)
    sink.flush()
    os.fsync(sink.fileno())
    return size
