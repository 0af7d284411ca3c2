"""Archives that lie, or are damaged, leave nothing."""

import gzip
from contextlib import suppress

import pytest

from sciencegen.data.fetch import extract, fetch
from sciencegen.errors import DataError, SciencegenError
from tests.damage import damaged
from tests.data.word_sources import (
    MEMBERS,
    TEST,
    TRAIN,
    archive_source,
    card_with,
    check,
    nothing_in,
    tarred,
    zipped,
)

BAD = gzip.compress(TRAIN)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_out_of_a_tar(server, tmp_path, mode):
    content = tarred({MEMBERS["train"]: gzip.compress(TRAIN), MEMBERS["test"]: TEST}, mode)
    (tmp_path / "words.tar").write_bytes(content)
    source = archive_source((tmp_path / "words.tar").as_uri(), content)
    check(fetch(card_with(tmp_path, source), tmp_path / "cache", offline=True))  # file: needs no network


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
    ids=lambda value: "archive" if isinstance(value, bytes) else None,  # bytes hold the time
)
def test_bad_archives_leave_nothing(server, tmp_path, content, message):
    server.pages = {"/words.zip": content}
    card = card_with(tmp_path, archive_source(f"{server.url}/words.zip", content))
    with pytest.raises(DataError, match=message):
        fetch(card, tmp_path / "cache")
    assert nothing_in(tmp_path / "cache")
    assert not (tmp_path / "evil.csv").exists()


def damaged_zip(change) -> bytes:
    content = zipped({MEMBERS["train"]: BAD, MEMBERS["test"]: TEST})
    return bytes(change(bytearray(content)))


def with_field(offset: int, value: int):
    """Sets a field of two bytes in each local header and in each entry of the directory (offset from its flags)."""

    def change(content: bytearray) -> bytearray:
        for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            place = content.find(start)
            while place >= 0:
                content[place + flags + offset : place + flags + offset + 2] = value.to_bytes(2, "little")
                place = content.find(start, place + 1)
        return content

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [(with_field(0, 1), "encrypted"), (with_field(2, 99), "compression method"), (with_field(2, 14), "whole|readable")],
)
def test_encrypted_and_odd_members_are_refused(server, tmp_path, change, message):
    content = damaged_zip(change)
    server.pages = {"/words.zip": content}
    card = card_with(tmp_path, archive_source(f"{server.url}/words.zip", content))
    with pytest.raises(DataError, match=message):
        fetch(card, tmp_path / "cache")
    assert nothing_in(tmp_path / "cache")


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:xz"])
def test_damaged_archives_raise_nothing_else(tmp_path, kind):
    members = {MEMBERS["train"]: BAD, MEMBERS["test"]: TEST}
    whole = zipped(members) if kind == "zip" else tarred(members, kind)
    card = card_with(tmp_path, archive_source("https://example.org/words", whole))
    files = {tmp_path / f"{split}.csv": one for split, one in card.sources[0].files.items()}
    for spoilt in damaged(whole, 150, seed=7):
        (tmp_path / "words").write_bytes(spoilt)
        with suppress(SciencegenError):
            extract(tmp_path / "words", files)
