import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sciencegen.api import datasets
from sciencegen.data.fetch import cache_root, cached_folder, fetch, is_fetched
from sciencegen.errors import ConfigError, DataError
from tests.data.word_sources import (
    ADDRESSES,
    NAME,
    TEST,
    TRAIN,
    WHEEL,
    archive_source,
    card_with,
    check,
    entries,
    index_json,
    pypi_source,
)

SIMULATION = {"kind": "simulation", "seed": 3, "settings": {"loud": True}, "files": {"train": 0, "test": 1000}}


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


def test_the_next_source_helps(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIENCEGEN_PYPI", f"{server.url}/gone")
    server.pages = {"/words.zip": WHEEL}
    card = card_with(tmp_path, pypi_source(), archive_source(f"{server.url}/words.zip", WHEEL))
    folder = fetch(card, tmp_path / "cache")
    check(folder)
    assert json.loads((folder / "fetched.json").read_text())["source"] == f"{server.url}/words.zip"


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


def test_a_cache_of_an_unknown_user_is_an_error_in_words(monkeypatch):
    monkeypatch.setenv("SCIENCEGEN_CACHE", "~nobody-of-this-name/x")
    with pytest.raises(ConfigError, match="SCIENCEGEN_CACHE, got '~nobody-of-this-name/x'"):
        cache_root()


def test_a_job_of_a_server_fetches_addresses_of_known_cards_alone(server, tmp_path, monkeypatch):
    server.pages = {"/a": TRAIN, "/b": TEST}
    source = {"kind": "files", "files": entries({"train": f"{server.url}/a", "test": f"{server.url}/b"})}
    monkeypatch.setenv("SCIENCEGEN_ALLOWED", "{}")
    card = card_with(tmp_path / "cards", source)
    with pytest.raises(DataError, match="addresses in files of clients aren't fetched"):
        fetch(card, tmp_path / "cache")
    assert not server.asked
    monkeypatch.setenv("SCIENCEGEN_DATASETS", str(tmp_path / "cards"))
    check(fetch(card, tmp_path / "cache"))
