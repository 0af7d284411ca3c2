"""Reading named members of untrusted archives, and writing files whose size and checksum are checked."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from sciencegen.data.cards import FIRST_FETCH, SourceFile
from sciencegen.data.damage import GZIP_START, reading
from sciencegen.errors import DataError
from sciencegen.files import atomic_write

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

BLOCK = 1 << 20


def extract(archive: Path, files: Mapping[Path, SourceFile]) -> None:
    """Write members of a .zip, .whl or .tar(.gz) to the paths given, gunzipped and checked.

    The whole archive is refused if any member's name points outside of it, since such an archive is malicious.
    """
    with _open_archive(archive) as members:
        for name in members.names:
            _check_name(name, archive)
        for target, file in files.items():
            if file.path not in members.names:
                raise DataError(f"Expected {file.path} in {archive.name}, found {_some(members.names)}.")
            with reading(f"a readable {file.path}", archive.name), members.open(file.path) as stream:
                write_checked(stream, target, file, f"{archive.name}:{file.path}")


def write_checked(stream: IO[bytes], target: Path, file: SourceFile, source: str) -> str:
    """Copy a stream (gunzipped, if it is gzip) to `target`, which appears only if size and checksum agree.

    Returns the checksum; where the card has none, the caller compares it."""
    digest, size = hashlib.sha256(), 0
    with atomic_write(target, "wb") as handle:
        blocks = _blocks(stream)
        while size <= file.most:  # a longer one would fill the disk
            with reading("a whole file", source):
                block = next(blocks, b"")
            if not block:
                break
            size += len(block)
            digest.update(block)
            handle.write(block)
        if size > file.most or (file.bytes is not None and size != file.bytes):
            expected = file.bytes or f"at most {file.most}"
            found = f"more than {file.most}" if size > file.most else str(size)
            raise DataError(f"Expected {expected} bytes in {source}, found {found}: truncated, or another version.")
        if file.sha256 not in (digest.hexdigest(), FIRST_FETCH):
            raise DataError(f"Expected sha256 {file.sha256} of {source}, found {digest.hexdigest()}.")
    return digest.hexdigest()


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    head = stream.read(BLOCK)
    if head[:2] == GZIP_START:
        unpacked = gzip.GzipFile(fileobj=io.BufferedReader(_Rejoined(head, stream), BLOCK))
        while block := unpacked.read(BLOCK):
            yield block
        return
    while head:
        yield head
        head = stream.read(BLOCK)


class _Rejoined(io.RawIOBase):
    """A stream, preceded by the bytes that were already read from it."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        block = self._head[: len(view)] or self._rest.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(block)] = block
        return len(block)


def _check_name(name: str, archive: Path) -> None:
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or ":" in slashed.split("/")[0] or ".." in PurePosixPath(slashed).parts:
        raise DataError(
            f"Expected names inside the archive {archive.name}, found '{name}', which points out of it. "
            "Don't unpack this file; get it from the source that the dataset's card names."
        )


def _some(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)[:8]) + (", ..." if len(names) > 8 else "") or "nothing"


class _Members:
    """The regular files of a zip or tar, by name."""

    def __init__(self, archive: zipfile.ZipFile | tarfile.TarFile) -> None:
        self.archive = archive
        if isinstance(archive, zipfile.ZipFile):
            self.names = frozenset(archive.namelist())
        else:  # every name is checked, links and devices included, though only regular files can be opened
            self.names = frozenset(archive.getnames())

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        stream: IO[bytes] | None
        if isinstance(self.archive, zipfile.ZipFile):
            stream = self.archive.open(name)
        else:
            member = self.archive.getmember(name)
            stream = self.archive.extractfile(member) if member.isreg() else None
        if stream is None:
            raise DataError(f"Expected {name} to be a regular file in the archive, found a link or a folder.")
        with stream:
            yield stream


@contextmanager
def _open_archive(path: Path) -> Iterator[_Members]:
    with reading("a .zip, .whl or .tar archive", path.name):
        archive = zipfile.ZipFile(path) if zipfile.is_zipfile(path) else tarfile.open(path)  # noqa: SIM115
    with archive:
        with reading("a .zip, .whl or .tar archive", path.name):
            members = _Members(archive)
        yield members
