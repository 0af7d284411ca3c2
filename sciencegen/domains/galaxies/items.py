"""Stamps of galaxies: the item of this domain, its checks, and its compact text.

Fluxes are in nanojansky, so that an AB magnitude is 31.4 - 2.5 log10(flux) (Oke & Gunn 1983).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sciencegen.errors import DataError
from sciencegen.items import Refusal

AB_ZERO_POINT = 31.4
"""AB magnitude of 1 nJy."""
SIDES = (32, 64, 128)
"""Sides that networks support; stamps of other sides can be read, measured and written."""
SMALLEST_SIDE, LARGEST_SIDE, LARGEST_PSF, MOST_BANDS = 8, 512, 129, 16
STEPS_PER_SIGMA = 16
"""Pixels of noisy stamps are rounded to multiples of sigma/16, as in compressed FITS (fpack, q = 16: Pence, Seaman &
White 2009), which increases the noise by 1 part in 6,000. Noise-free stamps are exact."""
PREFIX = "stamp1:"
UNREADABLE = "unreadable:"
"""Start of the text of an object that is no stamp; the reason follows."""
LARGEST_STEPS = 1 << 22
"""Maximum number of steps that float32 represents exactly; pixels of brighter stamps aren't rounded."""
PSF_STEPS = 32767
"""A PSF is rounded to multiples of its peak divided by this."""
LONGEST_TEXT = 1 << 25


@dataclass(frozen=True, eq=False)
class Stamp:
    """One galaxy's image.

    image: float32 [band y x], nJy in a pixel; the first pixel is the lower left one, as in FITS.
    pixel_scale: arcsec. psf: float32 [y x], odd side, centred, sum 1, with the same pixel scale; None for no PSF.
    variance: float32, nJy² of the noise in a pixel, [band] or [band y x]; 0 everywhere: noise-free.
    name: in the catalogue. source: where it was read, such as "field.fits[17]"; "" if it isn't from a file.
    """

    image: np.ndarray
    pixel_scale: float
    psf: np.ndarray | None
    variance: np.ndarray
    bands: tuple[str, ...]
    name: str = ""
    source: str = ""

    @classmethod
    def of(
        cls, image: Any, pixel_scale: float, variance: Any, psf: Any = None, bands: str | Sequence[str] = (),
        name: str = "",
    ) -> Stamp:  # fmt: skip
        """Make a standardized stamp from arrays. Raises a DataError if they are invalid.

        image: [y x] or [band y x], nJy or a quantity with a unit. variance of the noise, nJy² or a quantity: one number
        (0: noise-free), or one for each band or pixel. psf: [y x], an odd side, without the pixel's response. bands:
        their names."""
        try:
            image, variance = _numbers(image, "nJy"), _numbers(variance, "nJy2")
            image, variance = (given[None] if given.ndim == 2 else given for given in (image, variance))
            variance = variance if variance.ndim else np.full(image.shape[:1], variance)
            kernel = None if psf is None else _numbers(psf, "")
        except (ValueError, TypeError) as error:  # also astropy's errors on units
            raise DataError(f"Expected arrays of numbers for a stamp, got others: {error}.") from error
        names = (bands,) if isinstance(bands, str) else tuple(map(str, bands))
        names = names or tuple(f"band{place + 1}" for place in range(image.shape[0] if image.ndim else 1))
        found = standardize(cls(image, float(pixel_scale), kernel, variance, names, name))
        if isinstance(found, Refusal):
            raise DataError(f"Expected a galaxy's stamp, got arrays that are none: {found.reason}.")
        return found

    @property
    def side(self) -> int:
        """Pixels on a side."""
        return self.image.shape[-1]

    @property
    def noise_free(self) -> bool:
        return not self.variance.any()


def _numbers(given: Any, unit: str) -> np.ndarray:
    """Convert to an array, masked values to NaN, and a quantity to this unit."""
    plain = given.to_value(unit) if hasattr(given, "to_value") else given
    return np.ma.filled(np.ma.asarray(plain, np.float64), np.nan)


