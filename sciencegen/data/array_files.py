"""Opens files of named arrays: HDF5, .npz, .npy and Zarr. Sizes that their headers claim are checked first."""

from __future__ import annotations

import json
import math
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.data.annotated import H5AD, annotated_arrays
from sciencegen.data.damage import check_claim, check_part, reading
from sciencegen.data.workers import Failure, map_killable
from sciencegen.errors import ConfigError, DataError, IncompatibleError, MissingLibrary
from sciencegen.files import STORE, files_below, found_at
from sciencegen.yaml_text import parse_json

# Stores of arrays in Zarr's formats 2 and 3, in a folder or a zip: a group of arrays, or a single array. Written are
# folders of format 3.
#
# They are read in blocks of the rows in one chunk, with an allow-list of codecs that decode bytes to numbers or texts:
# a codec that unpickles could run code from the file.

ENDINGS = (STORE, f"{STORE}.zip")
CODECS = frozenset({
    "bytes", "endian", "transpose", "sharding_indexed", "blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4",
    "shuffle", "bitround", "delta", "fixedscaleoffset", "quantize", "packbits", "astype", "crc32", "crc32c", "adler32",
    "fletcher32", "jenkins_lookup3", "vlen-utf8", "vlen-bytes",
})  # fmt: skip
ARRAY, GROUP = ("zarr.json", ".zarray"), ("zarr.json", ".zgroup")
"""Metadata files of a node, in formats 3 and 2."""
OLDEST = (3, 1, 3)
"""Versions of zarr before it read parts of shards as zeros."""
BYTES_AT_ONCE = 1 << 24
"""Most bytes of a chunk that is written."""


class ZarrBlocks:
    """An array whose last block is cached for the next rows. attrs: its attributes by name."""

    def __init__(self, array: Any, place: str) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self.attrs: dict[str, Any] = parse_json(json.dumps(array.attrs.asdict()))
        self._array, self._place, self._number, self._block = array, place, -1, np.empty(0)
        self._rows = array.chunks[0] if array.chunks else 1
        size = self._rows * math.prod(self.shape[1:]) * array.dtype.itemsize
        check_part(place, size)

    @property
    def gaps(self) -> str:
        """Which of its chunks the store lacks, for a note, or "". Writers leave out chunks of the fill value alone, so
        that a lost chunk can't be told from one of these; an array of whole numbers without any chunk is none."""
        with reading("whole chunks", self._place):
            count, held = self._array.nchunks, self._array.nchunks_initialized
            fill = self._array.fill_value
        if held >= count or (not held and self.dtype.kind in "biu"):
            return ""
        return f"{count - held} of {count} chunks of {self._place} are missing, which are read as {fill}"

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (slice, tuple)):  # of all: array[()], as of NumPy and h5py
            return self._read(index)
        number, row = divmod(int(index), self._rows)
        if number != self._number:
            self._block = self._read(slice(number * self._rows, (number + 1) * self._rows))
            self._number = number
        return self._block[row]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._read(...), dtype)

    def _read(self, rows: Any) -> Any:
        with reading("whole chunks", self._place):
            return self._array[rows]


def is_store(path: Path) -> bool:
    """Whether a folder or file with the suffix of a store exists."""
    return path.name.lower().endswith(ENDINGS) and path.exists()


def zarr_arrays(path: Path, alone: str) -> tuple[dict[str, ZarrBlocks], dict[str, Any]]:
    """The arrays of a group by name, or a single array as `alone`; and the group's attributes."""
    library = _library(f"read {path}")
    with reading("a Zarr store", path):
        root = _root(path)
        is_array = bool(_said(root, *ARRAY))
        inside = [] if is_array else sorted(root.iterdir(), key=lambda one: one.name)  # a folder has no order
        nodes = {alone: root} if is_array else {one.name: one for one in inside if _said(one, *ARRAY)}
        for name, node in nodes.items():
            _check_codecs(f"array {name} of {path}", _said(node, *ARRAY))
        _check_counts_of_texts()
        store = library.storage.LocalStore(path, read_only=True) if path.is_dir() else library.storage.ZipStore(path)
        found = {name: library.open_array(store, path=_within(path, node), mode="r") for name, node in nodes.items()}
        for name, array in found.items():  # as it was opened: the library reads `a\\b` from a/b
            _check_codecs(f"array {name} of {path}", array.metadata.to_dict())
        opened = {name: ZarrBlocks(array, f"array {name} of {path}") for name, array in found.items()}
        return opened, {} if is_array else _said(root, *GROUP).get("attributes") or _said(root, ".zattrs")


def note_gaps(arrays: Iterable[object]) -> None:
    """Warn of chunks that stores lack."""
    for array in arrays:
        if isinstance(array, ZarrBlocks) and (note := array.gaps):
            warnings.warn(f"{note}. If they were lost, copy the store again.", stacklevel=1)


