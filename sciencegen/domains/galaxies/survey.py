"""A simulated survey: galaxies drawn by GalSim as observed by a telescope, each with a copy without noise and PSF.

A profile is sampled at twice the resolution of the stamp, its centre even finer; then it is convolved with the PSF and
binned, and noise is added. Drawing the copy in Fourier space, GalSim's default, takes seconds for a cuspy profile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from sciencegen.data.observation import convolve, with_gaussian_noise
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.magnitudes import flux_of
from sciencegen.domains.galaxies.population import BLUER_KNOTS, REDDER_BULGE, Component, Galaxy, Knots, draw_galaxy
from sciencegen.domains.galaxies.surveys import SURVEYS, Survey
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Refusal

if TYPE_CHECKING:
    import galsim

SIDES = (24, 128)
"""Least and greatest side of a stamp."""
FINE = 2
"""Samples per pixel of a stamp in x and in y."""
CENTRES = ((8, 8), (1, 64))
"""(half-width in pixels, samples per pixel) of squares around the centre that are sampled finer."""
STEEP = 1.5
"""Sérsic index above which the innermost square is also sampled finer."""
SMALLEST_RADIUS = 2.0
"""Minimum half-light radius of a face-on disc in pixels."""
SIDE_OVER_RADIUS = 6.0
"""Minimum side of a stamp in half-light radii of a face-on disc."""
PSF_WIDTHS = 4.0
"""Half of the PSF's side in FWHM."""


@dataclass(frozen=True)
class SurveySettings:
    """survey: a preset's name. side: pixels, an even number from 24 to 128. bands: how many of the preset's bands, from
    the first. shot_noise: add the galaxies' photon noise, so that the variance is a map; otherwise noise is from sky
    and detector, with equal variance in all pixels. bright, faint: AB magnitudes that replace the preset's.
    """

    survey: str = "euclid"
    side: int = 64
    bands: int = 1
    shot_noise: bool = False
    bright: float | None = None
    faint: float | None = None


@dataclass(frozen=True)
class Simulated:
    """observed: with PSF and noise. twin: the same galaxy without either. truth: its true parameters."""

    observed: Stamp
    twin: Stamp
    truth: Mapping[str, float]


def chosen_survey(settings: SurveySettings) -> Survey:
    """The preset with the settings' own bands and magnitudes."""
    if settings.survey not in SURVEYS:
        raise unknown_name("survey", settings.survey, SURVEYS)
    survey = SURVEYS[settings.survey]
    if not SIDES[0] <= settings.side <= SIDES[1] or settings.side % 2:
        raise ConfigError(f"Expected an even side of {SIDES[0]} to {SIDES[1]} pixels, got {settings.side}.")
    if not 1 <= settings.bands <= len(survey.bands):
        raise ConfigError(f"Expected 1 to {len(survey.bands)} bands of {survey.name}, got {settings.bands}.")
    limits = [getattr(settings, name) or getattr(survey, name) for name in ("bright", "faint")]
    if not 15 <= limits[0] < limits[1] <= 28:
        raise ConfigError(f"Expected magnitudes with 15 <= bright < faint <= 28, got {limits[0]} and {limits[1]}.")
    return replace(survey, bands=survey.bands[: settings.bands], bright=limits[0], faint=limits[1])


def simulate(settings: SurveySettings, seed: int, start: int, stop: int) -> Iterator[Simulated]:
    """The galaxies with the numbers start to stop - 1 of an unlimited survey. The random numbers of each depend only on
    (seed, number), so that any subset has the same bytes."""
    survey = chosen_survey(settings)
    return (simulate_one(survey, settings, seed, number) for number in range(start, stop))


def simulate_one(survey: Survey, settings: SurveySettings, seed: int, number: int) -> Simulated:
    """One galaxy of `simulate`."""
    generator = np.random.default_rng([seed, number])
    radii = (SMALLEST_RADIUS * survey.pixel_scale, settings.side * survey.pixel_scale / SIDE_OVER_RADIUS)
    galaxy = draw_galaxy(generator, survey.bright, survey.faint, draw_colors(generator, survey), radii)
    psf = draw_psf(generator, survey)
    offset = generator.uniform(-0.5, 0.5, 2)
    half = psf_half(survey)
    fine = psf.drawImage(nx=4 * half + 1, ny=4 * half + 1, scale=survey.pixel_scale / FINE, method="no_pixel").array
    scene = draw_scene(galaxy, survey, settings.side + 2 * half, offset)
    seen = convolve(scene, fine / fine.sum())
    clean, sharp = (binned(one)[:, half:-half, half:-half] for one in (seen, scene))
    variance = _variance(survey, clean, settings.shot_noise)
    noisy = with_gaussian_noise(clean, variance, generator)
    coarse = psf.drawImage(nx=2 * half + 1, ny=2 * half + 1, scale=survey.pixel_scale, method="no_pixel").array
    names = tuple(band.name for band in survey.bands)
    observed = Stamp(noisy, survey.pixel_scale, coarse, variance, names, f"{survey.name}-{number}")
    twin = replace(observed, image=sharp, psf=None, variance=np.zeros(len(names), np.float32))
    return Simulated(_sound(observed), _sound(twin), galaxy.truth)


