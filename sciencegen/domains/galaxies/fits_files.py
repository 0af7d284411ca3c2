"""Reads FITS: stamps as images, cubes and extensions, plain or compressed, with their catalogue.

A two-dimensional image is a stamp. A cube is a stack of stamps [n y x], unless its header names as many bands as it has
planes (BANDS = 'g,r,i'): then it is one stamp; four dimensions are [n band y x]. Extensions called PSF, VARIANCE (or
VAR), IVAR (WHT, WEIGHT), ERR (SIGMA, RMS), MASK and SEG belong to the image of the same EXTVER or to the only image. A
table with as many rows as there are stamps is their catalogue. If any image is called SCI, only images of this name are
read."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.data.damage import check_claim, reading
from sciencegen.domains.galaxies.annotations import ANNOTATIONS, PASSED_OVER, variance_of
from sciencegen.domains.galaxies.beside import changed_at, told_beside
from sciencegen.domains.galaxies.fits_layout import Extent, check_whole, first_bytes, read_layout
from sciencegen.domains.galaxies.headers import About, about, band_names, psf_of, saturated
from sciencegen.domains.galaxies.items import Stamp, shape_problem
from sciencegen.domains.galaxies.masks import MASKS, SEGMENTS, hidden_pixels
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal, Row

ENDINGS = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz", ".fz")
SCIENCE = "SCI"
"""Name of images from HST and JWST; other images in these files, such as VAR_POISSON or AREA, aren't stamps."""
NAMES = ("id", "name", "object", "ident")
"""Columns of a catalogue that name its stamps."""
OWN = re.compile("pixel_scale|psf_fwhm|variance_.+")
"""Columns of a catalogue that are part of the stamps."""


class FitsFile:
    """An open file, or HDUs in memory: the HDUs with stamps, their catalogue and their headers, each read once. Stacks
    are read plane by plane, without memory maps, which don't work for scaled integers.

    path: of the file, for what is told about it in a file next to it; None for HDUs in memory. mask: name of the HDU
    that is told to be the mask, "" for the usual ones. images: number of the HDU -> number of stamps in its stack, None
    for a single stamp.
    """

    def __init__(self, hdus: Any, path: Path | None = None) -> None:
        self.hdus, self.path, self.mask = hdus, path, "" if path is None else _mask_name(path)
        self.images = _images(hdus, self.mask)
        self._about: dict[int, About | Refusal] = {}

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def places(self) -> list[tuple[int, int | None]]:
        """For each stamp in order: the HDU, and the index in its stack, None for a single stamp."""
        return [(hdu, None if size is None else at) for hdu, size in self.images.items() for at in range(size or 1)]

    @cached_property
    def catalogue(self) -> tuple[list[str] | None, dict[str, np.ndarray]]:
        """Names and numeric columns of the first table with a row for each stamp."""
        tables = (hdu for hdu in self.hdus if hdu.__class__.__name__ == "BinTableHDU")
        table = next((hdu for hdu in tables if hdu.header["NAXIS2"] == len(self)), None)
        if table is None:
            return None, {}
        data = table.data
        named = next((name for name in data.names if name.lower() in NAMES), None)
        names = None if named is None else [str(cell).strip() for cell in data[named]]
        numbers = [one for one in data.names if data[one].ndim == 1 and data[one].dtype.kind in "iufb" and one != named]
        return names, {name: np.asarray(data[name], np.float64) for name in numbers}

    def about(self, number: int) -> About | Refusal:
        if number not in self._about:
            header = {**self.hdus[0].header, **self.hdus[number].header}
            if "pixel_scale" in self.catalogue[1]:
                header.setdefault("PIXSCALE", 1.0)  # replaced by each stamp's own
            self._about[number] = about(header, {} if self.path is None else told_beside(self.path))
        return self._about[number]

    def beside(self, number: int, names: Collection[str]) -> list[Any]:
        """The image HDUs with one of these names that belong to an image."""
        version, alone = self.hdus[number].ver, len(self.images) == 1
        return [
            hdu
            for hdu in self.hdus
            if hdu.name.upper() in names and getattr(hdu, "is_image", False) and (alone or hdu.ver == version)
        ]

    def stamp(self, row: int) -> Stamp | Refusal:
        """The stamp with this number, not yet standardized."""
        number, plane = self.places[row]
        said, hdu = self.about(number), self.hdus[number]
        if isinstance(said, Refusal):
            return said
        shape = hdu.shape[plane is not None :]
        if reason := shape_problem((1, *shape) if len(shape) == 2 else shape):
            return Refusal(reason)
        image = _plane(hdu, plane)
        image = image[None] if image.ndim == 2 else image
        if reason := saturated(image, said):
            return Refusal(reason)
        names, columns = self.catalogue
        own = {name: float(cells[row]) for name, cells in columns.items() if OWN.fullmatch(name)}
        pixel_scale = own.get("pixel_scale", said.pixel_scale)
        parts = {ANNOTATIONS[one.name.upper()]: _plane(one, plane) for one in self.beside(number, ANNOTATIONS)}
        bands, mask = band_names(said, len(image)), self._mask(number, plane)
        variance = variance_of(image, said, parts, own, bands)
        image, variance = said.nanojansky(image, variance, pixel_scale)
        name = names[row] if names is not None else str(hdu.header.get("OBJECT", ""))
        psf = psf_of(parts.get("psf"), said, pixel_scale)
        return Stamp(image, pixel_scale, psf, variance, bands, name, mask=mask)

    def _mask(self, number: int, plane: int | None) -> np.ndarray | None:
        """The masked pixels [y x] of an image, by extensions of integers with the told or a usual name."""
        names = (self.mask,) if self.mask else (*MASKS, *SEGMENTS)
        found = [
            hidden_pixels(_plane(hdu, plane), hdu.name)
            for hdu in self.beside(number, names)
            if len(hdu.shape) > 1 and hdu.header["BITPIX"] > 0
        ]
        return np.any(found, 0) if found else None


