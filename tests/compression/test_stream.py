"""Blocks of a stream come back with their numbers, and damage, exchange and other files' blocks are seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from sciencegen.compression.stream import (
    BYTES,
    CHUNK,
    HEADER,
    MEMBER,
    BlockWriter,
    HeaderRecord,
    Stream,
    json_of,
    read_first,
    read_stream,
    typed,
)  # fmt: skip
from sciencegen.errors import DataError
from tests.compression.blocks import blocks_of, joined

IDENTITY = bytes(range(8))
ABOUT = HeaderRecord(version=3, container="file", name="a", identity=IDENTITY.hex())


def write(path: Path, content: bytes = b"some bytes") -> Path:
    with open(path, "wb") as file:
        writer = BlockWriter(file, ABOUT)
        writer.write(BYTES, content, 10)
        writer.write(CHUNK, b"")
        writer.write(MEMBER, {"name": "b"})
        writer.end(None)
        assert writer.written == file.tell()
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write(tmp_path / "a.sgc")


def read(path: Path) -> Stream:
    return read_stream(path, typed(HeaderRecord, json_of(read_first(path)[0])))


def test_blocks_come_back(place: Path) -> None:
    stream = read(place)
    assert [block.kind for block in stream.blocks.values()] == [HEADER, BYTES, CHUNK, MEMBER]
    assert [stream.content(stream.blocks[number]) for number in (1, 2)] == [b"some bytes", b""]
    assert json_of(stream.content(stream.blocks[3])) == {"name": "b"}
    assert (stream.problems, stream.size_of(1), stream.count) == ([], 10, 4)


def test_changed_content_is_left_out_and_what_follows_found(place: Path) -> None:
    place.write_bytes(place.read_bytes().replace(b"some", b"sume"))
    assert sorted(read(place).blocks) == [0, 2, 3]
    assert "damage at byte" in read(place).problems[0]


def test_a_changed_length_hides_nothing_else(place: Path) -> None:
    content = place.read_bytes()
    at = content.index(IDENTITY) - 4
    place.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    assert sorted(read(place).blocks) == [0, 2, 3]


@pytest.mark.parametrize("cut", [1, 9, 12])
def test_truncated_blocks_are_left_out(place: Path, cut: int) -> None:
    place.write_bytes(place.read_bytes()[:-cut])
    stream = read(place)
    assert (sorted(stream.blocks), stream.end) == ([0, 1, 2, 3], None)


@pytest.mark.parametrize(
    ("order", "told", "kept"),
    [
        ([0, 2, 1, 3, 4], "block 1 behind block 2", 4), ([0, 1, 1, 2, 3, 4], "block 1 behind block 1", 4),
        ([0, 1, 3, 4], "", 3), ([0, 1, 2, 3, 4, 2], "block 2 behind block 4", 4), ([0, 1, 2, 4, 3], "behind", 4),
    ],
)  # fmt: skip
def test_order_is_checked(place: Path, order: list[int], told: str, kept: int) -> None:
    blocks = blocks_of(place.read_bytes())
    place.write_bytes(joined([blocks[one] for one in order]))
    stream = read(place)
    assert told in " ".join(stream.problems)
    assert len(stream.blocks) == kept


def test_a_block_of_another_file_is_told(place: Path, tmp_path: Path) -> None:
    """Also one that takes this file's identity: the end has the digest of what was written."""
    mine, theirs = blocks_of(place.read_bytes()), blocks_of(write(tmp_path / "b", b"other data").read_bytes())
    foreign = theirs[1].with_identity(bytes(8))
    place.write_bytes(joined([mine[0], foreign, *mine[2:]]))
    assert (sorted(read(place).blocks), read(place).problems) == ([0, 2, 3], ["block 1 of another file"])
    place.write_bytes(joined([mine[0], theirs[1], *mine[2:]]))
    assert sorted(read(place).blocks) == [0, 2, 3]
    assert "isn't the one that was written" in read(place).problems[0]


def test_other_files_are_refused(place: Path) -> None:
    place.write_bytes(b"SIMPLE  = T")
    with pytest.raises(DataError, match="found another format"):
        read_first(place)
