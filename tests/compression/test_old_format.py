"""Files of the older format, whose blocks have no numbers, are read, with a note of what they don't guarantee."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.errors import DataError
from tests.compression.blocks import blocks_of, images, joined

OLD = Path(__file__).parents[1] / "old_artefacts" / "0.3.0" / "compressed"
STAMPS = images(1, 1030, 4, 4)


def back(source: Path, output: Path, partial: bool = False) -> tuple[str, ...]:
    return sg.decompress("galaxies", source, output, threads=1, partial=partial, overwrite=True).notes


def test_without_loss_every_byte_comes_back(tmp_path: Path) -> None:
    notes = back(OLD / "lossless.sgc", tmp_path / "a.npy")
    assert np.array_equal(np.load(tmp_path / "a.npy"), STAMPS)
    assert notes == ("the file has the older format 2, whose checksum agrees",)


def test_with_loss_a_note_says_what_is_open(tmp_path: Path) -> None:
    (note,) = back(OLD / "lossy.sgc", tmp_path / "a.npy")
    assert np.abs(np.load(tmp_path / "a.npy") - STAMPS).max() <= 2.125
    assert "doesn't guarantee that none of its parts was exchanged" in note


def test_names_of_members_are_open(tmp_path: Path) -> None:
    (note,) = back(OLD / "members.sgc", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as found:
        assert np.array_equal(found["first"], images(2, 30, 7, 7))
        assert np.array_equal(found["second"], images(3, 30, 7, 7))
        assert found["names"].tolist() == ["g", "r"]
    assert "doesn't guarantee the names of its members" in note


def changed(name: str, order: list[int], folder: Path) -> Path:
    """The file with its blocks in another order."""
    blocks = blocks_of((OLD / name).read_bytes())
    (folder / name).write_bytes(joined([blocks[one] for one in order]))
    return folder / name


def test_exchanged_chunks_are_found_by_the_checksum(tmp_path: Path) -> None:
    source = changed("lossless.sgc", [0, 1, 2, 4, 3, 5, 6], tmp_path)
    for partial in (False, True):
        with pytest.raises(DataError, match="parts were exchanged or left out"):
            back(source, tmp_path / "a.npy", partial)
    assert not (tmp_path / "a.npy").exists()


def test_a_missing_chunk_is_not_guessed(tmp_path: Path) -> None:
    source = changed("lossy.sgc", [0, 1, 2, 3, 5, 6], tmp_path)
    with pytest.raises(DataError, match="2 chunks are there instead of 3"):
        back(source, tmp_path / "a.npy")
    assert back(source, tmp_path / "a.npy", True)[0].startswith("lost: image 1 [1030, 4, 4], of which 2 chunks")
    assert np.isnan(np.load(tmp_path / "a.npy")).all()


def test_a_damaged_chunk_leaves_the_others_in_place(tmp_path: Path) -> None:
    blocks = blocks_of((OLD / "lossless.sgc").read_bytes())
    content = bytearray(joined(blocks))
    content[len(joined(blocks[:4])) - 9] ^= 1  # in the first chunk
    (tmp_path / "a.sgc").write_bytes(content)
    notes = back(tmp_path / "a.sgc", tmp_path / "a.npy", True)
    assert notes[0] == "lost: chunk 1 of 3 of image 1 [1030, 4, 4] (images 1 to 343)"
    found = np.load(tmp_path / "a.npy")
    assert np.array_equal(found[343:], STAMPS[343:])
    assert not found[:343].any()


def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    blocks = list(range(len(blocks_of((OLD / "members.sgc").read_bytes()))))
    with pytest.raises(DataError, match="stands twice"):
        back(changed("members.sgc", [*blocks[:5], *blocks[1:5], *blocks[5:]], tmp_path), tmp_path / "a.npz")
