"""FITS files and arrays in parts for `compress`: the data of images as arrays, all else as bytes, kept as they are.

A FITS file that is packed by gzip is coded as what it holds. Tables and tile-compressed images (.fz) are bytes."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sciencegen.compression.archive import ImagePart, Part, array_parts
from sciencegen.compression.images import is_image
from sciencegen.domains.galaxies.fits import Extent, check_whole
from sciencegen.domains.galaxies.headers import ANNOTATIONS, PASSED_OVER

ARRAYS = (".npy", ".npz")
KINDS = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""BITPIX -> type of the numbers (FITS standard 4.0, section 4.4.1.1)."""


def parts(path: Path) -> Iterator[Part]:
    """The parts of a file."""
    if path.name.lower().endswith(ARRAYS):
        yield from array_parts(path)
        return
    extents = check_whole(path)
    content = _content(path)
    at = 0
    for extent in extents:
        yield (header := content[at : extent.start].tobytes())
        at = extent.start + extent.announced
        data = content[extent.start : at]
        picture = _picture(header, data, extent)
        if picture is not None:
            yield picture
        elif data.size:
            yield data.tobytes()
    if at < content.size:
        yield content[at:].tobytes()


def _content(path: Path) -> np.ndarray:
    if path.name.lower().endswith(".gz"):
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
    return np.memmap(path, np.uint8, "r")


def _picture(header: bytes, data: np.ndarray, extent: Extent) -> ImagePart | None:
    """The data of an HDU as an image, None for other data. header: may start with the padding of the HDU before."""
    from astropy.io import fits

    start = max(header.find(b"SIMPLE  ="), header.find(b"XTENSION="))
    cards = fits.Header.fromstring(header[max(start, 0) :].decode("latin-1"))
    if cards.get("XTENSION", "IMAGE").strip() != "IMAGE" or cards.get("GROUPS", False):
        return None
    kind, axes = KINDS[int(cards["BITPIX"])], int(cards["NAXIS"])
    shape = tuple(int(cards[f"NAXIS{axis}"]) for axis in range(axes, 0, -1))
    if math.prod(shape) * np.dtype(kind).itemsize != extent.announced or not axes:
        return None
    array = data.view(kind).reshape(shape)
    name = str(cards.get("EXTNAME", "")).strip().upper()
    return ImagePart(array, exact=name in ANNOTATIONS or name in PASSED_OVER) if is_image(array) else None