def write_zarr(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays [row ...] as a group in an empty folder; equal arrays give equal files.

    Raises
    ------
    ConfigError
        For a name that no array of a store can have.
    IncompatibleError
        Without the library.
    """
    try:
        library = _library("write a Zarr store")
    except ConfigError as error:
        raise IncompatibleError(str(error)) from None
    if odd := next((name for name in arrays if "/" in name or not name.strip(".") or name.startswith("__")), None):
        raise ConfigError(
            f"Expected names of columns without a slash and not beginning with '__' for a Zarr store, got {odd!r}. "
            "Rename it, or write .npz."
        )
    group = library.create_group(library.storage.LocalStore(folder), zarr_format=3)
    for name, array in arrays.items():
        kind = "string" if array.dtype.kind == "U" else array.dtype
        rows = max(1, BYTES_AT_ONCE // max(1, array.nbytes // max(1, len(array))))
        chunks = (min(rows, max(1, len(array))), *array.shape[1:])
        group.create_array(name, shape=array.shape, dtype=kind, chunks=chunks)[...] = array


def _library(purpose: str) -> Any:
    try:
        import zarr

        if tuple(map(int, re.findall(r"\d+", zarr.__version__)[:3])) >= OLDEST:
            return zarr
        found = zarr.__version__
    except ImportError:
        found = "none"
    raise MissingLibrary("zarr", f"{'.'.join(map(str, OLDEST))} or newer to {purpose}", found)


@cache
def _check_counts_of_texts() -> None:
    """From now on, refuse a chunk of texts that states more of them than its bytes can hold: the library allocates them
    all first. It has one codec of them for each format; that of format 3 uses that of format 2."""
    from numcodecs import registry, vlen
    from zarr.codecs import vlen_utf8

    def checked(codec: Any) -> Any:
        class Checked(codec):
            def decode(self, buf: Any, out: Any = None) -> Any:
                held = memoryview(buf).cast("B")
                count = int.from_bytes(held[:4], "little")
                if count > (len(held) - 4) // 4:
                    raise ValueError(f"{count:,} texts in {len(held):,} bytes")
                return super().decode(buf, out)

        registry.register_codec(Checked)
        return Checked()

    vlen_utf8._vlen_utf8_codec = checked(vlen.VLenUTF8)
    vlen_utf8._vlen_bytes_codec = checked(vlen.VLenBytes)


def _root(path: Path) -> Any:
    """The root of the store, which may be a folder in a zip file."""
    if path.is_dir():
        root: Any = path
    else:
        root, inside = zipfile.Path(path), list(zipfile.Path(path).iterdir())
        root = inside[0] if len(inside) == 1 and inside[0].is_dir() else root
    if not any((root / name).exists() for name in {*ARRAY, *GROUP}):
        raise ValueError(f"it has none of {', '.join(sorted({*ARRAY, *GROUP}))}")
    return root


def _within(path: Path, node: Any) -> str:
    """A node's path in its store."""
    return node.at.strip("/") if isinstance(node, zipfile.Path) else node.relative_to(path).as_posix().strip(".")


def _said(node: Any, *names: str) -> dict[str, Any]:
    """Metadata of a node from the first of these files that exists, {} if there is none or the kind differs."""
    place = next((node / name for name in names if node.is_dir() and (node / name).exists()), None)
    said = {} if place is None else parse_json(place.read_text(encoding="utf-8"))
    kind = said.get("node_type")
    return {} if kind is not None and (kind == "array") != (names == ARRAY) else said


def _check_codecs(place: str, said: Mapping[str, Any]) -> None:
    named = [*_names([said.get("compressor")]), *_names(said.get("filters")), *_names(said.get("codecs"))]
    for name in named:
        if name.removeprefix("numcodecs.") not in CODECS:
            raise DataError(
                f"Expected codecs that make numbers of bytes in {place}, found '{name}', which isn't run. "
                "Write it anew without that."
            )


def _names(codecs: Any) -> Iterator[str]:
    """Names of codecs, including those within a shard."""
    for one in codecs or ():
        if isinstance(one, dict):
            yield str(one.get("id", one.get("name")))
            inner = one.get("configuration") or {}
            yield from _names(inner.get("codecs"))
            yield from _names(inner.get("index_codecs"))
        elif one is not None:
            yield str(one)


HDF5 = (".h5", ".hdf5")
OPENING_TIMEOUT_S = 5.0
"""Longest time for the library of HDF5 to open a file."""
SMALL_CACHE, LARGEST_CACHE = 1 << 20, 1 << 28
"""Bytes of HDF5's own cache of a data set, and of the largest that replaces it; each worker process has one."""


def check_returns(path: Path, attempt: Callable[[Path], None]) -> None:
    """Raise a DataError if the library of HDF5 crashes or never returns on a file, which no `try` can catch.

    attempt: opens the file and reads a part of it in a process that can be killed; its exceptions don't count.
    """
    if path.suffix.lower() not in (*HDF5, H5AD):
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
    if is_store(path):
        blocks, header = zarr_arrays(path, alone)
        for array in blocks.values():
            check_claim(path, math.prod(array.shape[:1]), _size(array), _held(path, _size(array)))
        return dict(blocks), header
    with reading("a file of arrays", path):
        if path.suffix.lower() in HDF5:
            return _hdf5(path)
        if path.suffix.lower() == H5AD:
            return annotated_arrays(path)
        if path.suffix.lower() == ".npz":
            arrays = _npz(path)
            return arrays, {name: array.item() for name, array in arrays.items() if array.ndim == 0}
        return {alone: np.load(path, allow_pickle=False, mmap_mode="r")}, {}


def _hdf5(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    import h5py

    file = h5py.File(path, "r")
    found = {_text(name): one for name, one in file.items() if isinstance(one, h5py.Dataset) and one.shape is not None}
    for name, one in found.items():
        if one.is_virtual:
            sources = [source.file_name for source in one.virtual_sources() if source.file_name != "."]
        else:
            sources = [source for source, *_ in one.external or ()]
        others = list({path.parent / source for source in sources})
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
                    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                    shape, _, kind = read[np.lib.format.read_magic(stream)](stream)
                if math.prod(shape) * kind.itemsize > member.file_size:
                    raise ValueError(f"an array {list(shape)} of {kind} in {member.file_size} bytes")
    with np.load(path, allow_pickle=False) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


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
