"""Opens files of named arrays: HDF5, .npz, .npy and Zarr. Sizes that their headers claim are checked first."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.data import zarr_stores
from sciencegen.data.damage import check_claim, check_part, reading
from sciencegen.data.workers import Failure, map_killable
from sciencegen.errors import DataError
from sciencegen.files import files_below, found_at

HDF5 = (".h5", ".hdf5")
OPENING_TIMEOUT_S = 5.0
"""Longest time for the library of HDF5 to open a file."""
SMALL_CACHE, LARGEST_CACHE = 1 << 20, 1 << 28
"""Bytes of HDF5's own cache of a data set, and of the largest that replaces it; each worker process has one."""


def check_returns(path: Path, attempt: Callable[[Path], None]) -> None:
    """Raise a DataError if the library of HDF5 crashes or never returns on a file, which no `try` can catch.

    attempt: opens the file and reads a part of it in a process that can be killed; its exceptions don't count.
    """
    if path.suffix.lower() not in HDF5:
        return
    for _, failed in map_killable(attempt, [path], processes=1, timeout_s=OPENING_TIMEOUT_S):
        if isinstance(failed, Failure):
            raise DataError(
                f"Expected a file of arrays in {path}, found a damaged one, on which the library of HDF5 fails: "
                f"{failed.reason}."
            )


def open_arrays(path: Path, alone: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays of a file by name, and its attributes. Arrays of HDF5 and Zarr are read when they are indexed.

    alone: name of the array of a file that holds a single one without a name.
    """
    if zarr_stores.is_store(path):
        blocks, header = zarr_stores.arrays(path, alone)
        for array in blocks.values():
            check_claim(path, math.prod(array.shape[:1]), _size(array), _held(path, _size(array)))
        return dict(blocks), header
    with reading("a file of arrays", path):
        if path.suffix.lower() in HDF5:
            return _hdf5(path)
        if path.suffix.lower() == ".npz":
            arrays = _npz(path)
            return arrays, {name: array.item() for name, array in arrays.items() if array.ndim == 0}
        return {alone: np.load(path, allow_pickle=False, mmap_mode="r")}, {}


def _hdf5(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    import h5py

    file = h5py.File(path, "r")
    found = {_text(name): one for name, one in file.items() if isinstance(one, h5py.Dataset) and one.shape is not None}
    for name, one in found.items():
        others = list(_elsewhere(one, path))
        for other in others:  # reading a pipe may never end
            if other.exists() and not other.is_file():
                raise DataError(f"Expected data set {name} of {path} in files, found {found_at(other)} at {other}.")
        held = path.stat().st_size + sum(map(_size_of_file, others))
        check_claim(path, math.prod(one.shape[:1]), _size(one), held)
        check_part(f"data set {name} of {path}", math.prod(one.chunks or one.shape[1:]) * one.dtype.itemsize)
    return {name: _cached(one) for name, one in found.items()}, dict(file.attrs)


def _cached(dataset: Any) -> Any:
    """The data set with a cache of as many chunks as one of its items touches.

    HDF5's own holds 1 MB: where a chunk has a small part of each of a thousand images, every image that is read would
    unpack a thousand."""
    import h5py

    if not dataset.chunks or dataset.ndim < 2:
        return dataset
    touched = math.prod(
        -(-side // of_chunk) for side, of_chunk in zip(dataset.shape[1:], dataset.chunks[1:], strict=True)
    )
    wanted = touched * math.prod(dataset.chunks) * dataset.dtype.itemsize
    if not SMALL_CACHE < wanted <= LARGEST_CACHE:
        return dataset
    file, name = dataset.file, dataset.name.encode()
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(16 * touched + 1, wanted, 1.0)  # 1: whole chunks are dropped first
    dataset.id.close()  # a second handle would have the cache of the first
    return h5py.Dataset(h5py.h5d.open(file.id, name, access))


def _text(name: str | bytes) -> str:
    """A name; h5py gives one that isn't UTF-8 as bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _elsewhere(dataset: Any, path: Path) -> Iterable[Path]:
    """Files besides its own that hold the data of a data set."""
    if dataset.is_virtual:
        return {path.parent / source.file_name for source in dataset.virtual_sources() if source.file_name != "."}
    return {path.parent / name for name, *_ in dataset.external or ()}


def _size_of_file(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz file, each if its member is as long as its header says."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            packed = min(member.compress_size, path.stat().st_size)
            check_claim(f"{member.filename} of {path}", 0, member.file_size, packed)
            if member.filename.endswith(".npy"):
                with archive.open(member) as stream:
                    _check_header(stream, member.file_size)
    with np.load(path, allow_pickle=False) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _check_header(stream: Any, size: int) -> None:
    """Raise a ValueError if an array's header claims more bytes than there are."""
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, kind = read[np.lib.format.read_magic(stream)](stream)
    if math.prod(shape) * kind.itemsize > size:
        raise ValueError(f"an array {list(shape)} of {kind} in {size} bytes")


def _size(array: Any) -> int:
    return math.prod(array.shape) * array.dtype.itemsize


def _held(store: Path, enough: int) -> int:
    """Bytes of a store; for a folder, the walk ends when there are more than `enough`."""
    if store.is_file():
        return store.stat().st_size
    held = 0
    for place in files_below(store):
        held += _size_of_file(place)
        if held > enough:
            break
    return held
