"""A simulated survey: galaxies drawn by GalSim as seen by a telescope, each beside its copy without noise and PSF.

A profile is drawn twice as fine as the stamp's pixels, its centre finer still, then convolved with the PSF, binned and
given noise. Drawing the copy in Fourier space, as GalSim does by default, takes seconds for a cuspy profile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import galsim
import numpy as np
from scipy.special import ndtr

from sciencegen.data.observation import convolve, with_gaussian_noise
from sciencegen.domains.galaxies.items import SIDES, Stamp, flux_of, standardize
from sciencegen.domains.galaxies.population import BLUER_KNOTS, REDDER_BULGE, Component, Galaxy, Knots, draw_galaxy
from sciencegen.domains.galaxies.surveys import SURVEYS, Survey
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Refusal

FINE = 2
"""Samples on a stamp's pixel along x and y."""
CENTRES = ((8, 8), (1, 64))
"""(half-width in pixels, samples on a pixel) of squares around the centre that are drawn finer."""
STEEP = 1.5
"""Sérsic index above which the innermost square is drawn finer too."""
SMALLEST_RADIUS = 2.0
"""Pixels: half-light radius of the smallest disc, seen face on."""
SIDE_OVER_RADIUS = 6.0
"""A stamp is at least so many half-light radii of a face-on disc wide."""
PSF_WIDTHS = 4.0
"""Half of the PSF's side over its FWHM."""


@dataclass(frozen=True)
class SurveySettings:
    """survey: a preset's name. side: pixels, 32, 64 or 128. bands: how many of the preset's bands, from the first.
    shot_noise: give galaxies their own photon noise, so that the variance is a map; else noise is the sky's and the
    detector's, the same in each pixel. bright, faint: AB magnitudes, where they differ from the preset's.
    """

    survey: str = "euclid"
    side: int = 64
    bands: int = 1
    shot_noise: bool = False
    bright: float | None = None
    faint: float | None = None


@dataclass(frozen=True)
class Simulated:
    """observed: with PSF and noise. twin: the same galaxy without either. truth: what it was made of."""

    observed: Stamp
    twin: Stamp
    truth: Mapping[str, float]


def chosen_survey(settings: SurveySettings) -> Survey:
    """The preset with the settings' own bands and magnitudes."""
    if settings.survey not in SURVEYS:
        raise unknown_name("survey", settings.survey, SURVEYS)
    survey = SURVEYS[settings.survey]
    if settings.side not in SIDES:
        raise ConfigError(f"Expected a side of {', '.join(map(str, SIDES))} pixels, got {settings.side}.")
    if not 1 <= settings.bands <= len(survey.bands):
        raise ConfigError(f"Expected 1 to {len(survey.bands)} bands of {survey.name}, got {settings.bands}.")
    limits = [getattr(settings, name) or getattr(survey, name) for name in ("bright", "faint")]
    if not 15 <= limits[0] < limits[1] <= 28:
        raise ConfigError(f"Expected magnitudes with 15 <= bright < faint <= 28, got {limits[0]} and {limits[1]}.")
    return replace(survey, bands=survey.bands[: settings.bands], bright=limits[0], faint=limits[1])


def simulate(settings: SurveySettings, seed: int, start: int, stop: int) -> Iterator[Simulated]:
    """The galaxies with the numbers start to stop - 1 of an endless survey. Each has its own random numbers, by (seed,
    number): any subset, made anywhere in any order, has the same bytes."""
    survey = chosen_survey(settings)
    return (simulate_one(survey, settings, seed, number) for number in range(start, stop))


def simulate_one(survey: Survey, settings: SurveySettings, seed: int, number: int) -> Simulated:
    """One galaxy of `simulate`."""
    generator = np.random.default_rng([seed, number])
    radii = (SMALLEST_RADIUS * survey.pixel_scale, settings.side * survey.pixel_scale / SIDE_OVER_RADIUS)
    galaxy = draw_galaxy(generator, survey.bright, survey.faint, tuple(band.color for band in survey.bands), radii)
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
    """nJy²: [band], or with the galaxy's own photons, flux / (electrons of 1 nJy), [band y x]."""
    variance = np.array([band.variance(survey.pixel_scale) for band in survey.bands])
    if not shot_noise:
        return variance
    electrons = np.array([band.electrons() for band in survey.bands])
    return variance[:, None, None] + np.maximum(clean, 0) / electrons[:, None, None]


def psf_half(survey: Survey) -> int:
    """Pixels on each side of the PSF's centre."""
    return math.ceil(PSF_WIDTHS * survey.fwhm / survey.pixel_scale)


def draw_psf(generator: np.random.Generator, survey: Survey) -> galsim.GSObject:
    """A PSF of the survey's kind whose width and ellipticity vary from stamp to stamp; the same in all bands."""
    fwhm = survey.fwhm * math.exp(generator.normal(0, survey.fwhm_spread))
    round_one = galsim.Kolmogorov(fwhm=fwhm) if survey.psf == "kolmogorov" else galsim.Moffat(survey.beta, fwhm=fwhm)
    g1, g2 = np.clip(generator.normal(0, survey.psf_shear, 2), -0.2, 0.2)
    return round_one.shear(g1=g1, g2=g2)


def draw_scene(galaxy: Galaxy, survey: Survey, side: int, offset: np.ndarray) -> np.ndarray:
    """[band y x] nJy in samples of half a pixel: the galaxy without PSF, its centre `offset` pixels off the middle."""
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
    """[y x] of unit flux. Each finer square takes the place of what was drawn coarser there. steep: draw the innermost
    one, too; by default by the index."""
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
    """[y x]: Gaussians integrated over samples, each the product of one along x and one along y."""
    edges = (np.arange(side * FINE + 1) / FINE - side / 2) * pixel_scale
    along = [
        np.diff(ndtr((edges - (centre[:, None] + shift * pixel_scale)) / knots.sigma), axis=1)
        for centre, shift in zip((knots.x, knots.y), offset, strict=True)
    ]
    return (along[1] * knots.shares[:, None]).T @ along[0]


def binned(fine: np.ndarray) -> np.ndarray:
    """[band y x] summed over the samples of each pixel."""
    bands, side = len(fine), fine.shape[1] // FINE
    return fine.reshape(bands, side, FINE, side, FINE).sum((2, 4))
