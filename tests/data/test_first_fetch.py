"""Files without a stated checksum: the first fetch is recorded, and another file is refused later."""

import shutil

import pytest
import yaml

from sciencegen.api import datasets
from sciencegen.data.cards import load_card
from sciencegen.data.fetch import fetch, note_on, record_beside
from sciencegen.errors import ConfigError, DataError
from tests.data.word_sources import FACTS, TEST, TRAIN, archive_source, card_with, check, nothing_in, sha256

SIZES = {"at_most": 2000, "sha256": "first fetch"}


def card_of(folder, server):
    server.pages = {"/a": TRAIN, "/b": TEST}
    files = {split: {"path": f"{server.url}/{name}", **SIZES} for split, name in (("train", "a"), ("test", "b"))}
    return card_with(folder, {"kind": "files", "files": files})


def test_the_checksums_of_the_first_fetch_are_kept_and_compared(server, tmp_path):
    card, cache = card_of(tmp_path, server), tmp_path / "cache"
    folder = fetch(card, cache)
    check(folder)
    record = record_beside(folder, card)
    assert record.read_text() == f"{sha256(TRAIN)}  train.csv\n{sha256(TEST)}  test.csv\n"
    shutil.rmtree(folder)
    check(fetch(card, cache))
    shutil.rmtree(folder)
    server.pages["/b"] = TEST.replace(b"4", b"5")
    with pytest.raises(DataError, match=rf"{sha256(TEST)} of test.csv, which it had(.|\n)*{record}(.|\n)*delete"):
        fetch(card, cache)
    assert not folder.exists()
    assert nothing_in(cache / "downloads")
    record.write_text(f"{sha256(TRAIN)}  train.csv\n")  # as the message says
    fetch(card, cache)
    assert sha256(server.pages["/b"]) in record.read_text()


def test_a_record_that_is_no_list_of_checksums_is_an_error(server, tmp_path):
    card, cache = card_of(tmp_path, server), tmp_path / "cache"
    folder = fetch(card, cache)
    shutil.rmtree(folder)
    record_beside(folder, card).write_text("hello\n")
    with pytest.raises(DataError, match="two spaces and a name"):
        fetch(card, cache)


def test_users_are_told(server, tmp_path, monkeypatch):
    card = card_of(tmp_path, server)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    note = datasets.note_on(str(card.folder))
    assert "no SHA-256 is stated for train.csv, test.csv" in note
    assert str(tmp_path / "cache" / "datasets" / "language" / "words.sha256") in note
    assert note_on(card_with(tmp_path / "other", archive_source("https://example.org/a.zip", b"")), tmp_path) == ""


def test_a_larger_file_is_refused(server, tmp_path):
    card = card_of(tmp_path, server)
    server.pages["/a"] = TRAIN * 100
    with pytest.raises(DataError, match="Expected at most"):
        fetch(card, tmp_path / "cache")
    assert nothing_in(tmp_path / "cache")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sha256": "first fetch"}, "expected either `bytes` or `at_most`"),
        ({"sha256": "0" * 64, "bytes": 1, "at_most": 1}, "expected either `bytes` or `at_most`"),
        ({"sha256": "unknown", "bytes": 1}, "sha256"),
    ],
)
def test_a_card_says_the_size_or_a_limit_and_the_checksum_or_why_not(tmp_path, entry, message):
    files = {split: {"path": "https://example.org/a", **entry} for split in ("train", "test")}
    with pytest.raises(ConfigError, match=message):
        card_with(tmp_path, {"kind": "files", "files": files})


def test_files_of_an_archive_need_their_checksums(tmp_path):
    source = archive_source("https://example.org/a.zip", b"")
    source["files"]["train"] |= {"sha256": "first fetch"}
    with pytest.raises(ConfigError, match="expected a checksum of each file in an archive"):
        card_with(tmp_path, source)


def test_what_a_file_lacks_is_written_beside_it(server, tmp_path):
    server.pages = {"/a": TRAIN}
    beside = {"unit": "letters", "bands": ["y"]}
    files = {"all": {"name": "a.csv", "item_column": "WORD", "rows": 100, "beside": beside}}
    sources = [{"kind": "files", "files": {"all": {"path": f"{server.url}/a", **SIZES}}}]
    folder = tmp_path / "language" / "words"
    folder.mkdir(parents=True)
    (folder / "card.yaml").write_text(yaml.safe_dump({**FACTS, "files": files, "sources": sources}))
    fetched = fetch(load_card(folder), tmp_path / "cache")
    assert yaml.safe_load((fetched / "a.csv.yaml").read_text()) == beside
