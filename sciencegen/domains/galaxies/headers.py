"""Reads metadata of stamps: unit, pixel scale, PSF, noise, bands. Sources are FITS keywords, attributes of HDF5 and
Zarr, or a YAML file.

Names are case-insensitive; the first one found is used (`KEYWORDS`). `<file>.yaml` next to a file, or `stamps.yaml` in
its folder, adds missing metadata and overrides the file's:

    pixel_scale: 0.168          # arcsec
    zero_point: 27.0            # AB magnitude of 1 in the file's unit; or unit: nJy, uJy, Jy, MJy/sr, nanomaggy
    psf_fwhm: 0.6               # arcsec, a round Gaussian; if the file has no PSF images
    sigma: 0.02                 # noise in the file's unit; or variance; 0: noise-free
    saturation: 60000           # in the file's unit
    bands: [g, r, i]
    images: cutouts             # name of the data set in HDF5, Zarr or .npz
    keywords: {pixel_scale: ARCSECPX}
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.domains.galaxies.items import flux_of
from sciencegen.errors import ConfigError, unknown_name
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
FRAME = 3
"""Width in pixels of the edge of a stamp from which its noise is estimated if it isn't given."""
FURTHER = ("images", "keywords")
SQUARE = 0.01
"""Relative tolerance for the sides of a square pixel."""
_DEGREE = 3600.0


@dataclass(frozen=True)
class About:
    """Metadata of stamps. factor: nJy in the file's unit, per arcsec² if is_surface (a unit of surface brightness).
    pixel_scale, fwhm: arcsec. variance: in the file's unit squared, None if unknown. bands: () if unknown. saturation:
    in the file's unit."""

    factor: float
    pixel_scale: float
    bands: tuple[str, ...] = ()
    fwhm: float | None = None
    variance: float | None = None
    saturation: float = math.inf
    is_surface: bool = False

    def nanojansky(self, pixel_scale: float) -> float:
        """Nanojansky in the file's unit, for a pixel of this scale."""
        return self.factor * pixel_scale**2 if self.is_surface else self.factor


def about(header: Mapping[str, Any], overrides: Mapping[str, Any]) -> About | Refusal:
    """Metadata of a header, replaced by `overrides` (from a YAML file); a Refusal if required metadata are missing."""
    plain = {str(key).upper(): value for key, value in header.items()}
    own = overrides.get("keywords", {})
    said = {name: overrides.get(name, _first(plain, (own.get(name, ""), *keys))) for name, keys in KEYWORDS.items()}
    try:
        factor, is_surface = _factor(said, plain, "zero_point" in overrides and "unit" not in overrides)
        pixel_scale = _pixel_scale(said["pixel_scale"], plain)
        sigma, variance = _number(said["sigma"]), _number(said["variance"])
        fwhm, saturation = _number(said["psf_fwhm"]), _number(said["saturation"])
        if variance is None and sigma is not None:
            variance = sigma**2
    except (TypeError, ValueError, OverflowError) as error:
        return Refusal(f"a keyword of the header is no number ({error})")
    lacking = []
    if factor is None:
        known = f"the unit '{said['unit']}' isn't one of flux" if said["unit"] else "there is no unit"
        lacking.append(
            f"{known} and no zero point is given: add BUNIT = 'nJy' or MAGZERO, or 'unit: nJy' in stamps.yaml"
        )
    if pixel_scale is None:
        lacking.append("no pixel scale is given: add PIXSCALE (arcsec) or a WCS, or 'pixel_scale: 0.1' in stamps.yaml")
    if lacking or factor is None or pixel_scale is None:
        return Refusal("; ".join(lacking))
    if isinstance(pixel_scale, Refusal):
        return pixel_scale
    limit = math.inf if saturation is None else saturation
    return About(factor, pixel_scale, _bands(said["bands"]), fwhm, variance, limit, is_surface)


def _first(header: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((header[key.upper()] for key in keys if key and _is_given(header.get(key.upper()))), None)


def _is_given(value: Any) -> bool:
    return value is not None and not (isinstance(value, str | bytes) and not value)


def _number(value: Any) -> float | None:
    return None if value is None else float(np.asarray(value).reshape(()))


def _factor(said: Mapping[str, Any], header: Mapping[str, Any], by_zero_point: bool) -> tuple[float | None, bool]:
    """Factor from the unit to nJy, or None, and whether it is per arcsec². From a unit of flux or of surface brightness
    (JWST's MJy/sr), else a zero point, else HST's PHOTFLAM and PHOTPLAM. by_zero_point: ignore the unit."""
    unit = "" if by_zero_point else _plain(said["unit"])
    if unit.lower() in NANOJANSKY and not unit.startswith("MJ"):  # MJy is a megajansky, not a millijansky
        return NANOJANSKY[unit.lower()], False
    for wanted, is_surface in (("nJy", False), ("nJy/arcsec2", True)):
        if (found := _converted("MJy/sr" if unit == "MJY/SR" else unit, wanted)) is not None:
            return found, is_surface
    zero_point = _number(said["zero_point"])
    if zero_point is None and header.get("PHOTFLAM") and header.get("PHOTPLAM"):
        zero_point = -2.5 * math.log10(header["PHOTFLAM"]) - 5 * math.log10(header["PHOTPLAM"]) - 2.408
    return (None if zero_point is None else float(flux_of(zero_point))), False


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


def changed_at(path: Path) -> tuple[int, ...]:
    """When a file was changed, and what is told beside it: a cache of what was read needs both."""
    beside = _place_beside(path)
    return tuple(place.stat().st_mtime_ns for place in (path, beside) if place is not None)


def _place_beside(path: Path) -> Path | None:
    names = (f"{path.name}.yaml", "stamps.yaml")
    return next((place for name in names if (place := path.with_name(name)).is_file()), None)


def told_beside(path: Path) -> Mapping[str, Any]:
    """Content of `<file>.yaml` or of the folder's `stamps.yaml`, {} if there is neither."""
    beside = _place_beside(path)
    told = {} if beside is None else _told_in(beside, beside.stat().st_mtime_ns)
    if isinstance(told, ConfigError):
        raise ConfigError(str(told))
    return told


@lru_cache(maxsize=64)
def _told_in(beside: Path, changed: int) -> Mapping[str, Any] | ConfigError:
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
    if name == "bands":
        fits = isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str | int) for one in value))
        return "" if fits else "names, such as [g, r],"
    if name in ("images", "unit"):
        return "" if isinstance(value, str) else "a text"
    return "" if isinstance(value, str | int | float) else "a number"


def gaussian_psf(fwhm: float, pixel_scale: float) -> np.ndarray:
    """[y x] a round Gaussian with sum 1, four FWHM to each side."""
    half = max(2, min(math.ceil(4 * fwhm / pixel_scale), 40))
    r2 = np.arange(-half, half + 1) ** 2 + (np.arange(-half, half + 1) ** 2)[:, None]
    psf = np.exp(-4 * math.log(2) * r2 * (pixel_scale / fwhm) ** 2)
    return (psf / psf.sum()).astype(np.float32)


def frame_variance(image: np.ndarray) -> np.ndarray:
    """[band] squared robust scatter of the pixels at the stamp's edge: (1.4826 median |I - median|)²."""
    edge = np.ones(image.shape[1:], bool)
    edge[FRAME:-FRAME, FRAME:-FRAME] = False
    pixels = image[:, edge]
    return (1.4826 * np.median(np.abs(pixels - np.median(pixels, 1, keepdims=True)), 1)) ** 2
