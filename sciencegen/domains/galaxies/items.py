"""Stamps of galaxies: the item of this domain, and its checks. Fluxes are in nanojansky."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Num

from sciencegen.domains.galaxies.render import render
from sciencegen.errors import DataError
from sciencegen.items import Origin, Refusal

SMALLEST_SIDE, LARGEST_SIDE, LARGEST_PSF, MOST_BANDS = 8, 512, 129, 16
MOST_DARK = 0.5
"""What a PSF's negative pixels may hold together, relative to its sum; noise makes it a quarter in measured PSFs."""
LEAST_SEEN = 0.05
"""Share of the pixels that a mask must leave: one that hides more is usually of the other sense, unless it shows the
middle, as that of a small stamp on a larger field does; then `FEWEST_SEEN` pixels are enough."""
FEWEST_SEEN = 64
STEPS_PER_SIGMA = 16
"""Pixels of noisy stamps are rounded to multiples of sigma/16, as in compressed FITS (fpack, q = 16: Pence, Seaman &
White 2009), which increases the noise by 1 part in 6,000. Noise-free stamps are exact."""
BETWEEN = 0.25
"""Pixels from the middle of an even side within which the centre of a PSF is taken to lie between two pixels."""
LARGEST_STEPS = 1 << 22
"""Maximum number of steps that float32 represents exactly; pixels of brighter stamps aren't rounded."""
PSF_STEPS = 32767
"""A PSF is rounded to multiples of its peak divided by this."""
MOST_NEGATIVE, FARTHEST_CENTRE = 0.1, 0.125
"""A PSF's deepest negative pixel relative to its peak, and the distance of its centre of light from its middle relative
to its side: beyond these it is refused."""


@dataclass(frozen=True, eq=False)
class Stamp:
    """One galaxy's image.

    image: float32 [band y x], nJy in a pixel; the first pixel is the lower left one, as in FITS.
    pixel_scale: arcsec. psf: float32 [y x] or [band y x], odd side, centred, sum 1, with the same pixel scale; None for
    no PSF. variance: float32, nJy² of the noise in a pixel, [band] or [band y x]; 0 everywhere: noise-free.
    name: in the catalogue. source: where it was read, such as "field.fits[17]"; "" if it isn't from a file.
    mask: bool [y x], true where a pixel doesn't show the galaxy, such as a neighbour's or a bad one; None for no mask.
    """

    image: np.ndarray
    pixel_scale: float
    psf: np.ndarray | None
    variance: np.ndarray
    bands: tuple[str, ...]
    name: str = ""
    source: str = ""
    mask: np.ndarray | None = None

    @classmethod
    def of(
        cls, image: Any, pixel_scale: float, variance: Any, psf: Any = None, bands: str | Sequence[str] = (),
        name: str = "", mask: Any = None,
    ) -> Stamp:  # fmt: skip
        """Make a standardized stamp from arrays. Raises a DataError if they are invalid.

        image: [y x] or [band y x], nJy or a quantity with a unit. variance of the noise, nJy² or a quantity: one number
        (0: noise-free), or one for each band or pixel. psf: [y x] or [band y x], an odd side, without the pixel's
        response. bands: their names. mask: [y x], true where a pixel doesn't show the galaxy; it may hold anything."""
        try:
            image, variance = _numbers(image, "nJy"), _numbers(variance, "nJy2")
            image, variance = (given[None] if given.ndim == 2 else given for given in (image, variance))
            variance = variance if variance.ndim else np.full(image.shape[:1], variance)
            kernel = None if psf is None else _numbers(psf, "")
            hidden = None if mask is None else np.asarray(mask, bool)
        except (ValueError, TypeError) as error:  # also astropy's errors on units
            raise DataError(f"Expected arrays of numbers for a stamp, got others: {error}.") from error
        names = (bands,) if isinstance(bands, str) else tuple(map(str, bands))
        names = names or tuple(f"band{place + 1}" for place in range(image.shape[0] if image.ndim else 1))
        found = standardize(cls(image, float(pixel_scale), kernel, variance, names, name, mask=hidden))
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

    def _repr_html_(self) -> str:
        """The picture with name, bands and scale, for notebooks."""
        about = f"{self.name or 'galaxy'}: {', '.join(self.bands)}; {self.side} pixels of {self.pixel_scale:.3g} arcsec"
        return f"<div>{render(self, 240, 240)}<p>{escape(about)}</p></div>"

    def psf_of(self, band: int) -> np.ndarray | None:
        """The PSF [y x] of a band."""
        return self.psf if self.psf is None or self.psf.ndim == 2 else self.psf[band]


