"""Stamps written as FITS: one cube that DS9, astropy and pipelines read, with its catalogue."""

from __future__ import annotations

import gzip
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.domains.galaxies.encoded_stamps import per_band, same_side
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.properties import PROPERTIES
from sciencegen.domains.galaxies.provenance import history, provenance
from sciencegen.domains.galaxies.sersic_fit import FITTED
from sciencegen.errors import ConfigError
from sciencegen.files import atomic_write
from sciencegen.items import Cell, Origin

if TYPE_CHECKING:  # astropy takes most of a second to import
    from astropy.io.fits import HDUList

SUFFIXES = ("_lower", "_upper")
"""Ends of a predictor's interval, in the unit of what it predicts."""


def write(
    path: Path, stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """A cube of stamps [n y x], or [n band y x], with the cubes PSF, VARIANCE and MASK where stamps have them, and a
    table CATALOG: id, the columns given, pixel_scale, psf_fwhm and variance_<band> of each. The header says how the
    stamps came to be; no time of day is written."""
    check_alike(path, stamps)
    hdus = hdu_list(stamps, names, values, origin)
    with atomic_write(path, "wb") as sink:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile("", "wb", 6, sink, mtime=0) as packed:
                hdus.writeto(packed)
        else:
            hdus.writeto(sink)


def hdu_list(
    stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]], origin: Origin | None = None
) -> HDUList:
    """What `write` writes, in memory. The stamps have one shape and the same bands."""
    from astropy.io import fits

    hdus = fits.HDUList([fits.PrimaryHDU(_cube(stamps), _header(stamps, origin))] if stamps else [fits.PrimaryHDU()])
    if any(stamp.psf is not None for stamp in stamps):
        hdus.append(fits.ImageHDU(same_side([stamp.psf for stamp in stamps]), name="PSF"))
    if mapped(stamps):
        maps = variance_cube(stamps)
        hdus.append(fits.ImageHDU(maps.squeeze(1) if maps.shape[1] == 1 else maps, name="VARIANCE"))
        hdus[-1].header["BUNIT"] = "nJy2"
    if any(stamp.mask is not None for stamp in stamps):
        hdus.append(fits.ImageHDU(mask_cube(stamps), name="MASK"))
    if stamps:
        hdus.append(_table(stamps, names, values))
    return hdus


def check_alike(path: Path, stamps: Sequence[Stamp]) -> None:
    """A cube holds stamps of one shape in the same bands."""
    shapes = {(stamp.image.shape, stamp.bands) for stamp in stamps}
    if len(shapes) > 1:
        found = ", ".join(sorted(f"{list(shape)} of {'/'.join(bands)}" for shape, bands in shapes))
        raise ConfigError(f"Expected stamps of one shape and the same bands for {path}, got {found}. Write them apart.")


def _cube(stamps: Sequence[Stamp]) -> np.ndarray:
    cube = np.stack([stamp.image for stamp in stamps]).astype(np.float32)
    return cube[:, 0] if cube.shape[1] == 1 else cube


def mapped(stamps: Sequence[Stamp]) -> bool:
    """Whether noise differs within a stamp."""
    return any(stamp.variance.ndim > 1 for stamp in stamps)


def variance_cube(stamps: Sequence[Stamp]) -> np.ndarray:
    """[n band y x]: the noise variance of each pixel."""
    return np.stack([np.broadcast_to(per_band(stamp.variance), stamp.image.shape) for stamp in stamps])


def mask_cube(stamps: Sequence[Stamp]) -> np.ndarray:
    """[n y x] uint8: 1 where a pixel is masked."""
    nothing = np.zeros(stamps[0].image.shape[1:], bool)
    return np.stack([nothing if stamp.mask is None else stamp.mask for stamp in stamps]).astype(np.uint8)


