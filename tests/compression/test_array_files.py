"""The parts of files of arrays, one after the other, are their content."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from sciencegen.compression.archive import array_parts, npy_parts
from sciencegen.errors import DataError
from sciencegen.items import ArchiveMember, ImagePart


def content(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=array.dtype.hasobject)
    return file.getvalue()


@pytest.mark.parametrize(
    ("array", "pictures"),
    [
        (np.arange(12.0).reshape(3, 4), 1), (np.asfortranarray(np.arange(12).reshape(3, 4)), 1), (np.arange(3), 0),
        (np.array("text"), 0), (np.zeros((0, 4)), 0), (np.array([{}, {}], object), 0),
    ],
)  # fmt: skip
def test_parts_are_the_content(array: np.ndarray, pictures: int) -> None:
    parts = list(npy_parts(io.BytesIO(content(array))))
    found = [part for part in parts if isinstance(part, ImagePart)]
    whole = b"".join(part.array.tobytes() if isinstance(part, ImagePart) else bytes(part) for part in parts)  # type: ignore[arg-type]
    assert (whole, len(found)) == (content(array), pictures)


def test_members_of_an_archive_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 3)), label=np.array("x"))
    names = [part.name for part in array_parts(tmp_path / "a.npz") if isinstance(part, ArchiveMember)]
    assert names == ["images.npy", "label.npy"]


def test_truncated_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(content(np.zeros((9, 9)))[:-1])
    with pytest.raises(DataError):
        list(array_parts(tmp_path / "a.npy"))
