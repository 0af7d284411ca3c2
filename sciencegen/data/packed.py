"""Arrays of many items in one block, which lies in a file if it is large: an array object for each item takes more
memory than the numbers of a short row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TypeVar, overload

import numpy as np
from jaxtyping import Int, Shaped

MOST_HELD = 1 << 26
"""Bytes of a block in memory; a larger one is a file without a name, of which the system reads pages as needed."""

Encoded = TypeVar("Encoded")


class PackedArrays(Sequence[np.ndarray]):
    """Arrays [length ...] of one type, equal in all but their lengths.

    Parameters
    ----------
    flat : [position ...]
        The arrays one after the other.
    offsets : [item + 1]
        Array i is flat[offsets[i] : offsets[i + 1]].
    """

    def __init__(self, flat: Shaped[np.ndarray, "position ..."], offsets: Int[np.ndarray, " edge"]) -> None:
        self.flat, self.offsets = flat, offsets

    @property
    def lengths(self) -> Int[np.ndarray, " item"]:
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(index, slice):
            return [self[at] for at in range(len(self))[index]]
        at = range(len(self))[index]
        return self.flat[self.offsets[at] : self.offsets[at + 1]]


def pack(items: Iterable[Encoded], folder: Path | None = None) -> Sequence[Encoded] | PackedArrays:
    """The items as `PackedArrays` if they are arrays of one kind, else as a list.

    Parameters
    ----------
    items : iterable
        They are taken one by one.
    folder : Path, optional
        Where a large block is written, to a file without a name; by default the system's folder of temporary files.

    Examples
    --------
    >>> rows = pack(np.arange(length) for length in (2, 3))
    >>> len(rows), rows[1], rows.lengths
    (2, array([0, 1, 2]), array([2, 3]))
    >>> pack(["a", "b"])
    ['a', 'b']
    """
    remaining = iter(items)
    first = next(remaining, None)
    if first is None:
        return []
    if not (isinstance(first, np.ndarray) and first.ndim and first.dtype.kind in "biuf"):
        return [first, *remaining]
    lengths = array("q", [0])
    with SpooledTemporaryFile(MOST_HELD, dir=None if folder is None else str(folder)) as file:
        other = _write(file, chain([first], remaining), first, lengths)
        arrays = PackedArrays(_block(file, first), np.cumsum(np.frombuffer(lengths, np.int64)))
    return arrays if other is None else [*arrays, other, *remaining]


def _write(file: SpooledTemporaryFile, items: Iterator[Encoded], first: np.ndarray, lengths: array) -> Encoded | None:
    """Write arrays until one is of another kind than the first; return that one."""
    for item in items:
        if not isinstance(item, np.ndarray) or (item.dtype, item.shape[1:]) != (first.dtype, first.shape[1:]):
            return item
        file.write(item.tobytes())
        lengths.append(len(item))
    return None


def _block(file: SpooledTemporaryFile, first: np.ndarray) -> Shaped[np.ndarray, "position ..."]:
    """The content of the file. Changes of a large one stay in memory."""
    size = file.tell()
    file.seek(0)
    if size > MOST_HELD:
        flat = np.asarray(np.memmap(file, first.dtype, mode="c", shape=(size // first.itemsize,)))
    else:
        flat = np.frombuffer(bytearray(file.read()), first.dtype)
    return flat.reshape(-1, *first.shape[1:])
