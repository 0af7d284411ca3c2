"""Writing .npz files whose texts are never held as an array: that takes four bytes for each letter of the longest."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

import numpy as np
from jaxtyping import Shaped

BLOCK = 4096
"""Number of texts that are converted at once."""


def save_arrays(sink: IO[bytes], arrays: Mapping[str, Shaped[np.ndarray, "..."] | Sequence[str]]) -> None:
    """Write arrays and lists of texts as `numpy.savez` does, with equal bytes.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> save_arrays(file, {"x": np.arange(3), "name": ["a", "bc"]})
    >>> np.load(io.BytesIO(file.getvalue()))["name"]
    array(['a', 'bc'], dtype='<U2')
    """
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if isinstance(array, np.ndarray):
                    np.lib.format.write_array(member, array, allow_pickle=False)
                else:
                    member.writelines(_texts(array))


def _texts(texts: Sequence[str]) -> Iterator[bytes]:
    """The parts of an array [text] in numpy's format."""
    dtype, header = np.dtype(f"<U{max(map(len, texts), default=0) or 1}"), io.BytesIO()
    about = {"descr": dtype.str, "fortran_order": False, "shape": (len(texts),)}
    np.lib.format.write_array_header_1_0(header, about)
    yield header.getvalue()
    for start in range(0, len(texts), BLOCK):
        yield np.array(texts[start : start + BLOCK], dtype).tobytes()
