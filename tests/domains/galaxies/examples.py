"""Stamps with known light."""

from __future__ import annotations

import galsim
import numpy as np

from sciencegen.domains.galaxies.items import Stamp

SCALE = 0.1


def stamp(image: np.ndarray, variance: float = 0.0, **fields) -> Stamp:
    """A stamp of one band."""
    image = np.asarray(image, np.float64)[None]
    values = {"pixel_scale": SCALE, "psf": None, "bands": ("r",)} | fields
    return Stamp(image=image, variance=np.full(1, variance), **values)


def sersic(
    index: float, radius: float, g1: float = 0.0, g2: float = 0.0, flux: float = 1000.0, side: int = 64,
    shift: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:  # fmt: skip
    """[y x] a profile whose half-light radius is given in pixels, averaged over each pixel by 9 × 9 samples."""
    profile = galsim.Sersic(index, half_light_radius=radius, flux=flux).shear(g1=g1, g2=g2).shift(*shift)
    fine = profile.drawImage(nx=9 * side, ny=9 * side, scale=1 / 9, method="no_pixel", dtype=float).array
    return fine.reshape(side, 9, side, 9).sum((1, 3))


def exact_half_light_radius(index: float, radius: float, edge: float) -> float:
    """The radius (pixels) with half of the flux within `edge` of a round Sérsic profile."""
    profile = galsim.Sersic(index, half_light_radius=radius)
    radii = np.linspace(0, edge, 20001)
    middles = (radii[1:] + radii[:-1]) / 2
    light = np.array([profile.xValue(r, 0) for r in middles]) * middles
    grown = np.cumsum(light)
    return float(np.interp(grown[-1] / 2, grown, radii[1:]))