def _numbers(given: Any, unit: str) -> np.ndarray:
    """Convert to an array, masked values to NaN, and a quantity to this unit."""
    plain = given.to_value(unit) if hasattr(given, "to_value") else given
    if np.iscomplexobj(plain):
        raise TypeError("complex ones")
    return np.ma.filled(np.ma.asarray(plain, np.float64), np.nan)


def standardize(stamp: Stamp) -> Stamp | Refusal:
    """Check a stamp, pad it to a square, mask pixels of infinite noise and fill masked ones, normalize its PSF to sum 1
    and round its pixels to the noise's grid, or return a Refusal.

    The operation is idempotent.
    """
    stamp = _squared(stamp)
    if problem := _mask_problem(stamp):
        return Refusal(problem)
    stamp = replace(filled(stamp), psf=None if stamp.psf is None else odd_square(stamp.psf))
    with np.errstate(all="ignore"):  # what overflows isn't finite, which is refused
        for problem in (_image_problem(stamp), _variance_problem(stamp), _psf_problem(stamp)):
            if problem:
                return Refusal(problem)
    image = stamp.image.astype(np.float32)
    variance = _single(stamp.variance)
    steps = pixel_steps(image, variance)
    if steps is not None:
        image = steps * noise_step(variance)
    psf = None if stamp.psf is None else psf_of_steps(psf_steps(stamp.psf))
    return replace(stamp, image=image, variance=variance, psf=psf, pixel_scale=float(stamp.pixel_scale))


def shape_problem(shape: Sequence[int]) -> str:
    """A problem with the shape of an image, found before its pixels are read."""
    if len(shape) != 3:
        return f"expected an image in one or more bands [band y x], got shape {list(shape)}"
    for side in shape[1:]:
        if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
            return f"expected {SMALLEST_SIDE} to {LARGEST_SIDE} pixels on a side, got {side}; cut or bin it"
    return ""


