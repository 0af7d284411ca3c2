"""A small survey's image with known sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

SCALE, SIGMA, HEIGHT, WIDTH = 0.2, 1.5, 300, 420
SOURCES = (
    (100.0, 80.0, 900.0),
    (116.0, 84.0, 700.0),
    (300.5, 200.25, 1500.0),
    (4.0, 150.0, 800.0),
    (350.0, 60.0, 600.0),
)
"""x and y from 0, and flux in nJy; the second is a neighbour of the first."""


def sky_header() -> fits.Header:
    found = WCS(naxis=2)
    found.wcs.ctype, found.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
    found.wcs.crval, found.wcs.crpix = [150.1, -2.2], [WIDTH / 2, HEIGHT / 2]
    found.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    header = found.to_header()
    header["BUNIT"], header["FILTER"] = "nJy", "r"
    return header


def light() -> np.ndarray:
    """[y x] without noise: round Gaussians with sigma of two pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return sum(
        flux * np.exp(-((x - across) ** 2 + (y - along) ** 2) / 8) / (8 * np.pi) for across, along, flux in SOURCES
    )


def field(seed: int = 0) -> np.ndarray:
    return light() + np.random.default_rng(seed).normal(0, SIGMA, (HEIGHT, WIDTH))


def write_field(path: Path, *more: fits.ImageHDU, image: np.ndarray | None = None) -> Path:
    hdus = [fits.PrimaryHDU(header=None), fits.ImageHDU(field() if image is None else image, sky_header(), name="SCI")]
    fits.HDUList([*hdus, *more]).writeto(path)
    return path


def positions(first: int = 1) -> str:
    rows = "".join(f"s{number},{x + first},{y + first},{flux}\n" for number, (x, y, flux) in enumerate(SOURCES))
    return "id,x,y,true_flux\n" + rows