def _sound(stamp: Stamp) -> Stamp:
    checked = standardize(stamp)
    if isinstance(checked, Refusal):
        raise RuntimeError(f"The survey drew a stamp that is none: {checked.reason}.")
    return checked


def _variance(survey: Survey, clean: np.ndarray, shot_noise: bool) -> np.ndarray:
    """nJy²: [band], or [band y x] with the galaxy's photon noise, flux / (electrons of 1 nJy)."""
    variance = np.array([band.variance(survey.pixel_scale) for band in survey.bands])
    if not shot_noise:
        return variance
    electrons = np.array([band.electrons() for band in survey.bands])
    return variance[:, None, None] + np.maximum(clean, 0) / electrons[:, None, None]


def draw_colors(generator: np.random.Generator, survey: Survey) -> tuple[float, ...]:
    """Draw a galaxy's mean magnitude in each band minus that in the first: red galaxies are red in all bands."""
    factor = generator.normal(1.0, survey.color_spread) if survey.color_spread else 1.0
    return tuple(factor * band.color for band in survey.bands)


def psf_half(survey: Survey) -> int:
    """Pixels on each side of the PSF's centre."""
    return math.ceil(PSF_WIDTHS * survey.fwhm / survey.pixel_scale)


def draw_psf(generator: np.random.Generator, survey: Survey) -> galsim.GSObject:
    """Draw a PSF of the survey's kind with random width and ellipticity; it is the same in all bands."""
    import galsim

    fwhm = survey.fwhm * math.exp(generator.normal(0, survey.fwhm_spread))
    round_one = galsim.Kolmogorov(fwhm=fwhm) if survey.psf == "kolmogorov" else galsim.Moffat(survey.beta, fwhm=fwhm)
    g1, g2 = np.clip(generator.normal(0, survey.psf_shear, 2), -0.2, 0.2)
    return round_one.shear(g1=g1, g2=g2)


def draw_scene(galaxy: Galaxy, survey: Survey, side: int, offset: np.ndarray) -> np.ndarray:
    """[band y x] nJy in samples of half a pixel: the galaxy without PSF, centred `offset` pixels from the middle."""
    parts = {one.role: draw_profile(one, survey.pixel_scale, side, offset) for one in galaxy.components}
    knots = 0.0 if galaxy.knots is None else draw_knots(galaxy.knots, survey.pixel_scale, side, offset)
    planes = []
    for band, magnitude in zip(survey.bands, galaxy.magnitudes, strict=True):
        redder = {"bulge": 10 ** (-0.4 * REDDER_BULGE * band.color), "disc": 1.0}
        shares = {one.role: redder[one.role] * one.share for one in galaxy.components}
        bluer = 10 ** (0.4 * BLUER_KNOTS * band.color)
        whole = sum(shares.values()) + (0.0 if galaxy.knots is None else bluer * galaxy.knots.shares.sum())
        plane = sum(shares[role] * parts[role] for role in parts) + bluer * knots
        planes.append(flux_of(magnitude) / whole * plane)
    return np.stack(planes)


def draw_profile(
    component: Component, pixel_scale: float, side: int, offset: np.ndarray, steep: bool | None = None
) -> np.ndarray:
    """[y x] a profile of unit flux. Finer squares replace the coarser samples. steep: also sample the innermost square;
    by default, it depends on the index."""
    import galsim

    steep = component.sersic_index > STEEP if steep is None else steep
    profile = galsim.Sersic(component.sersic_index, half_light_radius=component.half_light_radius)
    profile = profile.shear(g1=component.g1, g2=component.g2).shift(*(offset * pixel_scale))
    image = _sampled(profile, pixel_scale, side, FINE)
    for half, samples in CENTRES[: 2 if steep else 1]:
        finer, step = _sampled(profile, pixel_scale, 2 * half, samples), samples // FINE
        middle = slice(FINE * (side // 2 - half), FINE * (side // 2 + half))
        image[middle, middle] = finer.reshape(2 * half * FINE, step, 2 * half * FINE, step).sum((1, 3))
    return image


def _sampled(profile: galsim.GSObject, pixel_scale: float, side: int, samples: int) -> np.ndarray:
    number = side * samples
    return profile.drawImage(nx=number, ny=number, scale=pixel_scale / samples, method="no_pixel", dtype=float).array


def draw_knots(knots: Knots, pixel_scale: float, side: int, offset: np.ndarray) -> np.ndarray:
    """[y x]: Gaussians integrated over samples, as products of one-dimensional integrals in x and y."""
    edges = (np.arange(side * FINE + 1) / FINE - side / 2) * pixel_scale
    along = [
        np.diff(ndtr((edges - (centre[:, None] + shift * pixel_scale)) / knots.sigma), axis=1)
        for centre, shift in zip((knots.x, knots.y), offset, strict=True)
    ]
    return (along[1] * knots.shares[:, None]).T @ along[0]


def binned(fine: np.ndarray) -> np.ndarray:
    """[band y x] sums over the samples of each pixel."""
    bands, side = len(fine), fine.shape[1] // FINE
    return fine.reshape(bands, side, FINE, side, FINE).sum((2, 4))
