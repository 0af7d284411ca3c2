"""Downloads are whole, or an error without a password."""

import pytest

from sciencegen.data import downloads
from sciencegen.data.fetch import fetch
from sciencegen.errors import DataError
from tests.data.word_sources import (
    WHEEL,
    archive_source,
    card_with,
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
