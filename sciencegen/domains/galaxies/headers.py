"""Reads metadata of stamps: unit, pixel scale, PSF, noise, bands. Sources are FITS keywords, attributes of HDF5 and
Zarr, or a YAML file.

Names are case-insensitive; the first one found is used (`KEYWORDS`). `<file>.yaml` next to a file, or `stamps.yaml` in
its folder, adds missing metadata and overrides the file's:

    pixel_scale: 0.168          # arcsec
    zero_point: 27.0            # AB magnitude of 1 in the file's unit, or a list, one for each band
    unit: nJy                   # or uJy, Jy, MJy/sr, nanomaggy; sigma: in units of the noise, which is in the array
                                # `sigma`, in the unit of the zero point
    psf_fwhm: 0.6               # arcsec, a round Gaussian; if the file has no PSF images
    sigma: 0.02                 # noise in the file's unit; or variance; 0: noise-free
    saturation: 60000           # in the file's unit
    bands: [g, r, i]
    images: cutouts             # name of the data set in HDF5, Zarr or .npz
    psf: kernels                # name of the data set with the PSFs
    weights: inverse_variance   # name of the data set with inverse variances
    mask: segmentation          # name of the data set or extension whose pixels are masked; none: no mask
    use: [r]                    # the bands to take
    sky: edge                   # subtract the median of each band in the outer fifth, whose scatter is the noise
    resample: {side: 64, pixel_scale: 0.1}   # other pixels for each stamp (`observation.resampled`); arcsec
    keywords: {pixel_scale: ARCSECPX}
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.domains.galaxies.items import MASKS, SEGMENTS, flux_of
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.files import version_of
from sciencegen.items import Refusal

KEYWORDS: dict[str, tuple[str, ...]] = {
    "pixel_scale": ("PIXSCALE", "PIXEL_SCALE", "PIXSCAL", "PIXELSCL", "PXSCALE", "SECPIX"),
    "unit": ("BUNIT", "UNIT", "UNITS"),
    "zero_point": ("MAGZERO", "MAGZPT", "ZEROPT", "PHOTZP", "ABMAGZP", "ZEROPOINT", "ZERO_POINT", "ZP"),
    "psf_fwhm": ("PSFFWHM", "PSF_FWHM", "SEEING"),
    "sigma": ("SKYSIG", "SKYSIGMA", "SKYRMS", "RMS"),
    "variance": ("VARIANCE", "VAR"),
    "saturation": ("SATURATE", "SATLEVEL"),
    "bands": ("BANDS", "FILTER", "BAND"),
}
NANOJANSKY = {
    "njy": 1.0, "nanojansky": 1.0, "ujy": 1e3, "microjy": 1e3, "microjansky": 1e3, "mjy": 1e6, "millijansky": 1e6,
    "jy": 1e9, "jansky": 1e9, "nanomaggy": 3631.0, "nanomaggies": 3631.0, "nmgy": 3631.0,
    "maggy": 3631e9, "maggies": 3631e9,
}  # fmt: skip
"""Unit of flux, in lower case -> nJy. Other units are parsed by astropy, where case matters (MJy/sr).
Counts, electrons and adu, with or without /s, need a zero point."""
IN_SIGMA = "sigma"
"""Unit of pixels in units of their noise."""
FRAME = 3
"""Width in pixels of the edge of a stamp from which its noise is estimated if it isn't given."""
SQUARE = 0.01
"""Relative tolerance for the sides of a square pixel."""
_DEGREE = 3600.0


