"""Presets of surveys: pixel scale, PSF, sky, exposure and detector of each.

Sources: HST/COSMOS: Koekemoer et al. 2007 (2,028 s, 27.2 mag point sources at 5 sigma), Scoville et al. 2007 (0.05"
pixels, 0.09" FWHM). HSC Wide: Aihara et al. 2018, 2019 (0.168" pixels, 20 minutes in i, 0.6" median seeing, i about
26). Euclid: the wide survey's four exposures of 566 s, read noise 4.4 e- (Cropper et al. 2024), 0.1" pixels (Racca et
al. 2016), sky 22.35 mag/arcsec². LSST: Ivezić et al. 2019 (0.2" pixels, 30 s visits, sky, read noise, 26.8 mag coadded
in i). KiDS and VIKING: Kuijken et al. 2019 (5 sigma in 2": 25.1, 25.0 and 23.7 mag in g, r and i; 0.7" to 0.9" seeing),
Edge et al. 2013 (0.339" pixels; 23.1 in Z); one PSF for all bands. Zero points and skies of ground-based surveys are
rounded, and chosen to reproduce the published depth (tested); spreads of the PSF are our choices."""

from __future__ import annotations

from dataclasses import dataclass

from sciencegen.domains.galaxies.magnitudes import AB_ZERO_POINT


@dataclass(frozen=True)
class Band:
    """zero_point: AB magnitude of 1 electron per second. sky: AB mag/arcsec². exposure: s, total of all `exposures`.
    read_noise: electrons per pixel and exposure. color: a galaxy's mean AB magnitude here minus in the first band.
    """

    name: str
    zero_point: float
    sky: float
    exposure: float
    exposures: int
    read_noise: float
    color: float = 0.0

    def electrons(self) -> float:
        """Electrons from 1 nJy in the whole exposure."""
        return self.exposure * 10.0 ** (0.4 * (self.zero_point - AB_ZERO_POINT))

    def variance(self, pixel_scale: float) -> float:
        """nJy² of sky and read noise per pixel. pixel_scale: arcsec."""
        sky = self.exposure * 10.0 ** (0.4 * (self.zero_point - self.sky)) * pixel_scale**2
        return (sky + self.exposures * self.read_noise**2) / self.electrons() ** 2


@dataclass(frozen=True)
class Survey:
    """pixel_scale: arcsec. psf: "moffat" or "kolmogorov". fwhm: arcsec, its median in the first band; fwhm_spread:
    standard deviation of its logarithm. psf_shear: standard deviation of each component of the PSF's ellipticity (g).
    bright, faint: limits of galaxies' AB magnitudes in the first band."""

    name: str
    pixel_scale: float
    bands: tuple[Band, ...]
    psf: str
    fwhm: float
    fwhm_spread: float
    psf_shear: float
    bright: float
    faint: float
    beta: float = 3.0
    """Exponent of a Moffat profile."""
    color_spread: float = 0.0
    """Standard deviation, over galaxies, of the factor by which all mean colours of a galaxy differ from the bands'."""


SURVEYS = {
    "hst-cosmos": Survey(
        "hst-cosmos", 0.05, (Band("F814W", 25.95, 22.0, 2028, 4, 5.0),), "moffat", 0.10, 0.03, 0.02, 20.0, 24.5
    ),
    "euclid": Survey(
        "euclid", 0.1, (Band("VIS", 25.6, 22.35, 2264, 4, 4.4),), "moffat", 0.17, 0.02, 0.03, 19.5, 23.5
    ),
    "hsc": Survey(
        "hsc", 0.168,
        (
            Band("i", 28.0, 19.8, 1200, 6, 4.5),
            Band("r", 28.1, 20.8, 600, 4, 4.5, 0.4),
            Band("g", 28.2, 21.9, 600, 4, 4.5, 1.0),
        ),
        "kolmogorov", 0.6, 0.12, 0.02, 19.0, 23.0,
    ),
    "lsst": Survey(
        "lsst", 0.2,
        (
            Band("i", 28.05, 20.3, 5520, 368, 8.8),
            Band("r", 28.35, 21.1, 5520, 368, 8.8, 0.4),
            Band("g", 28.4, 22.2, 2400, 160, 8.8, 1.0),
        ),
        "kolmogorov", 0.75, 0.08, 0.02, 19.0, 23.5,
    ),
    "kids": Survey(
        "kids", 0.339,
        (
            Band("g", 25.4, 22.2, 900, 5, 5.0),
            Band("r", 25.3, 21.3, 1800, 5, 5.0, -0.6),
            Band("i", 24.9, 19.5, 1200, 5, 5.0, -0.9),
            Band("Z", 23.9, 20.3, 480, 2, 5.0, -1.1),
        ),
        "kolmogorov", 0.95, 0.1, 0.02, 19.5, 25.0, color_spread=0.5,
    ),
}  # fmt: skip