def magnitude(flux: Any) -> Any:
    """AB magnitude of a flux in nJy; NaN unless it is positive."""
    flux = np.asarray(flux, np.float64)
    return AB_ZERO_POINT - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))


def flux_of(magnitude: Any) -> Any:
    """Flux in nJy of an AB magnitude."""
    return 10.0 ** (0.4 * (AB_ZERO_POINT - magnitude))


def standardize(stamp: Stamp) -> Stamp | Refusal:
    """Check a stamp, normalize its PSF to sum 1 and round its pixels to the noise's grid, or return a Refusal.

    The operation is idempotent.
    """
    with np.errstate(all="ignore"):  # what overflows isn't finite, which is refused
        for problem in (_image_problem(stamp), _variance_problem(stamp), _psf_problem(stamp)):
            if problem:
                return Refusal(problem)
    image = stamp.image.astype(np.float32)
    variance = _single(stamp.variance)
    steps = pixel_steps(image, variance)
    if steps is not None:
        image = steps * noise_step(variance)
    psf = None if stamp.psf is None else _psf_of(_psf_steps(stamp.psf))
    return replace(stamp, image=image, variance=variance, psf=psf, pixel_scale=float(stamp.pixel_scale))


def shape_problem(shape: Sequence[int]) -> str:
    """A problem with the shape of an image, found before its pixels are read."""
    if len(shape) != 3 or shape[1] != shape[2]:
        return f"expected a square image in one or more bands [band y x], got shape {list(shape)}"
    if not SMALLEST_SIDE <= shape[1] <= LARGEST_SIDE:
        return f"expected {SMALLEST_SIDE} to {LARGEST_SIDE} pixels on a side, got {shape[1]}; cut or bin it"
    return ""


def _image_problem(stamp: Stamp) -> str:
    image = stamp.image
    if problem := shape_problem(image.shape):
        return problem
    if not 0 < len(stamp.bands) == len(image) <= MOST_BANDS:
        return f"expected 1 to {MOST_BANDS} bands, got {len(image)} planes with the names {list(stamp.bands)}"
    if not math.isfinite(stamp.pixel_scale) or stamp.pixel_scale <= 0:
        return f"expected a positive pixel scale in arcsec, got {stamp.pixel_scale}"
    if np.isnan(image).any():
        count = int(np.isnan(image).sum())
        return f"{count} pixels are NaN; fill them first (astropy.convolution.interpolate_replace_nans)"
    if not np.isfinite(image.astype(np.float32)).all():
        return f"{int((~np.isfinite(image.astype(np.float32))).sum())} pixels are infinite or saturated"
    flat = [name for name, plane in zip(stamp.bands, image, strict=True) if plane.min() == plane.max()]
    return f"every pixel is {image.flat[0]:g} in band {flat[0]}: an empty image" if flat else ""


def _variance_problem(stamp: Stamp) -> str:
    if stamp.variance.shape not in ((len(stamp.bands),), stamp.image.shape):
        return f"expected a variance for each band or each pixel, got shape {list(stamp.variance.shape)}"
    variance = _single(stamp.variance)
    if not np.isfinite(variance).all():
        count = int((~np.isfinite(variance)).sum())
        return f"the noise isn't finite in {count} pixels (NaN, or a weight of 0); fill them first, as the image's"
    if (variance < 0).any():
        return f"the variance is negative ({variance.min():g} nJy²)"
    if (variance == 0).any() and variance.any():
        return "the variance is 0 in a part; expected it positive, or 0 everywhere (noise-free)"
    return ""


