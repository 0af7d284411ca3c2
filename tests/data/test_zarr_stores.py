"""Cubes in Zarr stores: what an HDF5 file says, whatever the format and the wrapping; and what isn't read."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from sciencegen.data import array_files as zarr_stores
from sciencegen.data import damage
from sciencegen.domains.galaxies import files
from sciencegen.domains.galaxies.items import Stamp, key
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal

COUNT = 7
IMAGES = np.random.default_rng(0).normal(0, 1, (COUNT, 2, 16, 16)).astype(np.float32)
PSF = np.ones((3, 3)) / 9
ARRAYS = {
    "images": IMAGES, "psf": PSF, "variance": np.linspace(1, 2, COUNT), "pxscale": np.full(COUNT, 0.2),
    "redshift": np.arange(COUNT) / 10,
}  # fmt: skip
ABOUT = {"unit": "nJy"}


@pytest.fixture
def zarr():
    return pytest.importorskip("zarr", minversion="3")


def group(zarr, path: Path, version: int, **more) -> Path:
    made = zarr.open_group(path, mode="w", zarr_format=version)
    made.attrs.update(ABOUT)
    for name, array in ARRAYS.items():
        made.create_array(name, data=array, chunks=(3, *array.shape[1:]), **more)
    made["images"].attrs["bands"] = "g,r"
    return path


def zipped(store: Path, path: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for place in sorted(store.rglob("*")):
            file.write(place, Path(inside) / place.relative_to(store))
    return path


def stamps_of(path: Path) -> list[Stamp]:
    found = [files.parse(row.text) for row in files.read(path)]
    assert all(isinstance(one, Stamp) for one in found), found
    return found


@pytest.fixture
def of_hdf5(tmp_path):
    with h5py.File(tmp_path / "same.h5", "w") as file:
        file.attrs.update(ABOUT)
        for name, array in ARRAYS.items():
            file[name] = array
        file["images"].attrs["bands"] = "g,r"
    return tmp_path / "same.h5"


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("form", ["folder", "zip", "zipped folder"])
def test_a_group_says_what_an_hdf5_file_says(zarr, tmp_path, of_hdf5, version, form):
    path = group(zarr, tmp_path / "cube.zarr", version)
    if form != "folder":
        path = zipped(path, tmp_path / "cube.zarr.zip", "cube.zarr" if form == "zipped folder" else "")
    rows, same = list(files.read(path)), list(files.read(of_hdf5))
    assert [(row.line, row.values) for row in rows] == [(row.line, row.values) for row in same]
    assert rows[4].text == f"{path}[4]"
    assert [key(one) for one in stamps_of(path)] == [key(one) for one in stamps_of(of_hdf5)]


def test_a_shard_is_read_by_its_chunks(zarr, tmp_path):
    images = {"data": IMAGES[:6], "chunks": (2, 2, 16, 16), "shards": (6, 2, 16, 16)}
    zarr.create_array(tmp_path / "one.zarr", attributes={"unit": "nJy", "pixel_scale": 0.1}, **images)
    assert zarr_stores.zarr_arrays(tmp_path / "one.zarr", "images")[0]["images"]._rows == 2
    np.testing.assert_allclose(stamps_of(tmp_path / "one.zarr")[5].image, IMAGES[5], atol=0.07)


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_alone_with_a_file_beside_it(zarr, tmp_path, version):
    zarr.create_array(tmp_path / "one.zarr", data=IMAGES[:, 0], zarr_format=version)
    (tmp_path / "stamps.yaml").write_text("unit: nJy\npixel_scale: 0.1\nsigma: 0\n")
    np.testing.assert_array_equal(stamps_of(tmp_path / "one.zarr")[2].image[0], IMAGES[2, 0])


def test_names_are_texts(zarr, tmp_path):
    path = group(zarr, tmp_path / "cube.zarr", 2)
    names = zarr.open_group(path, mode="a").create_array("id", shape=(COUNT,), dtype=str)
    names[:] = np.array([f"galaxy {n}" for n in range(COUNT)], dtype=object)
    assert json.loads((path / "id/.zarray").read_text())["filters"][0]["id"] == "vlen-utf8"
    assert [row.id for row in files.read(path)][3] == "galaxy 3"


def test_stamps_in_a_row_share_the_reading_of_their_chunk(zarr, tmp_path, monkeypatch):
    path, read = group(zarr, tmp_path / "cube.zarr", 3), []
    whole = zarr_stores.ZarrBlocks._read
    monkeypatch.setattr(zarr_stores.ZarrBlocks, "_read", lambda self, rows: read.append(rows) or whole(self, rows))
    images = zarr_stores.zarr_arrays(path, "images")[0]["images"]
    for index in range(COUNT):
        np.testing.assert_array_equal(images[index], IMAGES[index])
    assert read == [slice(0, 3), slice(3, 6), slice(6, 9)]


def test_columns_stand_in_the_same_order_however_a_store_was_written(zarr, tmp_path):
    path = group(zarr, tmp_path / "cube.zarr", 3)
    made = zarr.open_group(path, mode="a")
    for name in ("mass", "age"):
        made.create_array(name, data=np.arange(COUNT))
    with zipfile.ZipFile(tmp_path / "other.zarr.zip", "w") as file:
        for place in sorted(path.rglob("*"), reverse=True):
            file.write(place, place.relative_to(path))
    for store in (path, tmp_path / "other.zarr.zip"):
        assert list(next(files.read(store)).values) == ["age", "mass", "redshift"]


def test_a_folder_may_hold_stores(zarr, tmp_path):
    group(zarr, tmp_path / "night/a.zarr", 3)
    group(zarr, tmp_path / "night/b.zarr", 2)
    assert len(list(files.read(tmp_path / "night"))) == 2 * COUNT


# --- what isn't read --------------------------------------------------------------------------------------------------


def changed(path: Path, **said) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


@pytest.mark.parametrize("bad", [{"filters": [{"id": "pickle"}]}, {"compressor": {"id": "pickle", "protocol": 5}}])
def test_nothing_is_unpickled(zarr, tmp_path, bad):
    import pickle

    path = group(zarr, tmp_path / "cube.zarr", 2)
    changed(path / "redshift/.zarray", dtype="|O", **bad)
    (path / "redshift/0").write_bytes(pickle.dumps(_Trap(str(tmp_path / "sprung"))))
    with pytest.raises(DataError, match=r"codecs that make numbers .* array redshift .* found 'pickle'"):
        list(files.read(path))
    assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self):
        return Path.touch, (Path(self.place),)


def test_the_codecs_are_those_of_the_array_that_is_read(zarr, tmp_path):
    path = group(zarr, tmp_path / "cube.zarr", 2)
    shutil.copytree(path / "images", path / "hidden/images")
    texts = {"dtype": "|O", "fill_value": "", "compressor": None}
    changed(path / "hidden/images/.zarray", **texts, filters=[{"id": "vlen-utf8"}, {"id": "pickle"}])
    (path / "images").rename(path / "hidden\\images")
    with pytest.raises(DataError, match="found 'pickle', which isn't run"):
        zarr_stores.zarr_arrays(path, "images")


def test_a_codec_within_a_shard_is_looked_at_too(zarr, tmp_path):
    path = tmp_path / "one.zarr"
    zarr.create_array(path, data=IMAGES[:6], chunks=(2, 2, 16, 16), shards=(6, 2, 16, 16))
    codecs = json.loads((path / "zarr.json").read_text())["codecs"]
    codecs[0]["configuration"]["codecs"].append({"name": "numcodecs.pickle"})
    changed(path / "zarr.json", codecs=codecs)
    with pytest.raises(DataError, match=r"found 'numcodecs\.pickle'"):
        list(files.read(path))


def test_a_chunk_without_end_is_refused(zarr, tmp_path, monkeypatch):
    monkeypatch.setattr(damage, "LARGEST_PART", 1 << 10)
    with pytest.raises(DataError, match="Write it anew with smaller chunks"):
        list(files.read(group(zarr, tmp_path / "cube.zarr", 3)))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("count", [6, 400_000_000, 2**32 - 1])
def test_a_count_of_texts_is_one_that_a_chunk_can_hold(zarr, tmp_path, version, count):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    names = group.create_array("name", shape=(4,), dtype="string", compressors=None)
    names[...] = np.array(["a", "b", "", "d"])
    assert list(zarr_stores.zarr_arrays(tmp_path / "a.zarr", "x")[0]["name"][()]) == ["a", "b", "", "d"]
    (chunk,) = (one for one in (tmp_path / "a.zarr/name").rglob("*") if one.is_file() and "z" not in one.name)
    chunk.write_bytes(count.to_bytes(4, "little") + chunk.read_bytes()[4:])
    with pytest.raises(DataError, match=f"{count:,} texts in 23 bytes"):
        zarr_stores.zarr_arrays(tmp_path / "a.zarr", "x")[0]["name"][()]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: shutil.rmtree(path / "images"), "Expected images .*, found .*Name the data set"),
        (lambda path: (path / "zarr.json").unlink(), "Expected a Zarr store .* it has none of"),
        (lambda path: (path / "images/zarr.json").write_text("{"), "Expected a Zarr store .* a damaged one"),
        (lambda path: changed(path / "images/zarr.json", data_type="float17"), "Expected a Zarr store"),
        (lambda path: changed(path / "zarr.json", attributes={"unit": "\ud800"}), "half a character"),
        (lambda path: changed(path / "images/zarr.json", attributes={"\ud800": 1}), "half a character"),
    ],
)
def test_what_is_no_store_of_stamps_says_so(zarr, tmp_path, spoil, told):
    path = group(zarr, tmp_path / "cube.zarr", 3)
    spoil(path)
    with pytest.raises(DataError, match=told):
        list(files.read(path))


@pytest.mark.long
def test_an_attribute_of_half_a_character_is_refused(zarr, tmp_path):
    path = group(zarr, tmp_path / "cube.zarr", 2)
    changed(path / "images/.zattrs", bands="\ud800")
    with pytest.raises(DataError, match="half a character"):
        list(files.read(path))


def test_a_damaged_chunk_is_the_refusal_of_its_stamps(zarr, tmp_path):
    path = group(zarr, tmp_path / "cube.zarr", 3)
    (path / "images/c/1/0/0/0").write_bytes(b"no zstd")
    found = [files.parse(row.text) for row in files.read(path)]
    assert [isinstance(one, Refusal) for one in found] == [False] * 3 + [True] * 3 + [False]
    assert "Expected whole chunks in array images" in found[3].reason


def test_no_zip_and_no_store(zarr, tmp_path):
    (tmp_path / "cube.zarr.zip").write_bytes(b"nothing of that kind")
    with pytest.raises(DataError, match="Expected a Zarr store"):
        list(files.read(tmp_path / "cube.zarr.zip"))
    with pytest.raises(DataError, match="found nothing"):
        list(files.read(tmp_path / "none.zarr"))


@pytest.mark.parametrize("version", [None, "2.18.0", "3.1.2"])
def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch, version):
    (tmp_path / "cube.zarr").mkdir()
    there = None if version is None else type(sys)("zarr")
    if there is not None:
        there.__version__ = version
    monkeypatch.setitem(sys.modules, "zarr", there)
    with pytest.raises(ConfigError, match=r"zarr 3\.1\.3 or newer to read .*pip install 'sciencegen\[zarr\]'"):
        list(files.read(tmp_path / "cube.zarr"))


@pytest.mark.parametrize("version", [2, 3])
def test_missing_chunks_are_noted(zarr, tmp_path, version):
    """The library reads them as zeros, without a word."""
    path = group(zarr, tmp_path / "a.zarr", version)
    mask = zarr.open_group(path).create_array("mask", data=np.zeros((COUNT, 16, 16), np.uint8), chunks=(3, 16, 16))
    assert mask.nchunks_initialized == 0  # writers leave out chunks of the fill value alone
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(files.read(path))) == COUNT
    (path / "images" / ("1.0.0.0" if version == 2 else "c/1/0/0/0")).unlink()
    with pytest.warns(UserWarning, match="1 of 3 chunks of array images of .* are missing, which are read as 0.0"):
        assert len(list(files.read(path))) == COUNT
