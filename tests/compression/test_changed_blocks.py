"""Blocks with checksums that are right, in another order, number or file, or with claims that don't hold."""

from __future__ import annotations

import io
import lzma
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.compression import images as codec
from sciencegen.errors import DataError
from tests.compression.blocks import Raw, blocks_of, images, joined, with_right_end

STAMPS = images(1, 1030, 4, 4)
LOSSY = {"quantize": 4.0, "noise": 17.0}


def coded(folder: Path, array: np.ndarray = STAMPS, name: str = "a.npy", **options: float) -> list[Raw]:
    np.save(folder / name, array)
    return coded_file(folder / name, **options)


def coded_file(path: Path, **options: float) -> list[Raw]:
    stream = path.with_suffix(".sgc")
    sg.compress("galaxies", path, stream, threads=1, overwrite=True, **options)  # type: ignore[arg-type]
    return blocks_of(stream.read_bytes())


def back(folder: Path, blocks: list[Raw], partial: bool = False, name: str = "back.npy") -> tuple[bytes, list[str]]:
    (folder / "changed.sgc").write_bytes(joined(blocks))
    output = folder / name
    found = sg.decompress("galaxies", folder / "changed.sgc", output, threads=1, partial=partial, overwrite=True)
    return output.read_bytes(), list(found.notes)


def array(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content))


@pytest.mark.parametrize("options", [{}, LOSSY])
def test_exchanged_chunks_are_refused_and_put_into_their_places(options: dict[str, float], tmp_path: Path) -> None:
    blocks = coded(tmp_path, STAMPS.astype(np.float32), **options)
    expected, _ = back(tmp_path, blocks)
    changed = [*blocks[:3], blocks[4], blocks[3], *blocks[5:]]
    with pytest.raises(DataError, match="block 3 behind block 4"):
        back(tmp_path, changed)
    assert back(tmp_path, changed, True) == (expected, ["block 3 behind block 4"])


@pytest.mark.parametrize("options", [{}, LOSSY])
def test_contents_that_were_exchanged_are_lost(options: dict[str, float], tmp_path: Path) -> None:
    """Numbers and checksums are right: the digests of the end are not."""
    blocks = coded(tmp_path, STAMPS.astype(np.float32), **options)
    expected = array(back(tmp_path, blocks)[0])
    first, second = blocks[3], blocks[4]
    changed = [*blocks[:3], first.with_content(second.content), second.with_content(first.content), *blocks[5:]]
    with pytest.raises(DataError, match="chunk 1 of 3 of image 1"):
        back(tmp_path, changed)
    content, notes = back(tmp_path, changed, True)
    assert [note.partition(" (")[0][:22] for note in notes[:2]] == ["lost: chunk 1 of 3 of ", "lost: chunk 2 of 3 of "]
    assert np.isnan(array(content)[:686]).all()
    assert np.array_equal(array(content)[686:], expected[686:])


@pytest.mark.parametrize("end", [True, False])
def test_a_missing_chunk_is_named_and_the_others_stay_in_place(end: bool, tmp_path: Path) -> None:
    blocks = coded(tmp_path)
    content, notes = back(tmp_path, [*blocks[:4], *blocks[5 : None if end else -1]], True)
    assert notes[0] == "lost: chunk 2 of 3 of image 1 [1030, 4, 4] (images 344 to 686)"
    assert ("lost: the end of the file" in notes) is not end
    assert np.array_equal(array(content)[686:], STAMPS[686:])
    assert np.array_equal(array(content)[:343], STAMPS[:343])
    assert not array(content)[343:686].any()


def test_chunks_of_another_file_are_told(tmp_path: Path) -> None:
    blocks, other = coded(tmp_path), coded(tmp_path, images(9, 1030, 4, 4), "b.npy")
    for changed in ([*blocks[:4], other[4], *blocks[5:]], [*blocks[:4], other[4], *blocks[5:-1]]):
        with pytest.raises(DataError, match="chunk 2 of 3"):
            back(tmp_path, changed)
        content, notes = back(tmp_path, changed, True)
        assert "block 4 of another file" in notes
        assert not array(content)[343:686].any()


def test_the_same_content_and_settings_have_one_identity(tmp_path: Path) -> None:
    assert coded(tmp_path) == coded(tmp_path)
    assert len({coded(tmp_path, **options)[1].identity for options in ({}, LOSSY, {"quantize": 2.0})}) == 3


NAMES = ("first", "second", "third")


@pytest.fixture
def members(tmp_path: Path) -> list[Raw]:
    np.savez(tmp_path / "a.npz", **{name: images(seed, 30, 7, 7) for seed, name in enumerate(NAMES)})  # type: ignore[arg-type]
    return coded_file(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("order", "lost"),
    [
        ((0, 2), "the name of member 2"), ((0, 1, 1, 2), ""), ((1, 0, 2), ""), ((0, 2, 1), ""),
    ],
)  # fmt: skip
def test_members_that_are_missing_doubled_or_moved_are_found(
    order: tuple[int, ...], lost: str, members: list[Raw], tmp_path: Path
) -> None:
    each = [members[1 + 4 * place : 5 + 4 * place] for place in range(3)]
    assert [one.kind for one in each[2]] == [b"M", b"R", b"I", b"C"]
    changed = [members[0], *(block for place in order for block in each[place]), members[-1]]
    with pytest.raises(DataError, match=lost or "behind block"):
        back(tmp_path, changed, name="back.npz")
    content, notes = back(tmp_path, changed, True, "back.npz")
    with np.load(io.BytesIO(content)) as found:
        assert found.files == (["first", "lost_name_2", "third"] if lost else list(NAMES)) or lost
        assert all(np.array_equal(found[name], images(NAMES.index(name), 30, 7, 7)) for name in ("first", "third"))
    assert any(lost or "behind block" in note for note in notes)