def _psf_problem(stamp: Stamp) -> str:
    if (psf := stamp.psf) is None:
        return ""
    if psf.ndim != 2 or psf.shape[0] != psf.shape[1] or psf.shape[0] % 2 == 0 or psf.shape[0] > LARGEST_PSF:
        return f"expected a square PSF with an odd side of at most {LARGEST_PSF} pixels, got {list(psf.shape)}"
    if not np.isfinite(psf).all():
        return "the PSF isn't finite"
    is_zero = not np.isfinite(PSF_STEPS / np.abs(psf.astype(np.float64)).max())  # or too small for double precision
    rounded = 0 if is_zero else _psf_steps(psf).sum(dtype=np.float64)
    return "the PSF doesn't sum to a positive number" if rounded <= 0 else ""


def noise_step(variance: np.ndarray) -> np.ndarray:
    """[band 1 1] float32, nJy: the smallest sigma of the noise in each band, divided by `STEPS_PER_SIGMA`."""
    smallest = variance.reshape(len(variance), -1).min(1)
    return np.sqrt(smallest / STEPS_PER_SIGMA**2)[:, None, None].astype(np.float32)


def pixel_steps(image: np.ndarray, variance: np.ndarray) -> np.ndarray | None:
    """[band y x] float32 multiples of the noise's step; None if the stamp's pixels aren't rounded."""
    if not variance.any():
        return None
    steps = np.rint(image / noise_step(variance)) + np.float32(0)  # no negative zero: equal pixels are equal bytes
    return steps if np.abs(steps).max() < LARGEST_STEPS else None


def _single(variance: np.ndarray) -> np.ndarray:
    """The variance in single precision, as it is stored."""
    return _short_mantissa(variance.astype(np.float32))


def _short_mantissa(variance: np.ndarray) -> np.ndarray:
    """Round variance maps to 8 significant bits (0.4%), so that they compress; single values per band stay exact."""
    if variance.ndim == 1:
        return variance
    bits = (np.ascontiguousarray(variance).view(np.uint32) + 0x8000) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


def _psf_steps(psf: np.ndarray) -> np.ndarray:
    return np.rint(psf.astype(np.float64) * (PSF_STEPS / np.abs(psf).max())).astype("<i2")


def _psf_of(steps: np.ndarray) -> np.ndarray:
    return (steps / steps.sum(dtype=np.float64)).astype(np.float32)


def text(stamp: Stamp) -> str:
    """Write a standardized stamp as one line without blanks: base64 of zlib of a JSON header and the numbers' bytes,
    the lowest bytes of all numbers first. A noisy 64 × 64 stamp takes about 5 kB, a noise-free one about 18 kB."""
    steps = pixel_steps(stamp.image, stamp.variance)
    header = {
        "shape": stamp.image.shape, "bands": stamp.bands, "pixel_scale": stamp.pixel_scale,
        "variance": None if stamp.variance.ndim > 1 else [float(value) for value in stamp.variance],
        "psf": 0 if stamp.psf is None else len(stamp.psf), "steps": steps is not None,
        "name": stamp.name, "source": stamp.source,
    }  # fmt: skip
    parts = [stamp.image.astype("<f4") if steps is None else _zigzag(steps)]
    parts += [] if stamp.psf is None else [_psf_steps(stamp.psf)]
    parts += [stamp.variance.astype("<f4")] if stamp.variance.ndim > 1 else []
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
    psf, rest = _from_planes(rest, "<i2", (header["psf"],) * 2)
    given = header["variance"]
    variance = _from_planes(rest, "<f4", shape)[0] if given is None else np.array(given, np.float32)
    image = _unzigzag(pixels) * noise_step(variance) if header["steps"] else pixels
    return Stamp(
        image, float(header["pixel_scale"]), _psf_of(psf) if psf.size else None, variance, bands,
        str(header["name"]), str(header["source"]),
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


def key(stamp: Stamp) -> str:
    """Identity of a stamp: its pixels, bands, scale, PSF and noise, but not its name and source."""
    about = json.dumps([stamp.image.shape, stamp.bands, stamp.pixel_scale]).encode()
    digest = hashlib.blake2b(about, digest_size=16)
    for part in (stamp.image, stamp.variance, stamp.psf):
        digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
