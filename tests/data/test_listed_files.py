"""Many small files that a committed table names: what is kept, what may be missing, and what stops a fetch."""

import pytest

from sciencegen.api import datasets
from sciencegen.data.cards import load_card
from sciencegen.data.fetch import fetch, is_fetched
from sciencegen.errors import ConfigError, DataError
from tests.data.word_sources import FACTS, sha256, write_content

NAMES = [f"{letter}.txt" for letter in "abcdefghijklmnopqrst"]
TABLE = "item,file\n" + "".join(f"{name}:1,{name}\n{name}:2,{name}\n" for name in NAMES)


def card_of(folder, url, table=TABLE):
    source = {"kind": "listed", "url": f"{url}/{{file}}"}
    source["files"] = {"all": {"path": "list.csv", "sha256": sha256(table.encode())}}
    files = {"all": {"name": "words.csv", "item_column": "item", "rows": 40}}
    path = write_content(folder, {**FACTS, "files": files, "sources": [source]}, exist_ok=True)
    (path.parent / "list.csv").write_text(table)
    return load_card(path)


def test_each_file_is_downloaded_once_and_lies_beside_the_table(server, tmp_path, monkeypatch):
    server.pages = {f"/{name}": name.encode() for name in NAMES}
    card, seen = card_of(tmp_path, server.url), []
    folder = fetch(card, tmp_path / "cache", progress=lambda *counts: seen.append(counts))
    assert (folder / "words.csv").read_text() == TABLE
    assert [(folder / name).read_text() for name in NAMES] == NAMES
    assert len(server.asked) == len(NAMES)
    assert seen[-1] == (20, 20)
    assert is_fetched(card, tmp_path / "cache")
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    found = datasets.fetch(card.folder, output=tmp_path / "out")
    assert [path.name for path in found] == ["words.csv", *NAMES]


def test_a_withdrawn_file_does_not_stop_the_others(server, tmp_path):
    server.pages = {f"/{name}": name.encode() for name in NAMES[1:]}
    folder = fetch(card_of(tmp_path, server.url), tmp_path / "cache")
    assert not (folder / NAMES[0]).exists()
    assert (folder / NAMES[1]).exists()


def test_a_fetch_that_stopped_goes_on(server, tmp_path):
    server.pages = {f"/{name}": name.encode() for name in NAMES[:8]}
    card, cache = card_of(tmp_path, server.url), tmp_path / "cache"
    with pytest.raises(DataError, match=r"5 downloads in a row failed(.|\n)*run it again"):
        fetch(card, cache)
    assert not is_fetched(card, cache)
    server.asked.clear()
    server.pages = {f"/{name}": name.encode() for name in NAMES}
    fetch(card, cache)
    assert len(server.asked) == 12


def test_too_many_missing_files_are_an_error(server, tmp_path):
    server.pages = {f"/{name}": name.encode() for name in NAMES[::2]}
    with pytest.raises(DataError, match="10 of 20 files are missing"):
        fetch(card_of(tmp_path, server.url), tmp_path / "cache")


def test_offline_takes_files_that_are_there(server, tmp_path):
    card, cache = card_of(tmp_path, server.url), tmp_path / "cache"
    with pytest.raises(DataError, match="because this is offline"):
        fetch(card, cache, offline=True)
    for name in NAMES:
        (cache / "downloads" / "words" / name).write_text("mine")
    assert (fetch(card, cache, offline=True) / NAMES[0]).read_text() == "mine"
    assert server.asked == []


def test_a_changed_table_and_names_with_folders_are_refused(server, tmp_path):
    card = card_of(tmp_path, server.url)
    (card.folder / "list.csv").write_text(TABLE + "x,y\n")
    with pytest.raises(DataError, match="Expected sha256"):
        fetch(card, tmp_path / "cache")
    for wrong in ("item,file\na,../a\n", "item,file\na,b/c\n"):
        with pytest.raises(DataError, match="file names without folders"):
            fetch(card_of(tmp_path, server.url, wrong), tmp_path / "cache")
    with pytest.raises(DataError, match="Expected a column 'file'"):
        fetch(card_of(tmp_path, server.url, "item,name\na,b\n"), tmp_path / "cache")


def test_a_source_names_every_file_of_the_card(tmp_path):
    files, source = {"all": {"name": "a.csv", "rows": 1}}, {"kind": "listed", "url": "x", "files": {}}
    path = write_content(tmp_path, {**FACTS, "files": files, "sources": [source]})
    with pytest.raises(ConfigError, match="listed source"):
        load_card(path)