@dataclass(frozen=True)
class About:
    """Metadata of stamps. factors: nJy in the file's unit, one or one for each band; per arcsec² if is_surface (a unit
    of surface brightness). pixel_scale, fwhm: arcsec. variance: in the file's unit squared, None if unknown. bands: ()
    if unknown. saturation: in the file's unit. in_sigma: pixels are in units of the noise, which is in the file's
    unit. told_noise: the key beside the file that states the noise, "" if none does. told_bands: whether
    bands are stated there."""

    factors: tuple[float, ...]
    pixel_scale: float
    bands: tuple[str, ...] = ()
    fwhm: float | None = None
    variance: float | None = None
    saturation: float = math.inf
    is_surface: bool = False
    in_sigma: bool = False
    told_noise: str = ""
    told_bands: bool = False

    def check_noise(self, where: str) -> None:
        """Raise an error if the noise that a file has (`where`) is also told beside it: either could be meant."""
        if self.told_noise:
            raise ValueError(
                f"expected the noise once, got `{self.told_noise}` beside the file, and {where}; leave the key out, "
                "or take the other out of the file"
            )

    def noise_of(self, image: Float[np.ndarray, "band y x"]) -> Float[np.ndarray, " band"]:
        """The variance, or, if it is unknown, that at the image's edge."""
        if self.variance is None:
            return robust_variance(image[:, frame(image.shape[1:])])
        return np.full(len(image), self.variance)

    def nanojansky(
        self, image: Float[np.ndarray, "band y x"], variance: np.ndarray, pixel_scale: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """An image and its variance, [band] or [band y x], in nJy and nJy², with pixels of this scale."""
        factor = np.array(self.factors) * (pixel_scale**2 if self.is_surface else 1.0)
        if factor.size not in (1, len(image)):
            raise ValueError(f"{factor.size} zero points for {len(image)} bands")
        wide = factor[:, None, None]
        return image * wide, variance * (wide**2 if variance.ndim > 1 else factor**2)


def about(header: Mapping[str, Any], overrides: Mapping[str, Any]) -> About | Refusal:
    """Metadata of a header, replaced by `overrides` (from a YAML file); a Refusal if required metadata are missing."""
    plain = {str(key).upper(): value for key, value in header.items()}
    own = overrides.get("keywords", {})
    said = {name: overrides.get(name, _first(plain, (own.get(name, ""), *keys))) for name, keys in KEYWORDS.items()}
    try:
        factors, is_surface = _factors(said, plain, "zero_point" in overrides and "unit" not in overrides)
        pixel_scale = _pixel_scale(said["pixel_scale"], plain)
        sigma, variance = _number(said["sigma"]), _number(said["variance"])
        fwhm, saturation = _number(said["psf_fwhm"]), _number(said["saturation"])
        if variance is None and sigma is not None:
            variance = sigma**2
    except (TypeError, ValueError, OverflowError) as error:
        return Refusal(f"a keyword of the header is no number ({error})")
    lacking = []
    if not factors:
        known = f"the unit '{said['unit']}' isn't one of flux" if said["unit"] else "there is no unit"
        lacking.append(
            f"{known} and no zero point is given: add BUNIT = 'nJy' or MAGZERO, or 'unit: nJy' in stamps.yaml"
        )
    if pixel_scale is None:
        lacking.append("no pixel scale is given: add PIXSCALE (arcsec) or a WCS, or 'pixel_scale: 0.1' in stamps.yaml")
    if lacking or pixel_scale is None:
        return Refusal("; ".join(lacking))
    if isinstance(pixel_scale, Refusal):
        return pixel_scale
    limit = math.inf if saturation is None else saturation
    in_sigma = _plain(said["unit"]).lower() == IN_SIGMA
    told = next((name for name in ("variance", "sigma") if name in overrides), "")
    bands = _bands(said["bands"])
    return About(factors, pixel_scale, bands, fwhm, variance, limit, is_surface, in_sigma, told, "bands" in overrides)


def _first(header: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The value of the first of the keys that has one; a text is one unless it is empty."""
    found = (header.get(key.upper()) for key in keys if key)
    return next(
        (value for value in found if value is not None and not (isinstance(value, str | bytes) and not value)), None
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(np.asarray(value).reshape(()))


def _factors(said: Mapping[str, Any], header: Mapping[str, Any], by_zero_point: bool) -> tuple[tuple[float, ...], bool]:
    """Factors from the unit to nJy, () if unknown, and whether they are per arcsec². From a unit of flux or of surface
    brightness (JWST's MJy/sr), else a zero point, else HST's PHOTFLAM and PHOTPLAM. by_zero_point: ignore the unit."""
    unit = "" if by_zero_point else _plain(said["unit"])
    if unit.lower() in NANOJANSKY and not unit.startswith("MJ"):  # MJy is a megajansky, not a millijansky
        return (NANOJANSKY[unit.lower()],), False
    for wanted, is_surface in (("nJy", False), ("nJy/arcsec2", True)):
        if (found := _converted("MJy/sr" if unit == "MJY/SR" else unit, wanted)) is not None:
            return (found,), is_surface
    zero_points = [] if said["zero_point"] is None else np.atleast_1d(np.asarray(said["zero_point"], float)).tolist()
    if not zero_points and header.get("PHOTFLAM") and header.get("PHOTPLAM"):
        zero_points = [-2.5 * math.log10(header["PHOTFLAM"]) - 5 * math.log10(header["PHOTPLAM"]) - 2.408]
    return tuple(float(flux_of(one)) for one in zero_points), False


def _plain(said: Any) -> str:
    if isinstance(said, np.ndarray) and said.size == 1:
        said = said.item()
    said = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return "" if said is None else str(said).strip().strip("'").strip()


def _converted(unit: str, wanted: str) -> float | None:
    """Factor from one unit to another; None if they aren't convertible, for a magnitude, or for a negative factor."""
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", units.UnitsWarning)  # about notation
            known = units.Unit(unit) if unit else None
        factor = float(known.to(wanted)) if isinstance(known, units.UnitBase) else -1.0
    except (ValueError, TypeError, units.UnitConversionError):
        return None
    return factor if factor > 0 else None


def _pixel_scale(said: Any, header: Mapping[str, Any]) -> float | Refusal | None:
    """Pixel scale in arcsec from a keyword, else the WCS (degrees): sqrt |det CD|, or CDELT. Refusal unless square."""
    if said is not None:
        return _number(said)
    if "CD1_1" in header and "CD2_2" in header:
        across, along = ((header.get(f"CD1_{axis}", 0.0), header.get(f"CD2_{axis}", 0.0)) for axis in (1, 2))
    elif "CDELT1" in header and "CDELT2" in header and (header["CDELT1"], header["CDELT2"]) != (1.0, 1.0):
        across, along = (header["CDELT1"], 0.0), (0.0, header["CDELT2"])
    else:
        return None
    width, height = math.hypot(*across) * _DEGREE, math.hypot(*along) * _DEGREE
    if abs(width - height) > SQUARE * max(width, height):
        return Refusal(f'pixels of {width:.4g}" x {height:.4g}" aren\'t square; resample them')
    return math.sqrt(abs(across[0] * along[1] - along[0] * across[1])) * _DEGREE


def saturated(image: np.ndarray, said: About) -> str:
    """A message with the number of saturated pixels, "" for none or without a known level of saturation."""
    count = int((image >= said.saturation).sum()) if math.isfinite(said.saturation) else 0
    return f"{count} pixels are saturated (at {said.saturation:g})" if count else ""


def _bands(said: Any) -> tuple[str, ...]:
    if said is None:
        return ()
    if isinstance(said, bytes):
        said = said.decode("utf-8", "replace")
    parts = said.split(",") if isinstance(said, str) else list(np.atleast_1d(said))
    return tuple(part.decode() if isinstance(part, bytes) else str(part).strip() for part in parts)


def gaussian_psf(fwhm: float, pixel_scale: float) -> np.ndarray:
    """[y x] a round Gaussian with sum 1, four FWHM to each side."""
    half = max(2, min(math.ceil(4 * fwhm / pixel_scale), 40))
    r2 = np.arange(-half, half + 1) ** 2 + (np.arange(-half, half + 1) ** 2)[:, None]
    psf = np.exp(-4 * math.log(2) * r2 * (pixel_scale / fwhm) ** 2)
    return (psf / psf.sum()).astype(np.float32)


def sky_at_edge(
    image: Float[np.ndarray, "band y x"], hidden: Bool[np.ndarray, "y x"], width: int = FRAME
) -> tuple[Float[np.ndarray, " band"], Float[np.ndarray, " band"]]:
    """Median and squared robust scatter of each band at the edge, of all pixels that are seen if few are there."""
    edge = frame(hidden.shape, width)
    seen = edge & ~hidden
    seen = seen if seen.sum() >= edge.sum() // 4 else ~hidden
    if not seen.any():
        return np.zeros(len(image)), np.ones(len(image))
    pixels = image[:, seen]
    return np.median(pixels, 1), robust_variance(pixels)


def frame(shape: tuple[int, ...], width: int = FRAME) -> Bool[np.ndarray, "y x"]:
    """The pixels at the edge of an image."""
    edge = np.ones(shape, bool)
    edge[width:-width, width:-width] = False
    return edge


def robust_variance(pixels: Float[np.ndarray, "band pixel"]) -> Float[np.ndarray, " band"]:
    """(1.4826 median |I - median|)²."""
    return (1.4826 * np.median(np.abs(pixels - np.median(pixels, 1, keepdims=True)), 1)) ** 2


def psf_of(given: np.ndarray | None, said: About, pixel_scale: float) -> np.ndarray | None:
    """The given image, else a Gaussian of the given width; None if the image is zero or the width is 0."""
    if given is not None:
        return given if given.any() else None
    return gaussian_psf(said.fwhm, pixel_scale) if said.fwhm else None


def band_names(said: About, count: int) -> tuple[str, ...]:
    """The file's names of the bands, if their number is that of the image's planes; else band1, band2 and so on, and an
    error if the names are told beside the file."""
    if said.told_bands and len(said.bands) != count:
        raise ValueError(f"{len(said.bands)} names of bands ({', '.join(said.bands)}) for {count} bands")
    return said.bands if len(said.bands) == count else tuple(f"band{place + 1}" for place in range(count))


# Images beside stamps in FITS, by the names of their extensions in upper case.

ANNOTATIONS = {
    "PSF": "psf", "VARIANCE": "variance", "VAR": "variance", "IVAR": "inverse", "WHT": "inverse", "WEIGHT": "inverse",
    "ERR": "sigma", "SIGMA": "sigma", "RMS": "sigma",
}  # fmt: skip
"""Name -> kind: "psf", or one of `NOISES`."""
PASSED_OVER = frozenset({*MASKS, *SEGMENTS, "DQ", "CON", "CTX", "MODEL"})
"""Names of other images that aren't stamps."""


def _inverse(weight: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return 1 / weight


NOISES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "variance": np.asarray, "inverse": _inverse, "sigma": np.square,
}  # fmt: skip
"""Kind of an image of the noise -> its variance. The first one that a file has is used."""


def variance_of(
    image: np.ndarray,
    said: About,
    parts: Mapping[str, np.ndarray],
    row: Mapping[str, float],
    bands: Sequence[str],
) -> np.ndarray:
    """[band] or [band y x] in the file's unit, from an extension, else the catalogue, a keyword or the stamp's edge."""
    for kind, convert in NOISES.items():
        if kind in parts:
            said.check_noise("an extension with the noise")
            found = convert(parts[kind])
            if found.shape[-2:] != image.shape[-2:]:
                raise ValueError(f"noise of {list(found.shape)} pixels beside an image of {list(image.shape)}")
            return np.broadcast_to(found, image.shape) if found.ndim == 2 else found
    columns = [f"variance_{band}" for band in bands]
    if all(name in row for name in columns):
        said.check_noise(f"the columns {', '.join(columns)}")
        return np.array([row[name] for name in columns])
    return said.noise_of(image)


# What is told about a file in `<file>.yaml` next to it, or in `stamps.yaml` in its folder.

OWN, OWN_WITHIN = b"ORIGIN  = 'sciencegen ", 5760
"""Card in the header of FITS files by this program, and the bytes in which it is looked for."""
FURTHER = ("images", "psf", "weights", "keywords", "mask", "use", "sky", "resample")


def changed_at(path: Path) -> tuple[int, ...]:
    """When a file was changed, and what is told beside it, and this process: a cache of open files needs all three. A
    copy of the process has none of its files open."""
    beside = _place_beside(path)
    return os.getpid(), *(one for place in (path, beside) if place is not None for one in version_of(place))


def _is_own(path: Path) -> bool:
    """Whether a FITS file is one that this program wrote, which lacks nothing."""
    try:
        with open(path, "rb") as file:
            return OWN in file.read(OWN_WITHIN)
    except OSError:
        return False


def _place_beside(path: Path) -> Path | None:
    """`stamps.yaml` is for the files of others: it would be applied twice to what was made from them."""
    own, of_folder = path.with_name(f"{path.name}.yaml"), path.with_name("stamps.yaml")
    if own.is_file():
        return own
    return of_folder if of_folder.is_file() and not _is_own(path) else None


def told_beside(path: Path) -> Mapping[str, Any]:
    """Content of `<file>.yaml` or of the folder's `stamps.yaml`, {} if there is neither."""
    beside = _place_beside(path)
    told = {} if beside is None else _told_in(beside, version_of(beside))
    if isinstance(told, ConfigError):
        raise ConfigError(str(told))
    return told


@lru_cache(maxsize=64)
def _told_in(beside: Path, changed: tuple[int, ...]) -> Mapping[str, Any] | ConfigError:
    """The content of a file, or what is wrong with it, which may take seconds to find and is asked for each stamp."""
    from sciencegen.yaml_text import parse_yaml  # on use: it imports yaml

    try:
        content = parse_yaml(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        return ConfigError(f"Expected YAML in {beside}, found something else: {error}.")
    if not isinstance(content, dict):
        return ConfigError(f"Expected keys such as pixel_scale in {beside}, found {str(content)[:60]}.")
    for name, value in content.items():
        if name not in KEYWORDS and name not in FURTHER:
            return unknown_name(f"key in {beside}", str(name), (*KEYWORDS, *FURTHER))
        if expected := _other_kind(name, value):
            return ConfigError(f"Expected {expected} for {name} in {beside}, found {str(value)[:60]}.")
    return content


def _other_kind(name: str, value: Any) -> str:
    """What a key needs instead of a value of this kind; "" if it fits."""
    if name == "keywords":
        fits = isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)
        return "" if fits else "names of keywords, such as {pixel_scale: ARCSECPX},"
    if name in ("bands", "use"):
        fits = isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str | int) for one in value))
        return "" if fits else "names, such as [g, r]," if name == "bands" else "names of bands, such as [r],"
    if name in ("images", "psf", "weights", "unit", "mask"):
        return "" if isinstance(value, str) else "a text"
    if name == "sky":
        return "" if value in ("edge", "none") else "edge or none"
    if name == "resample":
        fits = isinstance(value, dict) and "side" in value and set(value) <= {"side", "pixel_scale"}
        fits = fits and isinstance(value["side"], int) and isinstance(value.get("pixel_scale", 1), int | float)
        return "" if fits else "{side: 64, pixel_scale: 0.1}, in pixels and arcsec,"
    if name == "zero_point" and isinstance(value, list):
        return "" if value and all(isinstance(one, int | float) for one in value) else "a number for each band"
    return "" if isinstance(value, str | int | float) else "a number"
