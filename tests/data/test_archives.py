"""Archives that lie, or are damaged, leave nothing."""

import gzip

import pytest

from sciencegen.data.fetch import fetch
from sciencegen.errors import DataError
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
)
def test_bad_archives_leave_nothing(server, tmp_path, content, message):
    server.pages = {"/words.zip": content}
    card = card_with(tmp_path, archive_source(f"{server.url}/words.zip", content))
    with pytest.raises(DataError, match=message):
        fetch(card, tmp_path / "cache")
    assert nothing_in(tmp_path / "cache")
    assert not (tmp_path / "evil.csv").exists()