@lru_cache(maxsize=4)
def _opened(path: Path, changed: tuple[int, ...]) -> FitsFile:
    layout = read_layout(path)
    if layout.problem:
        whole = _count_whole(path, layout.extents) if layout.extents else 0
        raise DataError(
            f"Expected a FITS file at {path}, found {layout.problem}; {whole} of its stamps are whole. Get it again."
        )
    with reading("a FITS file", path):
        return FitsFile(_whole(path, layout.extents), path)


def open_whole(path: Path) -> Any:
    """The HDUs of a file of which each byte is there and each header can be read; else a DataError."""
    extents = check_whole(path)
    with reading("a FITS file", path):
        return _whole(path, extents)


def _whole(path: Path, extents: Sequence[Extent]) -> Any:
    hdus = _open(path, len(extents))
    _check_claims(hdus, path)
    return hdus


def opened(path: Path) -> FitsFile:
    """Open a file; it is cached for the next stamp."""
    return _opened(path, changed_at(path))


def rows(path: Path) -> Iterator[Row]:
    """Each stamp of a file as a reference, without reading pixels; numbers in the catalogue are the rows' values."""
    file = opened(path)
    if not file.images:
        found = [f"{one.name or 'PRIMARY'} {list(one.shape)}" for one in file.hdus if getattr(one, "is_image", False)]
        raise DataError(f"Expected images of two to four dimensions in {path}, found {', '.join(found) or 'none'}.")
    names, columns = file.catalogue
    columns = {name: cells for name, cells in columns.items() if not OWN.fullmatch(name)}
    for row, (hdu, _) in enumerate(file.places):
        values = {name: float(cells[row]) for name, cells in columns.items() if math.isfinite(cells[row])}
        name = names[row] if names is not None else str(file.hdus[hdu].header.get("OBJECT", ""))
        yield Row(row + 1, f"{path}[{row}]", values, name)