def _squared(stamp: Stamp) -> Stamp:
    """The stamp as a square around the same middle pixel, masked beyond the given ones and where the noise is infinite,
    as that of a weight of 0."""
    shape = stamp.image.shape
    if shape_problem(shape) or (stamp.mask is not None and stamp.mask.shape != shape[1:]):
        return stamp
    infinite = np.isposinf(stamp.variance) if stamp.variance.shape == shape else np.zeros(shape, bool)
    if shape[1] == shape[2] and not infinite.any():
        return stamp
    hidden = infinite.any(0) if stamp.mask is None else stamp.mask | infinite.any(0)
    side = max(shape[1:])
    before = [side // 2 - one // 2 for one in shape[1:]]
    widths = [(first, side - one - first) for first, one in zip(before, shape[1:], strict=True)]
    image, variance = np.pad(stamp.image, [(0, 0), *widths]), stamp.variance
    if variance.shape == shape:
        variance = np.pad(np.where(infinite, 0, variance), [(0, 0), *widths])
    return replace(stamp, image=image, variance=variance, mask=np.pad(hidden, widths, constant_values=True))


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
        return f"{count} pixels are NaN; mask them, or fill them (astropy.convolution.interpolate_replace_nans)"
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
        return f"the noise isn't finite in {count} pixels; give them a weight of 0, or mask them"
    if (variance < 0).any():
        return f"the variance is negative ({variance.min():g} nJy²)"
    if (variance == 0).any() and variance.any():
        return "the variance is 0 in a part; expected it positive, or 0 everywhere (noise-free)"
    return ""


def _mask_problem(stamp: Stamp) -> str:
    if stamp.mask is None or shape_problem(stamp.image.shape):
        return ""
    if stamp.mask.shape != stamp.image.shape[1:]:
        return f"expected a mask of {list(stamp.image.shape[1:])} pixels, got {list(stamp.mask.shape)}"
    seen, side = int((~stamp.mask).sum()), stamp.side
    middle = slice(side // 2 - side // 10 - 1, side // 2 + side // 10 + 1)
    is_frame = seen >= FEWEST_SEEN and stamp.mask[middle, middle].mean() < 0.5
    if seen >= LEAST_SEEN * stamp.mask.size or is_frame:
        return ""
    covers = f"all but {seen} of {stamp.mask.size} pixels" if seen else "every pixel"
    is_inverted = stamp.mask[middle, middle].mean() > 0.5 and seen
    return f"the mask covers {covers}{'; if it marks the good ones, invert it' if is_inverted or not seen else ''}"


def filled(stamp: Stamp) -> Stamp:
    """The stamp with other pixels where its mask is true: the one opposite to it, since galaxies look alike when they
    are turned by 180 degrees, or 0 if that is masked too. A map of the noise has its median there."""
    if stamp.mask is None or shape_problem(stamp.image.shape):
        return stamp
    if not stamp.mask.any():
        return replace(stamp, mask=None)
    opposite = np.where(stamp.mask[::-1, ::-1], 0, stamp.image[:, ::-1, ::-1])
    image, variance = np.where(stamp.mask, opposite, stamp.image), stamp.variance
    if variance.shape == stamp.image.shape:
        typical = np.median(variance[:, ~stamp.mask], 1)[:, None, None]
        variance = np.where(stamp.mask, typical, variance)
    return replace(stamp, image=image, variance=variance)


def odd_square(psf: np.ndarray) -> np.ndarray:
    """A PSF [... y x] of any sides as a square of an odd one around the same middle, with zeros beyond the given ones,
    or its middle `LARGEST_PSF` pixels.

    An even side has its middle between two pixels or, as by Fourier transforms, on one of them: whichever is nearer to
    the centre of light. Between two, the PSF is moved by half a pixel, by a cubic spline of its cumulative sum.
    """
    if psf.ndim < 2 or min(psf.shape) == 0 or not np.isfinite(psf).all():
        return psf
    for axis in (-2, -1):
        psf = _odd(psf.swapaxes(axis, -1)).swapaxes(axis, -1)
    side = min(max(psf.shape[-2:]), LARGEST_PSF)
    for axis in (-2, -1):
        beyond = (side - psf.shape[axis]) // 2
        widths = [(0, 0)] * psf.ndim
        widths[axis] = (max(beyond, 0),) * 2
        psf = np.pad(psf, widths) if beyond > 0 else psf
        psf = psf.swapaxes(axis, -1)[..., max(-beyond, 0) : psf.shape[axis] - max(-beyond, 0)].swapaxes(axis, -1)
    return psf


def _odd(psf: np.ndarray) -> np.ndarray:
    """A PSF with an odd number of pixels along its last axis."""
    side = psf.shape[-1]
    profile = psf.astype(np.float64).reshape(-1, side).sum(0)
    if side % 2 or profile.sum() <= 0:
        return psf if side % 2 else np.pad(psf, [(0, 0)] * (psf.ndim - 1) + [(0, 1)])
    off = float((np.arange(side) - (side - 1) / 2) @ profile / profile.sum())
    if abs(off) > BETWEEN:  # the middle is a pixel: n / 2, or the one before
        return np.pad(psf, [(0, 0)] * (psf.ndim - 1) + [(0, 1) if off > 0 else (1, 0)])
    from scipy.interpolate import CubicSpline

    own = np.arange(side + 1) - side / 2
    cumulative = np.concatenate([np.zeros((*psf.shape[:-1], 1)), np.cumsum(psf, -1, dtype=np.float64)], -1)
    return np.diff(CubicSpline(own, cumulative, axis=-1)((np.arange(side + 2) - (side + 1) / 2).clip(own[0], own[-1])))


def _psf_problem(stamp: Stamp) -> str:
    if (psf := stamp.psf) is None:
        return ""
    if psf.ndim not in (2, 3) or psf.shape[-2] != psf.shape[-1] or psf.shape[-1] % 2 == 0 or len(psf[0]) > LARGEST_PSF:
        return f"expected a PSF [y x] or [band y x], got {list(psf.shape)}"
    if psf.ndim == 3 and len(psf) != len(stamp.bands):
        return f"expected a PSF for each of {len(stamp.bands)} bands, got {len(psf)}"
    if not np.isfinite(psf).all():
        return "the PSF isn't finite"
    return next(filter(None, map(_plane_problem, psf if psf.ndim == 3 else psf[None])), "")


def _plane_problem(psf: np.ndarray) -> str:
    """A problem of one PSF [y x]."""
    is_zero = not np.isfinite(PSF_STEPS / np.abs(psf.astype(np.float64)).max())  # or too small for double precision
    steps = np.zeros(psf.shape) if is_zero else psf_steps(psf).astype(np.float64)
    total = float(steps.sum())
    if total <= 0:
        return "the PSF doesn't sum to a positive number"
    if steps.min() < -MOST_NEGATIVE * steps.max():
        return f"the PSF is negative, {steps.min() / steps.max():.2g} of its peak"
    if -(dark := float(steps[steps < 0].sum())) > MOST_DARK * total:
        return f"the PSF's negative pixels hold {dark / total:.2g} of its sum, as if too much sky had been subtracted"
    away = np.arange(len(psf)) - len(psf) // 2
    y, x = float(away @ steps.sum(1)) / total, float(away @ steps.sum(0)) / total
    limit = max(FARTHEST_CENTRE * len(psf), 1.0)
    return f"the PSF isn't centred: it lies {x:.1f}, {y:.1f} pixels off" if math.hypot(x, y) > limit else ""


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


def psf_steps(psf: np.ndarray) -> np.ndarray:
    """PSFs [... y x] in whole numbers, each with its peak at `PSF_STEPS`."""
    return np.rint(psf.astype(np.float64) * (PSF_STEPS / np.abs(psf).max((-2, -1), keepdims=True))).astype("<i2")


def psf_of_steps(steps: np.ndarray) -> np.ndarray:
    """The inverse: float32, each with sum 1."""
    return (steps / steps.sum((-2, -1), dtype=np.float64, keepdims=True)).astype(np.float32)


def key(stamp: Stamp) -> str:
    """Identity of a stamp: its pixels, bands, scale, PSF, noise and mask, but not its name and source."""
    about = json.dumps([stamp.image.shape, stamp.bands, stamp.pixel_scale]).encode()
    digest = hashlib.blake2b(about, digest_size=16)
    for part in (stamp.image, stamp.variance, stamp.psf, stamp.mask):
        digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


# The compact text of a stamp, for tables and prepared data.

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


# AB magnitudes: 31.4 - 2.5 log10(flux) of a flux in nanojansky (Oke & Gunn 1983).

AB_ZERO_POINT = 31.4
"""AB magnitude of 1 nJy."""


def magnitude(flux: Any) -> Any:
    """AB magnitude of a flux in nJy; NaN unless it is positive."""
    flux = np.asarray(flux, np.float64)
    return AB_ZERO_POINT - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))