def test_a_member_keeps_its_content_without_its_name(members: list[Raw], tmp_path: Path) -> None:
    content, notes = back(tmp_path, [*members[:5], *members[6:]], True, "back.npz")
    assert notes[0].startswith("lost: the name of member 2, which is called lost_name_2.npy here")
    with np.load(io.BytesIO(content)) as found:
        assert np.array_equal(found["lost_name_2"], images(1, 30, 7, 7))
        assert np.array_equal(found["third"], images(2, 30, 7, 7))


def claiming(blocks: list[Raw], values: dict[str, object]) -> list[Raw]:
    return with_right_end([one.with_json(one.json() | values) if one.kind == b"I" else one for one in blocks])


def filled(blocks: list[Raw], kind: bytes, content: bytes) -> list[Raw]:
    return with_right_end([one.with_content(content) if one.kind == kind else one for one in blocks])


ZEROS = bytes(1 << 28)
RAW = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
BOMBS = {
    "bytes": (b"R", lambda: lzma.compress(ZEROS, lzma.FORMAT_RAW, filters=RAW)),
    "xz": (b"R", lambda: lzma.compress(ZEROS, preset=0)),
    "beside a chunk": (b"C", lambda: _chunk(zlib.compress(ZEROS, 1))),
    "json": (b"I", lambda: zlib.compress(ZEROS, 1)),
    "nested": (b"I", lambda: zlib.compress(b"[" * (1 << 20))),
    "digits": (b"I", lambda: zlib.compress(b"9" * 9999)),
    "empty": (b"C", lambda: b""),
    "length": (b"C", lambda: struct.pack("<I", 1 << 31)),
    "noise": (b"C", lambda: np.random.default_rng(0).bytes(4000)),
}


def _chunk(beside: bytes) -> bytes:
    return struct.pack("<I", len(beside)) + beside + bytes(-len(beside) % 4)


@pytest.mark.parametrize("name", BOMBS)
def test_unpacking_is_bounded(name: str, tmp_path: Path) -> None:
    kind, content = BOMBS[name]
    blocks = filled(coded(tmp_path), kind, content())
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            back(tmp_path, blocks)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "back.npy").exists()


@pytest.mark.parametrize(
    "values",
    [
        {"shape": [1, 10**9, 1]}, {"shape": [10**12, 4, 4]}, {"shape": [2**47, 2**47]}, {"shape": []}, {"shape": "x"},
        {"shape": [1030, 4, 4.0]}, {"shape": [True, 4, 4]}, {"shape": [1030, 4, -4]}, {"kind": "|O"}, {"kind": "<f4"},
        {"method": "zip"}, {"codings": []}, {"codings": [{}]}, {"sigmas": [0.0]}, {"sigmas": [float("nan")]},
        {"codings": None}, {"floors": 3},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("partial", [False, True])
def test_claims_are_checked_before_anything_is_allocated(
    values: dict[str, object], partial: bool, tmp_path: Path
) -> None:
    """The end describes the blocks as they are."""
    blocks = claiming(coded(tmp_path), values)
    tracemalloc.start()
    try:
        if partial:
            content, notes = back(tmp_path, blocks, True)
            assert notes[0].startswith("lost: image 1")
            assert len(content) == 128 + STAMPS.nbytes
        else:
            with pytest.raises(DataError, match="image 1"):
                back(tmp_path, blocks)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sizes", [[0, 2**61, 32960, 0, 0, 0], [0, 127, 32960, 0, 0, 0], [0, 128, 2**61, 0, 0, 0], [0]])
def test_claims_of_the_end_are_checked(sizes: list[int], tmp_path: Path) -> None:
    blocks = coded(tmp_path)
    changed = [*blocks[:-1], blocks[-1].with_json(blocks[-1].json() | {"sizes": sizes})]
    with pytest.raises(DataError):
        back(tmp_path, changed)
    content, notes = back(tmp_path, [*changed[:4], *changed[5:]], True)
    assert len(content) <= 128 + STAMPS.nbytes
    assert notes[0].startswith("lost: ")


@pytest.mark.parametrize("shape", [(3, 40, 100), (700, 8, 8), (5, 300)])
def test_images_are_restored_slab_by_slab(
    shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "SLAB", 1000)
    monkeypatch.setattr(codec, "PIECE", 512)
    for values in (images(3, *shape), images(3, *shape) * 0 + 5):  # by the predictor, by LZMA
        blocks = coded(tmp_path, values)
        assert np.array_equal(array(back(tmp_path, blocks)[0]), values)
        content, notes = back(tmp_path, [*blocks[:-2], blocks[-1]], True)
        assert len(notes) == 1
        assert array(content).shape == shape


def test_names_of_members_must_differ(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", b"2")
    with pytest.raises(DataError, match="a name of their own"):
        sg.compress("galaxies", tmp_path / "a.npz", tmp_path / "a.sgc", threads=1)