def _mask_name(path: Path) -> str:
    """The name of the mask that is told beside a file; what is wrong there is the refusal of each stamp."""
    with suppress(ConfigError):
        return str(told_beside(path).get("mask", "")).upper()
    return ""


def _images(hdus: Any, mask: str = "") -> dict[int, int | None]:
    """Number of each HDU with stamps -> number of stamps in its stack, None for a single stamp. mask: name of the one
    that is the mask, "" for the usual names."""
    images = {number: hdu for number, hdu in enumerate(hdus) if _is_image(hdu, mask)}
    science = {number: hdu for number, hdu in images.items() if hdu.name.upper() == SCIENCE}
    return {number: _stack_size(hdu) for number, hdu in (science or images).items()}


def _open(source: Path | io.BytesIO, count: int) -> Any:
    """Open a file of so many HDUs. Each is looked at before the next, since astropy may read a damaged one again
    and again."""
    from astropy.io import fits

    hdus = fits.open(source, memmap=False, lazy_load_hdus=True, ignore_missing_simple=False)
    for number in range(count):
        with suppress(IndexError):
            if hdus[number].__class__.__name__ != "_CorruptedHDU":
                continue
        raise ValueError(f"{number} of its {count} HDUs can be read")
    if len(hdus) != count:
        raise ValueError(f"{len(hdus)} HDUs, where its headers announce {count}")
    return hdus


def _check_claims(hdus: Any, path: Path) -> None:
    """Raise a DataError if an image claims more pixels than its bytes in the file, compressed or not, can hold."""
    for hdu in hdus:
        if getattr(hdu, "is_image", False) and hdu.shape:
            size = math.prod(hdu.shape) * abs(int(hdu.header["BITPIX"])) // 8
            check_claim(path, hdu.shape[0], size, hdu.fileinfo()["datSpan"])


def _count_whole(path: Path, extents: Sequence[Extent]) -> int:
    """Number of stamps before the damage of a file, 0 if these can't be read either."""
    content = io.BytesIO(first_bytes(path, extents[-1].start + extents[-1].present))
    with suppress(Exception), warnings.catch_warnings():  # the error is raised anyway
        warnings.simplefilter("ignore")
        with _open(content, len(extents)) as hdus:
            return sum(_whole_of(extents[number], size or 1) for number, size in _images(hdus).items())
    return 0


def _whole_of(extent: Extent, count: int) -> int:
    """How many of the stamps of an HDU are present."""
    return count * extent.present // max(extent.announced, 1)


def _is_image(hdu: Any, mask: str) -> bool:
    two = getattr(hdu, "is_image", False) and len(hdu.shape) in (2, 3, 4) and min(hdu.shape) > 0
    name = hdu.name.upper()
    return bool(two and name not in ANNOTATIONS and name not in PASSED_OVER and (not mask or name != mask))


def _stack_size(hdu: Any) -> int | None:
    """Number of stamps in the stack of an image HDU, None for a single stamp."""
    shape, bands = hdu.shape, [one for one in str(hdu.header.get("BANDS", "")).split(",") if one.strip()]
    if len(shape) == 2 or (len(shape) == 3 and (shape[0] == len(bands) > 1 or hdu.header.get("CTYPE3", "") == "BAND")):
        return None
    return int(shape[0])


def stamp_at(path: Path, row: int) -> Stamp | Refusal:
    """The stamp `file.fits[row]`, not yet standardized."""
    return opened(path).stamp(row)


def _plane(hdu: Any, plane: int | None) -> np.ndarray:
    stack = hdu.data if hdu.fileinfo() is None else hdu.section  # of HDUs in memory, or in a file
    data = stack[plane] if plane is not None and len(hdu.shape) > 2 else hdu.data
    return np.asarray(data, np.float64)  # native, regardless of the file's type and byte order