def flux_of(magnitude: Any) -> Any:
    """Flux in nJy of an AB magnitude."""
    return 10.0 ** (0.4 * (AB_ZERO_POINT - magnitude))


# Which pixels of a stamp don't show its galaxy, by a mask or by a map of segments.

MASKS = ("MASK",)
"""Names of masks, in any case: 0 where a pixel is good."""
SEGMENTS = ("SEG", "SEGMENTATION", "SEGMAP")
"""Names of maps of segments, in any case: 0 for the sky, else the number of a source."""


def hidden_pixels(plane: Num[np.ndarray, "y x"], name: str) -> Bool[np.ndarray, "y x"]:
    """Pixels to mask: those of a mask that aren't 0, or those of other sources than the one in the middle.

    Parameters
    ----------
    plane : array [y x]
    name : str
        Of the array; one of `SEGMENTS` is a map of segments, any other a mask.

    Examples
    --------
    >>> segments = np.array([[0, 2, 2], [0, 1, 0], [0, 0, 3]])
    >>> hidden_pixels(segments, "segmentation").astype(int)
    array([[0, 1, 1],
           [0, 0, 0],
           [0, 0, 1]])
    """
    if name.upper() not in SEGMENTS:
        return plane != 0
    middle = plane[plane.shape[0] // 2, plane.shape[1] // 2]
    return (plane != 0) & (plane != middle)


# Arrays of stamps as a model takes them, and PSFs and variances in one shape.


@dataclass(frozen=True, eq=False)
class EncodedStamp:
    """image [band y x], psf [y x], [band y x] or None, variance [band] or [band y x]; float32."""

    image: np.ndarray
    psf: np.ndarray | None
    variance: np.ndarray

    def __len__(self) -> int:
        """All stamps of one model have the same size."""
        return 1


def per_band(variance: np.ndarray) -> np.ndarray:
    """A variance of the noise [band] as [band 1 1]; a map [band y x] as it is."""
    return variance if variance.ndim > 1 else variance[:, None, None]


def same_side(psfs: Sequence[np.ndarray | None]) -> Float[np.ndarray, "item *band y x"]:
    """Point spread functions padded to squares of one odd side, zeros for none; of each band if any item's are."""
    known = [psf for psf in psfs if psf is not None]
    side = max((psf.shape[-1] for psf in known), default=1)
    bands = max((psf.shape[:-2] for psf in known), default=())
    made = np.zeros((len(psfs), *bands, side, side), np.float32)
    for square, psf in zip(made, psfs, strict=True):
        if psf is not None:
            start = (side - psf.shape[-1]) // 2
            square[..., start : start + psf.shape[-1], start : start + psf.shape[-1]] = psf
    return made


# Provenance of stamps for the header of a file: software, model, seed, requested conditions.


def provenance(origin: Origin | None) -> dict[str, tuple[Any, str]]:
    """Keyword -> (value, comment). SYNTHET: True if stamps were generated. MODEL, MODELSHA: the model's name and the
    sha256 of its weights, which leave no space for comments."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        made_by = f"sciencegen {version('sciencegen')}"
    except PackageNotFoundError:
        made_by = "sciencegen"
    cards: dict[str, tuple[Any, str]] = {"ORIGIN": (made_by, "what wrote this file")}
    if origin is None:
        return cards
    if origin.made:
        cards["SYNTHET"] = (True, "made by a model, not observed")
    if origin.model:
        cards |= {"MODEL": (_ascii(origin.model), ""), "MODELSHA": (origin.weights, "")}
    return cards if origin.seed is None else cards | {"SEED": (_whole(origin.seed), "of the random numbers")}


def _whole(seed: int) -> int | str:
    """The seed, as text if it exceeds a 64-bit integer."""
    return seed if seed < 1 << 63 else str(seed)


def history(origin: Origin | None) -> list[str]:
    """The command, the requested conditions, and notes, one per line."""
    if origin is None:
        return []
    asked = (f"asked: {one}" for one in origin.asked)
    return list(map(_ascii, (f"sciencegen {origin.verb}", *asked, *origin.notes)))


def _ascii(text: str) -> str:
    """Replace characters that FITS headers can't contain: they allow printable ASCII only."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