def _header(stamps: Sequence[Stamp], origin: Origin | None) -> Any:
    from astropy.io import fits

    scale, header = stamps[0].pixel_scale, fits.Header()
    header["BUNIT"] = ("nJy", "in a pixel; AB magnitude of 1: 31.4")
    header["MAGZERO"] = (31.4, "AB magnitude of 1")
    header["BANDS"] = ",".join(stamps[0].bands)
    header["PIXSCALE"] = (scale, "[arcsec] of the first stamp; all: CATALOG")
    for axis in (1, 2):
        header[f"CTYPE{axis}"] = ("LINEAR", "a stamp has no place on the sky")
        header[f"CUNIT{axis}"] = "deg"
        header[f"CRPIX{axis}"] = (stamps[0].side + 1) / 2
        header[f"CRVAL{axis}"] = 0.0
        header[f"CD{axis}_{axis}"] = (scale / 3600, "[deg]")
    last = 3 + (len(stamps[0].bands) > 1)
    for axis in range(3, last + 1):
        header[f"CD{axis}_{axis}"] = 1.0
    header[f"CTYPE{last}"] = ("STAMP", "row of CATALOG")
    for keyword, card in provenance(origin).items():
        header[keyword] = card
    for line in history(origin):
        header["HISTORY"] = line
    noise_free, sharp = all(one.noise_free for one in stamps), all(one.psf is None for one in stamps)
    where = "CATALOG, as a map in VARIANCE" if mapped(stamps) else "CATALOG"
    header["COMMENT"] = "Noise: none." if noise_free else f"Noise: variance (nJy2) in {where}."
    header["COMMENT"] = "PSF: none." if sharp else "PSF: of each stamp in PSF, without the pixel's response."
    return header


def _table(stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]]) -> Any:
    from astropy.io import fits

    columns = [_column("id", [str(name) for name in names])]
    columns += [_column(name, list(cells)) for name, cells in values.items()]
    taken = {column.name for column in columns}
    own = {"pixel_scale": [stamp.pixel_scale for stamp in stamps], "psf_fwhm": [psf_fwhm(stamp) for stamp in stamps]}
    for place, band in enumerate(stamps[0].bands):
        own[f"variance_{band}"] = [float(np.mean(stamp.variance[place], dtype=np.float64)) for stamp in stamps]
    columns += [_column(name, cells) for name, cells in own.items() if name not in taken]
    return fits.BinTableHDU.from_columns(columns, name="CATALOG")


def _column(name: str, cells: list[Cell]) -> Any:
    """Numbers as doubles, missing ones as NaN, with the unit of what is known by this name; else ASCII text."""
    from astropy.io import fits

    numbers = all(cell is None or isinstance(cell, (bool, int, float, np.number, np.bool_)) for cell in cells)
    if numbers:
        array = np.array([math.nan if cell is None else float(cell) for cell in cells])
        return fits.Column(name, "D", unit=_unit(name), array=array)
    texts = [("" if cell is None else str(cell)).encode("ascii", "replace").decode() for cell in cells]
    return fits.Column(name, f"{max(1, *map(len, texts))}A", array=np.array(texts, dtype=str))


def _unit(name: str) -> str | None:
    """As FITS writes it; None for a pure number and for what isn't known here."""
    known = {one.name: one.unit for one in PROPERTIES.values()} | {one: unit for one, (_, unit) in FITTED.items()}
    known |= {"pixel_scale": "arcsec", "psf_fwhm": "arcsec"}
    plain = next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
    return "nJy2" if plain.startswith("variance_") else known.get(plain) or None


def psf_fwhm(stamp: Stamp) -> float:
    """arcsec: twice the radius at which the PSF's mean profile falls to half; ln of it is taken as linear in r² between
    two radii, as a Gaussian's is. 0 without a PSF."""
    psf = stamp.psf_of(0)
    if psf is None:
        return 0.0
    half = len(psf) // 2
    r2 = np.add.outer(np.arange(-half, half + 1) ** 2, np.arange(-half, half + 1) ** 2).ravel()
    radii2, ring = np.unique(r2, return_inverse=True)
    profile = np.bincount(ring, psf.ravel().astype(np.float64)) / np.bincount(ring)
    below = int(np.argmax(profile <= profile[0] / 2))
    if below == 0 or profile[below] <= 0:
        return math.nan
    high, low = np.log(profile[below - 1 : below + 1] / profile[0])
    part = (high + math.log(2)) / (high - low)
    return 2 * stamp.pixel_scale * math.sqrt(radii2[below - 1] + part * (radii2[below] - radii2[below - 1]))
