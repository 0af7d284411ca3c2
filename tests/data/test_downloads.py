"""Downloads are whole, or an error without a password."""

import pytest

from sciencegen.data import fetch as downloads
from sciencegen.data.fetch import fetch
from sciencegen.errors import DataError
from tests.data.word_sources import (
    ADDRESSES,
    TEST,
    WHEEL,
    archive_source,
    card_with,
    check,
    entries,
    nothing_in,
    pypi_source,
    sha256,
)


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


@pytest.mark.parametrize("target", ["the same host", "another host"])
def test_a_password_follows_no_redirect_to_another_host(server, other_server, tmp_path, target):
    there = server if target == "the same host" else other_server
    server.redirects = {"/words.zip": f"{there.url}/moved.zip"}
    there.pages = {"/moved.zip": WHEEL}
    url = f"http://me:secret@127.0.0.1:{server.server_port}/words.zip"
    check(fetch(card_with(tmp_path, archive_source(url, WHEEL)), tmp_path / "cache"))
    assert server.asked[0][1] is not None
    assert there.asked[-1][0] == "/moved.zip"
    assert (there.asked[-1][1] is None) == (there is other_server)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://a.org/x", "https://a.org:443/y", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://a.org:8443/x", False),
        ("https://a.org/x", "https://a.org.evil.net/x", False),
    ],
)
def test_a_port_or_scheme_is_part_of_whom_a_password_is_for(first, second, same):
    assert (downloads._origin(first) == downloads._origin(second)) == same


def test_a_redirect_to_another_scheme_is_refused(server, tmp_path):
    server.redirects = {"/words.zip": "ftp://127.0.0.1/words.zip"}
    with pytest.raises(DataError, match="redirect to http: or https:"):
        fetch(card_with(tmp_path, archive_source(f"{server.url}/words.zip", WHEEL)), tmp_path / "cache")


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_file_that_is_too_long_is_refused_before_it_fills_the_disk(server, tmp_path, tells_length, monkeypatch):
    server.tells_length = tells_length
    server.pages = {"/a.csv": b"x" * 3_000_000, "/b.csv": TEST, "/words.zip": b"x" * 3_000_000}
    received = []

    def progress(size, total):
        received.append(size)

    addresses = {split: f"{server.url}/{url.rpartition('/')[2]}" for split, url in ADDRESSES.items()}
    files = {"kind": "files", "files": entries(addresses)}
    with pytest.raises(DataError, match=r"Expected at most \d+ bytes at .*a\.csv, found more"):
        fetch(card_with(tmp_path, files), tmp_path / "cache", progress=progress)
    monkeypatch.setattr("sciencegen.data.fetch.LARGEST_ARCHIVE", 1_000_000)
    with pytest.raises(DataError, match="Expected at most 1000000 bytes"):
        fetch(
            card_with(tmp_path, archive_source(f"{server.url}/words.zip", WHEEL)), tmp_path / "cache", progress=progress
        )
    assert max(received, default=0) <= 1_000_000 + downloads.BLOCK
    assert nothing_in(tmp_path / "cache")


def test_an_index_page_that_is_too_long_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setattr(downloads, "LARGEST_PAGE", 1000)
    server.pages = {"/simple/words/": b"<a href=x>" * 1000}
    with pytest.raises(DataError, match="Expected at most 1000 bytes"):
        fetch(card_with(tmp_path, pypi_source()), tmp_path / "cache")
