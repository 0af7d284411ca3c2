"""The compact text of a stamp, for tables and prepared data."""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from typing import Any

import numpy as np

from sciencegen.domains.galaxies.items import Stamp, noise_step, pixel_steps, psf_of_steps, psf_steps, standardize
from sciencegen.items import Refusal

PREFIX = "stamp1:"
UNREADABLE = "unreadable:"
"""Start of the text of an object that is no stamp; the reason follows."""
LONGEST_TEXT = 1 << 25


def text(stamp: Stamp) -> str:
    """Write a standardized stamp as one line without blanks: base64 of zlib of a JSON header and the numbers' bytes,
    the lowest bytes of all numbers first. A noisy 64 × 64 stamp takes about 5 kB, a noise-free one about 18 kB."""
    steps = pixel_steps(stamp.image, stamp.variance)
    header = {
        "shape": stamp.image.shape, "bands": stamp.bands, "pixel_scale": stamp.pixel_scale,
        "variance": None if stamp.variance.ndim > 1 else [float(value) for value in stamp.variance],
        "psf": 0 if stamp.psf is None else stamp.psf.shape[-1], "steps": steps is not None,
        "name": stamp.name, "source": stamp.source,
        **({} if stamp.psf is None or stamp.psf.ndim == 2 else {"psfs": len(stamp.psf)}),
        **({} if stamp.mask is None else {"mask": True}),
    }  # fmt: skip
    parts = [stamp.image.astype("<f4") if steps is None else _zigzag(steps)]
    parts += [] if stamp.psf is None else [psf_steps(stamp.psf)]
    parts += [stamp.variance.astype("<f4")] if stamp.variance.ndim > 1 else []
    parts += [] if stamp.mask is None else [stamp.mask.astype("u1")]
    content = json.dumps(header, separators=(",", ":")).encode() + b"\n" + b"".join(map(_planes, parts))
    return PREFIX + base64.b64encode(zlib.compress(content, 6)).decode("ascii")


def parse_text(line: str) -> Stamp | Refusal:
    """The inverse of `text`, with all checks, since the line may be untrusted."""
    if len(line) > LONGEST_TEXT:
        return Refusal(f"{len(line)} characters; at most {LONGEST_TEXT} are accepted")
    try:
        packed = base64.b64decode(line.removeprefix(PREFIX), validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, LONGEST_TEXT)
        head, _, rest = content.partition(b"\n")
        return standardize(_unpacked(json.loads(head), rest))
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError) as error:
        return Refusal(f"not the text of a stamp ({error})")


def _unpacked(header: dict[str, Any], rest: bytes) -> Stamp:
    shape, bands = tuple(header["shape"]), tuple(map(str, header["bands"]))
    pixels, rest = _from_planes(rest, "<u4" if header["steps"] else "<f4", shape)
    several = (header["psfs"],) if "psfs" in header else ()
    psf, rest = _from_planes(rest, "<i2", (*several, header["psf"], header["psf"]))
    variance, given = np.empty(0), header["variance"]
    if given is None:
        variance, rest = _from_planes(rest, "<f4", shape)
    else:
        variance = np.array(given, np.float32)
    mask = _from_planes(rest, "u1", shape[1:])[0] > 0 if header.get("mask") else None
    image = _unzigzag(pixels) * noise_step(variance) if header["steps"] else pixels
    return Stamp(
        image, float(header["pixel_scale"]), psf_of_steps(psf) if psf.size else None, variance, bands,
        str(header["name"]), str(header["source"]), mask,
    )  # fmt: skip


def _zigzag(steps: np.ndarray) -> np.ndarray:
    """Map 0, -1, 1, -2 ... to 0, 1, 2, 3 ..., so that numbers of small magnitude have zero high bytes."""
    whole = steps.astype(np.int32)
    return ((whole << 1) ^ (whole >> 31)).astype("<u4")


def _unzigzag(numbers: np.ndarray) -> np.ndarray:
    whole = numbers.astype(np.int64)
    return ((whole >> 1) ^ -(whole & 1)).astype(np.float32)


def _planes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).view(np.uint8).reshape(-1, array.itemsize).T.tobytes()


def _from_planes(content: bytes, kind: str, shape: tuple[int, ...]) -> tuple[np.ndarray, bytes]:
    size, width = math.prod(shape), np.dtype(kind).itemsize
    if min(shape) < 0 or size * width > len(content):
        raise ValueError(f"expected {size} numbers, found {len(content)} bytes")
    planes = np.frombuffer(content, np.uint8, size * width).reshape(width, size)
    return np.ascontiguousarray(planes.T).view(kind).reshape(shape), content[size * width :]
