"""A set of words, in every kind of source, on a server of our own."""

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import zipfile

import yaml

from sciencegen.data.cards import load_card

TRAIN = b"WORD,size\napple,5\npear,4\n" * 50
TEST = b"WORD,size\nplum,4\n"
FACTS = {
    "format": 1,
    "name": "words",
    "domain": "language",
    "title": "Words",
    "description": "Some words",
    "home": "https://example.org",
    "licence": "CC0",
    "citation": "nobody",
}
"""With which every card of words begins."""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members, mode="w:gz", link=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return buffer.getvalue()


class Handler(http.server.SimpleHTTPRequestHandler):
    """A static server that counts, redirects, answers the package index as JSON or HTML, and can break off. With
    `etag` it sends the rest of a file that is still the same."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        if target := self.server.redirects.get(self.path):
            self.send_response(302)
            self.send_header("Location", target)
            return self.end_headers()
        content = self.server.pages.get(self.path)
        if content is None:
            return self.send_error(404)
        if self.server.etag and self.headers.get("If-Range") == self.server.etag:
            return self.send_rest(content, int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")))
        kind = "application/vnd.pypi.simple.v1+json" if content[:1] == b"{" else "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if self.server.tells_length:
            self.send_header("Content-Length", self.server.length or str(len(content) + self.server.missing))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()
        self.wfile.write(content[: self.server.stops_at])

    def send_rest(self, content, start):
        """The rest, with other headers and from another place if the server is told to."""
        if start >= len(content):
            return self.send_error(416)
        start += self.server.shift
        self.send_response(206)
        said = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}", **self.server.headers_of_rest}
        for name, text in {"Content-Length": str(len(content) - start), **said}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content[start : self.server.stops_at])

    def log_message(self, *_):
        pass


def entries(paths, train=TRAIN, test=TEST):
    return {
        split: {"path": path, "bytes": len(content), "sha256": sha256(content)}
        for (split, path), content in zip(paths.items(), (train, test), strict=True)
    }


def write_content(root, content, exist_ok=False):
    """The card of words below `root`, whose folder may be there already only with `exist_ok`."""
    path = root / "language" / "words" / "card.yaml"
    path.parent.mkdir(parents=True, exist_ok=exist_ok)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def card_with(folder, *sources):
    content = {
        **FACTS,
        "columns": [{"name": "length", "unit": "letters", "source": "size"}],
        "files": {
            "train": {"name": "train.csv", "item_column": "WORD", "rows": 100},
            "test": {"name": "test.csv", "item_column": "WORD", "rows": 1},
        },
        "sources": list(sources),
    }
    return load_card(write_content(folder, content, exist_ok=True))


MEMBERS = {"train": "words/data/train.csv.gz", "test": "words/data/test.csv"}
ADDRESSES = {"train": "https://example.org/a.csv", "test": "https://example.org/b.csv"}
WHEEL = zipped({MEMBERS["train"]: gzip.compress(TRAIN), MEMBERS["test"]: TEST, "words/__init__.py": b""})
NAME = "words-1.0-py3-none-any.whl"


def pypi_source(wheel=WHEEL, **files):
    return {
        "kind": "pypi",
        "project": "words",
        "filename": NAME,
        "sha256": sha256(wheel),
        "files": entries(MEMBERS) | files,
    }


def archive_source(url, content, paths=MEMBERS):
    return {"kind": "archive", "url": url, "sha256": sha256(content), "files": entries(paths)}


def index_json(url):
    return json.dumps({"files": [{"filename": NAME, "url": url}, {"filename": "other.whl", "url": "o"}]}).encode()


def check(folder):
    assert (folder / "train.csv").read_bytes() == TRAIN
    assert (folder / "test.csv").read_bytes() == TEST


def nothing_in(cache):
    return not [path for path in cache.rglob("*") if path.is_file()]
