"""A survey's image in FITS, of which parts are read: it may be larger than memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.data.damage import reading
from sciencegen.domains.galaxies.annotations import ANNOTATIONS, PASSED_OVER
from sciencegen.domains.galaxies.beside import told_beside
from sciencegen.domains.galaxies.fits_files import ENDINGS, open_whole
from sciencegen.domains.galaxies.headers import About, about, band_names
from sciencegen.domains.galaxies.masks import MASKS, SEGMENTS
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import found_at
from sciencegen.items import Refusal

if TYPE_CHECKING:  # astropy takes most of a second to import
    from astropy.wcs import WCS


TIE = 1e-3
"""Pixels by which two distances are taken as equal."""


class Section(Protocol):
    """Parts of an image on the disk."""

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray: ...


class ImageHDU(Protocol):
    """An image in FITS as astropy gives it."""

    name: str
    ver: int
    is_image: bool
    shape: tuple[int, ...]
    header: Mapping[str, object]
    data: np.ndarray
    section: Section


@dataclass(frozen=True)
class Window:
    """Rows and columns of a square in an image, some of which may lie outside: top, left, side."""

    top: int
    left: int
    side: int

    @classmethod
    def around(cls, x: float, y: float, side: int) -> Window:
        """The square whose middle is nearest to a position, in pixels from 0; the upper one of two that are as near."""
        half = (side - 1) / 2 - 0.5 - TIE
        return cls(math.floor(y - half), math.floor(x - half), side)

    def within(self, height: int, width: int) -> tuple[slice, slice]:
        """The part that lies in an image."""
        rows = slice(min(max(self.top, 0), height), max(min(self.top + self.side, height), 0))
        columns = slice(min(max(self.left, 0), width), max(min(self.left + self.side, width), 0))
        return rows, columns


class SurveyImage:
    """An open file: its image [y x] or [band y x], and the maps that belong to it, read in parts."""

    def __init__(self, path: Path, extension: str | None = None) -> None:
        if not path.is_file():
            raise DataError(f"Expected an image at {path}, found {found_at(path)}.")
        if not path.name.lower().endswith(ENDINGS):
            raise DataError(f"Expected an image in FITS ({', '.join(ENDINGS)}), got {path.name}.")
        self.path, self.hdus = path, open_whole(path)
        self.hdu, self.is_only = _image_of(self.hdus, extension, path)
        header = {**self.hdus[0].header, **self.hdu.header}
        overrides = told_beside(path)
        found = about(header, overrides)
        if isinstance(found, Refusal):
            raise DataError(f"Expected an image with unit and pixel scale in {path}, found that {found.reason}.")
        self.about: About = found
        self.bands = band_names(found, self.shape[0])
        self.mask = str(overrides.get("mask", "")).upper()

    @property
    def shape(self) -> tuple[int, int, int]:
        """[band y x]."""
        sides = tuple(map(int, self.hdu.shape))
        return (1, *sides) if len(sides) == 2 else (sides[0], sides[1], sides[2])

    def image(self, window: Window) -> tuple[Float[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]:
        """A part, and its pixels that lie in the image; the others are 0."""
        return read_part(self.hdu, window)

    def beside(self, names: Sequence[str]) -> ImageHDU | None:
        """The HDU of the same shape with one of these names that belongs to the image, None if there is none."""
        named = (hdu for hdu in self._own if hdu.name.upper() in names)
        return next((hdu for hdu in named if hdu.shape[-2:] == self.shape[1:]), None)

    @property
    def _own(self) -> Iterator[ImageHDU]:
        """The image HDUs that belong to the image: of several images in a file, those of the same EXTVER."""
        images = (hdu for hdu in self.hdus if getattr(hdu, "is_image", False))
        return (hdu for hdu in images if self.is_only or hdu.ver == self.hdu.ver)

    def noise(self) -> tuple[str, ImageHDU] | None:
        """Kind ("variance", "inverse", "sigma") and HDU of a map of the noise."""
        for name, kind in ANNOTATIONS.items():
            if kind != "psf" and (hdu := self.beside((name,))) is not None:
                return kind, hdu
        return None

    def psf(self) -> np.ndarray | None:
        """The image of the PSF in an extension."""
        found = (hdu for hdu in self._own if hdu.name.upper() == "PSF" and len(hdu.shape) in (2, 3))
        hdu = next(found, None)
        return None if hdu is None else np.asarray(hdu.data, np.float64)

    def masks(self) -> ImageHDU | None:
        """The mask that is told beside the file, else one with a usual name; a map of segments is none."""
        return self.beside(() if self.mask in SEGMENTS else (self.mask,) if self.mask else MASKS)

    def segments(self) -> ImageHDU | None:
        return self.beside(SEGMENTS)

    def pixel_of(self, ra: float, dec: float) -> tuple[float, float] | Refusal:
        """Pixels (x, y) from 0 of a position on the sky."""
        from astropy.wcs import NoConvergence

        try:
            x, y = self._wcs.all_world2pix(ra, dec, 0)
        except (NoConvergence, ValueError) as error:
            return Refusal(f"the image's WCS has no pixel for {ra}, {dec} ({str(error).splitlines()[0]})")
        if not np.isfinite(x) or not np.isfinite(y):
            return Refusal(f"the image's WCS has no pixel for {ra}, {dec}")
        return float(x), float(y)

    def check_sky(self) -> None:
        """Raise a DataError without a WCS."""
        if not self._wcs.has_celestial:
            raise DataError(f"Expected a WCS in {self.path} for positions on the sky, found none. Give x and y.")

    @cached_property
    def _wcs(self) -> WCS:
        from astropy.wcs import WCS, FITSFixedWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            return WCS(self.hdu.header).celestial


def read_part(hdu: ImageHDU, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """A window [band y x] of an image HDU, and its pixels [y x] that lie in the image; the others are 0."""
    rows, columns = window.within(*map(int, hdu.shape[-2:]))
    leading = () if len(hdu.shape) == 2 else (slice(None),)
    part = np.asarray(hdu.section[(*leading, rows, columns)], np.float64) if rows.stop > rows.start else np.empty(0)
    bands = 1 if len(hdu.shape) == 2 else int(hdu.shape[0])
    image, inside = np.zeros((bands, window.side, window.side)), np.zeros((window.side, window.side), bool)
    if part.size:
        place = (
            slice(rows.start - window.top, rows.stop - window.top),
            slice(columns.start - window.left, columns.stop - window.left),
        )
        image[(slice(None), *place)] = part
        inside[place] = True
    return image, inside


def _first_image(path: str, what: str) -> ImageHDU | None:
    """The first image HDU of the file of a setting, None without one."""
    place = Path(path)
    if not place.is_file():
        raise ConfigError(f"Expected a file for `{what}` at {path}, found {found_at(place)}.")
    return next((hdu for hdu in open_whole(place) if hdu.is_image and len(hdu.shape) in (2, 3)), None)


def read_psf(path: str) -> Float[np.ndarray, "*band y x"]:
    """The image of a PSF in a file."""
    found = _first_image(path, "psf")
    if found is None:
        raise DataError(f"Expected the image of a PSF [y x] or [band y x] in {path}, found none.")
    with reading("whole pixels", path):
        return np.asarray(found.data, np.float64)


def open_map(path: str, shape: tuple[int, int, int], what: str) -> ImageHDU:
    """The first image HDU of a file, which has as many pixels as the survey's image."""
    found = _first_image(path, what)
    if found is None or found.shape[-2:] != shape[1:]:
        got = "no image" if found is None else f"{list(found.shape)}"
        raise DataError(f"Expected pixels {list(shape[1:])} in {path}, as in the image, found {got}.")
    return found


def _image_of(hdus: Iterable[ImageHDU], extension: str | None, path: Path) -> tuple[ImageHDU, bool]:
    """The HDU that is the image, and whether it is the only one."""
    found = [
        (number, hdu)
        for number, hdu in enumerate(hdus)
        if getattr(hdu, "is_image", False) and len(hdu.shape) in (2, 3) and min(hdu.shape) >= 1
    ]
    images = [(number, hdu) for number, hdu in found if hdu.name.upper() not in (*ANNOTATIONS, *PASSED_OVER)]
    only = len(images) == 1
    if extension is not None:
        named = [hdu for number, hdu in found if extension.upper() in (hdu.name.upper(), str(number))]
    else:
        named = [hdu for _, hdu in images if hdu.name.upper() == "SCI"] or [hdu for _, hdu in images]
    if named:
        return named[0], only
    listed = ", ".join(f"{number} {hdu.name}".strip() for number, hdu in images) or "none"
    wanted = "an image" if extension is None else f"the image {extension}"
    raise DataError(f"Expected {wanted} [y x] or [band y x] in {path}, found {listed}.")
