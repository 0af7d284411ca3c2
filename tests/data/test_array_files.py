"""Files of named arrays, and sizes that their headers claim."""

import os
import zipfile

import h5py
import numpy as np
import pytest

from sciencegen.data.array_files import open_arrays
from sciencegen.errors import DataError

IMAGES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_arrays_and_attributes_are_found_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, pixel_scale=0.2)
    np.save(tmp_path / "a.npy", IMAGES)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"], file.attrs["pixel_scale"] = IMAGES, 0.2
    for name, scale in (("a.npz", 0.2), ("a.npy", None), ("a.h5", 0.2)):
        arrays, header = open_arrays(tmp_path / name, "images")
        assert np.array_equal(arrays["images"][:], IMAGES)
        assert header.get("pixel_scale") == scale


def test_chunks_with_parts_of_many_images_are_unpacked_once(tmp_path):
    """A chunk has a small part of each of 600 images; the cache holds all of them that one image touches."""
    images = np.random.default_rng(0).integers(0, 255, (600, 64, 64)).astype(np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(600, 8, 64), compression="gzip")
        file.create_dataset("small", data=images[:2], chunks=(1, 64, 64))
    arrays, _ = open_arrays(tmp_path / "a.h5", "images")
    assert arrays["images"].id.get_access_plist().get_chunk_cache()[1] == images.nbytes
    assert arrays["small"].id.get_access_plist().get_chunk_cache()[1] != 2 * 64 * 64
    np.testing.assert_array_equal(arrays["images"][7], images[7])
    assert arrays["images"].attrs.keys() == set()


def test_a_member_that_claims_more_than_it_has_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    content = (tmp_path / "a.npy").read_bytes().replace(b"(2, 3, 4)", b"(9, 9, 9)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", content)
    with pytest.raises(DataError, match=r"a\.npz.*\[9, 9, 9\]"):
        open_arrays(tmp_path / "a.npz", "images")


def test_a_data_set_without_its_bytes_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (4000, 4000, 4000), np.float32)
    with pytest.raises(DataError, match="headers that agree with the size"):
        open_arrays(tmp_path / "a.h5", "images")


def test_a_name_that_is_not_utf8_is_text(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = IMAGES
        file[b"z\xff"] = np.arange(2)
    arrays, _ = open_arrays(tmp_path / "a.h5", "images")
    assert list(arrays) == ["images", "z\ufffd"]


def virtual(path, source):
    layout = h5py.VirtualLayout(IMAGES.shape, IMAGES.dtype)
    layout[:] = h5py.VirtualSource(source, "images", IMAGES.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("images", layout)


def external(path, source):
    with h5py.File(path, "w") as file:
        file.create_dataset("images", IMAGES.shape, IMAGES.dtype, external=[(source, 0, IMAGES.nbytes)])


@pytest.mark.parametrize("refer", [virtual, external])
def test_data_in_a_pipe_are_refused(tmp_path, refer):
    """Reading it would wait for a writer, once for each stamp."""
    os.mkfifo(tmp_path / "pipe")
    refer(tmp_path / "a.h5", "pipe")
    with pytest.raises(DataError, match=r"images of .*a\.h5 in files, found a device or a pipe"):
        open_arrays(tmp_path / "a.h5", "images")
