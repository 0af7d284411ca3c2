"""A large file that was broken off goes on where it ended, if it is still the same file."""

import shutil

import pytest

from sciencegen.data.fetch import download, download_resumed, fetch
from sciencegen.errors import DataError
from tests.data.word_sources import TEST, TRAIN, card_with, check, entries, nothing_in

CONTENT = bytes(range(256)) * 4000


def broken_off(server, whole, at=300_000, etag='"one"'):
    """A download of which the first bytes were received."""
    server.pages, server.etag, server.stops_at = {"/a": CONTENT}, etag, at
    with pytest.raises(DataError, match=r"IncompleteRead|more expected"):
        download_resumed(f"{server.url}/a", whole, len(CONTENT))
    server.stops_at = None
    server.asked.clear()


def test_only_the_rest_is_asked_for(server, tmp_path):
    whole, seen = tmp_path / ".a.whole", []
    broken_off(server, whole)
    assert (tmp_path / ".a.partial").read_bytes() == CONTENT[:300_000]
    download_resumed(f"{server.url}/a", whole, len(CONTENT), lambda *sizes: seen.append(sizes))
    assert whole.read_bytes() == CONTENT
    assert seen[0][0] > 300_000
    assert seen[-1] == (len(CONTENT),) * 2
    assert len(server.asked) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".a.whole"]


@pytest.mark.parametrize("change", ["another version", "no ranges"])
def test_another_version_or_a_server_without_ranges_begins_anew(server, tmp_path, change):
    broken_off(server, tmp_path / ".a.whole")
    server.etag = '"two"' if change == "another version" else ""
    server.pages = {"/a": CONTENT[::-1]}
    download_resumed(f"{server.url}/a", tmp_path / ".a.whole", len(CONTENT))
    assert (tmp_path / ".a.whole").read_bytes() == CONTENT[::-1]
    assert [path.name for path in tmp_path.iterdir()] == [".a.whole"]


OTHER_RESTS = {
    "another version": {"ETag": '"two"'},
    "another size": {"Content-Range": f"bytes 300000-{len(CONTENT)}/{len(CONTENT) + 1}"},
    "another place": {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"},
    "only a part of it": {"Content-Range": f"bytes 300000-400000/{len(CONTENT)}", "Content-Length": "100001"},
    "another length": {"Content-Length": "5"},
    "an unknown size": {"Content-Range": f"bytes 300000-{len(CONTENT) - 1}/*"},
    "no range": {"Content-Range": "x"},
    "a length that is no number": {"Content-Length": "x"},
}


@pytest.mark.parametrize("headers", OTHER_RESTS.values(), ids=OTHER_RESTS)
def test_an_answer_that_is_no_rest_of_the_file_begins_anew(server, tmp_path, headers):
    broken_off(server, tmp_path / ".a.whole")
    server.headers_of_rest = headers
    other = CONTENT[::-1]
    server.pages = {"/a": other}
    if headers.get("Content-Length") == "x":
        with pytest.raises(DataError, match="got: a Content-Length that is no number: 'x'"):
            download_resumed(f"{server.url}/a", tmp_path / ".a.whole", len(CONTENT))
        server.headers_of_rest = {"ETag": '"two"'}
    download_resumed(f"{server.url}/a", tmp_path / ".a.whole", len(CONTENT))
    assert (tmp_path / ".a.whole").read_bytes() == other


@pytest.mark.parametrize("shift", [-300_000, -1, 1])
def test_a_rest_from_another_place_begins_anew(server, tmp_path, shift):
    broken_off(server, tmp_path / ".a.whole")
    server.shift = shift
    download_resumed(f"{server.url}/a", tmp_path / ".a.whole", len(CONTENT))
    assert (tmp_path / ".a.whole").read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["x", "-1", "1, 1", "\xb2"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_length_that_is_no_number_is_an_error(server, tmp_path, length, whole):
    server.pages, server.length = {"/a": CONTENT}, length
    with pytest.raises(DataError, match="got: a Content-Length that is no number"):
        (download if whole else download_resumed)(f"{server.url}/a", tmp_path / ".a.whole", largest=len(CONTENT))
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_version_kept_goes_on(server, tmp_path):
    broken_off(server, tmp_path / ".a.whole")
    (tmp_path / ".a.version").write_text('"one"')
    download_resumed(f"{server.url}/a", tmp_path / ".a.whole", len(CONTENT))
    assert (tmp_path / ".a.whole").read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_first_fetch_is_one_answer(server, tmp_path):
    """Its checksum is recorded: it must not be that of two versions' halves."""
    files = {
        split: {"path": f"{server.url}/{name}", "at_most": 2000, "sha256": "first fetch"}
        for split, name in (("train", "a"), ("test", "b"))
    }
    card, cache = card_with(tmp_path, {"kind": "files", "files": files}), tmp_path / "cache"
    server.pages, server.etag, server.stops_at = {"/a": TRAIN, "/b": TEST}, '"one"', 300
    with pytest.raises(DataError, match=r"IncompleteRead|more expected"):
        fetch(card, cache)
    assert nothing_in(cache / "downloads")
    server.stops_at = None
    folder = fetch(card, cache)
    check(folder)
    shutil.rmtree(folder)
    server.stops_at = 300  # from now on the checksum is known
    with pytest.raises(DataError, match=r"IncompleteRead|more expected"):
        fetch(card, cache)
    server.stops_at = None
    check(fetch(card, cache))


def test_a_shorter_file_than_what_was_received_begins_anew(server, tmp_path):
    broken_off(server, tmp_path / ".a.whole")
    server.pages = {"/a": CONTENT[:1000]}
    download_resumed(f"{server.url}/a", tmp_path / ".a.whole", len(CONTENT))
    assert (tmp_path / ".a.whole").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize("etag", ["", 'W/"one"'])
def test_without_a_version_nothing_is_kept(server, tmp_path, etag):
    broken_off(server, tmp_path / ".a.whole", etag=etag)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_too_long_is_refused_and_not_kept(server, tmp_path):
    broken_off(server, tmp_path / ".a.whole")
    with pytest.raises(DataError, match="Expected at most 400000 bytes"):
        download_resumed(f"{server.url}/a", tmp_path / ".a.whole", 400_000)
    assert list(tmp_path.iterdir()) == []


def test_a_set_goes_on_with_the_file_that_was_broken_off(server, tmp_path):
    """The others aren't downloaded again, and nothing is left in the end."""
    server.pages, server.etag = {"/a": TRAIN}, '"one"'
    source = {"kind": "files", "files": entries({"train": f"{server.url}/a", "test": f"{server.url}/b"})}
    card, cache = card_with(tmp_path, source), tmp_path / "cache"
    with pytest.raises(DataError, match="HTTP 404"):
        fetch(card, cache)
    server.asked.clear()
    server.pages["/b"] = TEST
    check(fetch(card, cache))
    assert [path for path, _ in server.asked] == ["/b"]
    assert nothing_in(cache / "downloads")


def test_a_wrong_file_is_not_kept(server, tmp_path):
    server.pages, server.etag = {"/a": TRAIN[::-1], "/b": TEST}, '"one"'
    source = {"kind": "files", "files": entries({"train": f"{server.url}/a", "test": f"{server.url}/b"})}
    with pytest.raises(DataError, match="Expected sha256"):
        fetch(card_with(tmp_path, source), tmp_path / "cache")
    server.pages["/a"] = TRAIN
    check(fetch(card_with(tmp_path, source), tmp_path / "cache"))
    assert nothing_in(tmp_path / "cache" / "downloads")
