"""Blocks of a stream come back, and damage to one is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from sciencegen.compression.stream import BYTES, CHUNK, HEADER, MAGIC, read_blocks, write_block
from sciencegen.errors import DataError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "a.sgc"
    with open(path, "wb") as file:
        file.write(MAGIC)
        assert write_block(file, HEADER, {"version": 1}) > 0
        write_block(file, BYTES, b"some bytes")
        write_block(file, CHUNK, b"")
    return path


def test_blocks_come_back(place: Path) -> None:
    header, content, chunk = read_blocks(place)
    assert header.data() == {"version": 1}
    assert (content.kind, content.content, chunk.content) == (BYTES, b"some bytes", b"")
    assert all(block.whole for block in (header, content, chunk))


def test_changed_content_is_not_whole(place: Path) -> None:
    place.write_bytes(place.read_bytes().replace(b"some", b"sume"))
    assert [block.whole for block in read_blocks(place)] == [True, False, True]


@pytest.mark.parametrize("cut", [1, 9, 12])
def test_truncated_blocks_are_left_out(place: Path, cut: int) -> None:
    place.write_bytes(place.read_bytes()[:-cut])
    assert len(list(read_blocks(place))) == (2 if cut <= 9 else 1)


def test_other_files_are_refused(place: Path) -> None:
    place.write_bytes(b"SIMPLE  = T")
    with pytest.raises(DataError, match="found another format"):
        list(read_blocks(place))
