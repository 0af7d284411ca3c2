"""HTTP for datasets: complete downloads into a file, and the list of files of a package index (PEP 503, 691)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import urllib.response
from collections.abc import Callable, Mapping
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import IO

from sciencegen.errors import DataError
from sciencegen.files import atomic_write

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


def package_index() -> str:
    """$SCIENCEGEN_PYPI, else pip's $PIP_INDEX_URL, else PyPI."""
    return (os.environ.get("SCIENCEGEN_PYPI") or os.environ.get("PIP_INDEX_URL") or PYPI).rstrip("/")


def find_distribution(project: str, filename: str) -> str:
    """The URL of one file of a project on the package index."""
    page = f"{package_index()}/{project}/"
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
