"""A simulated survey: galaxies drawn by GalSim as observed by a telescope, each with a copy without noise and PSF.

A profile is sampled at twice the resolution of the stamp, its centre even finer; then it is convolved with the PSF and
binned, and noise is added. Drawing the copy in Fourier space, GalSim's default, takes seconds for a cuspy profile.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from sciencegen.data.observation import convolve, with_gaussian_noise
from sciencegen.domains.galaxies.items import AB_ZERO_POINT, Stamp, flux_of, standardize, text
from sciencegen.domains.galaxies.measurements import GIVEN, measure_stamp
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Refusal

if TYPE_CHECKING:
    import galsim


# A population of galaxies: magnitudes, sizes, shapes, structure and redshifts drawn from published distributions.
#
# Published: the slope of the counts, 0.36 per magnitude between 20 and 25 (as in Euclid's own shape simulations).
# Sizes of discs, shapes and share of bulge-dominated galaxies: Miller et al. 2013, MNRAS 429, 2858, after Simard et
# al. 2002. Discs are oblate with random orientations (Hubble 1926; axis ratio 0.2 edge on). Redshifts by magnitude:
# LSST Science Book 2009, section 3.7. The constants in these formulas are those of other public simulations that cite
# the same papers; they weren't compared with the papers themselves. Some of these simulations scale sizes by a = r /
# 0.833, which makes the median a third larger than in the relation; here a reproduces the relation's median. Our own
# choices, for lack of an established distribution: bulge fractions, Sérsic indices, spiral arms, knots, colours, and
# the share of each kind.

COUNT_SLOPE = 0.36
KINDS = {"spheroid": 0.1, "disc": 0.75, "irregular": 0.15}
"""Share of each kind; bulge-dominated ones: Miller et al. 2013."""
EDGE_ON_DISC, EDGE_ON_BULGE = 0.2, 0.6
"""Axis ratios of galaxies seen edge on."""
SCALE_LENGTH = 1.678
"""Ratio of the half-light radius of an exponential disc to its scale length."""
INDEX_STEP = 0.1
"""Sérsic indices are rounded to this step, since GalSim builds tables for each new index."""
REDDER_BULGE, BLUER_KNOTS = 0.5, 0.5
"""Fractions of a galaxy's colour by which its bulge is redder and its knots are bluer."""


@dataclass(frozen=True)
class Component:
    """A Sérsic profile. half_light_radius: arcsec, of the circle with the same area as the ellipse. g1, g2: its
    ellipticity (1 - q) / (1 + q) along and at 45 degrees to x. share: of the galaxy's flux in the first band."""

    role: str
    sersic_index: float
    half_light_radius: float
    g1: float
    g2: float
    share: float


@dataclass(frozen=True)
class Knots:
    """Star-forming knots: round Gaussians. x, y: arcsec from the centre. shares: of the galaxy's flux. sigma:
    arcsec."""

    x: np.ndarray
    y: np.ndarray
    shares: np.ndarray
    sigma: float


@dataclass(frozen=True)
class Galaxy:
    """magnitudes: AB, by band. truth: true parameters by name, which can't be measured exactly on an image."""

    components: tuple[Component, ...]
    knots: Knots | None
    magnitudes: tuple[float, ...]
    truth: Mapping[str, float]


def draw_galaxy(
    generator: np.random.Generator, bright: float, faint: float, colors: tuple[float, ...], radii: tuple[float, float]
) -> Galaxy:
    """Draw one galaxy with bright <= AB magnitude <= faint in the first band. colors: mean magnitude in each band minus
    that in the first. radii: limits of the half-light radius of a disc seen face on, arcsec."""
    magnitude = draw_magnitude(generator, bright, faint)
    kind = generator.choice(len(KINDS), p=list(KINDS.values()))
    disc_radius = draw_disc_radius(generator, magnitude, radii)
    angle = generator.uniform(0, math.pi)
    make = (_spheroid, _disc, _irregular)[kind]
    components, knots, more = make(generator, disc_radius, angle)
    redshift = generator.gamma(3, 0.0417 * magnitude - 0.744)
    magnitudes = tuple(
        magnitude if band == 0 else magnitude + color + generator.normal(0, 0.15) for band, color in enumerate(colors)
    )
    main = max(components, key=lambda one: one.share)
    truth = {"true_magnitude": magnitude, "redshift": redshift, "kind": float(kind), **more}
    return Galaxy(components, knots, magnitudes, truth | {"true_sersic_index": main.sersic_index})


def draw_magnitude(generator: np.random.Generator, bright: float, faint: float) -> float:
    """Counts grow as dN/dm = 10^(0.36 m)."""
    low, high = 10 ** (COUNT_SLOPE * (bright - faint)), 1.0
    return faint + math.log10(generator.uniform(low, high)) / COUNT_SLOPE


def draw_disc_radius(generator: np.random.Generator, magnitude: float, radii: tuple[float, float]) -> float:
    """Half-light radius (arcsec) of a disc: p(r) = r exp(-(r/a)^(4/3)) of its scale length r, whose median is
    exp(-1.145 - 0.269 (m - 23)) arcsec (Miller et al. 2013). Rejection sampling within `radii`: larger discs don't fit
    in the stamp, smaller ones aren't resolved by its pixels."""
    median = math.exp(-1.145 - 0.269 * (magnitude - 23))
    for _ in range(1000):  # (r/a)^(4/3) has a gamma distribution of shape 3/2, whose median is 1.183
        radius = SCALE_LENGTH * median * (generator.gamma(1.5) / 1.183) ** 0.75
        if radii[0] <= radius <= radii[1]:
            return radius
    return min(max(SCALE_LENGTH * median, radii[0]), radii[1])


Morphology = tuple[tuple[Component, ...], Knots | None, dict[str, float]]
"""Components, knots, and their true parameters by name."""


def _spheroid(generator: np.random.Generator, disc_radius: float, angle: float) -> Morphology:
    """A single steep profile whose half-light radius is a disc's scale length."""
    g = draw_bulge_ellipticity(generator)
    index = _on_grid(generator.normal(3.5, 0.8), 2.0, 5.0)
    one = Component("bulge", index, disc_radius / SCALE_LENGTH, *_turned(g, angle), 1.0)
    return (one,), None, {"bulge_fraction": 1.0, "inclination": math.nan, "knot_fraction": 0.0}


def _disc(generator: np.random.Generator, disc_radius: float, angle: float) -> Morphology:
    """A disc with a bulge of 0.6 times its scale length; with probability 1/2 it has two spiral arms of knots."""
    inclination = math.acos(generator.uniform(0, 1))
    bulge = min(abs(generator.normal(0, 0.2)), 0.8)
    arms = generator.uniform(0.1, 0.4) * (1 - bulge) if generator.uniform() < 0.5 else 0.0
    disc_q, bulge_q = (axis_ratio(inclination, edge_on) for edge_on in (EDGE_ON_DISC, EDGE_ON_BULGE))
    flat, steep = _on_grid(generator.normal(1.0, 0.2), 0.6, 1.6), _on_grid(generator.normal(3.0, 0.7), 1.5, 4.5)
    disc = _component("disc", flat, disc_radius, disc_q, angle, 1 - bulge - arms)
    middle = _component("bulge", steep, 0.6 * disc_radius / SCALE_LENGTH, bulge_q, angle, bulge)
    knots = spiral_knots(generator, disc_radius / SCALE_LENGTH, disc_q, angle, arms) if arms else None
    return (disc, middle), knots, _about(bulge, inclination, arms)


def _irregular(generator: np.random.Generator, disc_radius: float, angle: float) -> Morphology:
    """A flat disc with a few large off-centre knots."""
    inclination = math.acos(generator.uniform(0, 1))
    q, share = axis_ratio(inclination, 0.35), generator.uniform(0.2, 0.5)
    disc = _component("disc", _on_grid(generator.normal(0.8, 0.15), 0.5, 1.2), disc_radius, q, angle, 1 - share)
    knots = scattered_knots(generator, disc_radius / SCALE_LENGTH, q, angle, share)
    return (disc,), knots, _about(0.0, inclination, share)


def _about(bulge: float, inclination: float, knots: float) -> dict[str, float]:
    return {"bulge_fraction": bulge, "inclination": math.degrees(inclination), "knot_fraction": knots}


def _component(role: str, index: float, radius: float, q: float, angle: float, share: float) -> Component:
    """radius: along the major axis; converted to that of a circle of equal area."""
    return Component(role, index, radius * math.sqrt(q), *_turned((1 - q) / (1 + q), angle), share)


def axis_ratio(inclination: float, edge_on: float) -> float:
    """q² = q0² + (1 - q0²) cos² i of an oblate spheroid (Hubble 1926)."""
    return math.sqrt(edge_on**2 + (1 - edge_on**2) * math.cos(inclination) ** 2)


_E = np.linspace(0, 0.8, 801)
_BULGE_CUMULATIVE = np.cumsum(_E * np.exp(-2.368 * _E - 6.691 * _E**2))


def draw_bulge_ellipticity(generator: np.random.Generator) -> float:
    """p(e) = e exp(-2.368 e - 6.691 e²) (Miller et al. 2013, bulge-dominated galaxies)."""
    return float(np.interp(generator.uniform(0, _BULGE_CUMULATIVE[-1]), _BULGE_CUMULATIVE, _E))


def spiral_knots(generator: np.random.Generator, scale: float, q: float, angle: float, share: float) -> Knots:
    """Two logarithmic spiral arms, theta = ln(r / scale) / tan(pitch), of a disc with this scale length (arcsec)."""
    count = int(generator.integers(60, 150))
    pitch = math.radians(generator.uniform(12, 35)) * (1 if generator.uniform() < 0.5 else -1)
    r = scale * np.clip(generator.gamma(3, 0.75, count), 0.6, 4.5)
    theta = np.log(r / scale) / math.tan(pitch) + math.pi * generator.integers(0, 2, count)
    theta += generator.uniform(0, 2 * math.pi) + generator.normal(0, 0.22, count)
    x, y = _projected(r * np.cos(theta), r * np.sin(theta), q, angle)
    weights = generator.exponential(1, count)
    return Knots(x, y, share * weights / weights.sum(), scale * generator.uniform(0.13, 0.24))


def scattered_knots(generator: np.random.Generator, scale: float, q: float, angle: float, share: float) -> Knots:
    """A few knots, concentrated on one side of the disc."""
    count = int(generator.integers(4, 16))
    r, theta = scale * generator.gamma(2, 0.7, count), generator.uniform(0, 2 * math.pi, count)
    aside = scale * generator.uniform(0, 0.8)
    x, y = _projected(r * np.cos(theta) + aside, r * np.sin(theta), q, angle)
    weights = generator.exponential(1, count)
    return Knots(x, y, share * weights / weights.sum(), scale * generator.uniform(0.15, 0.3))


def _projected(x: np.ndarray, y: np.ndarray, q: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Project positions in the disc's plane: y is foreshortened, then the major axis is rotated to `angle`."""
    cos, sin = math.cos(angle), math.sin(angle)
    return x * cos - q * y * sin, x * sin + q * y * cos


def _turned(g: float, angle: float) -> tuple[float, float]:
    """Rotate an ellipticity, which is spin-2: by twice the angle."""
    return g * math.cos(2 * angle), g * math.sin(2 * angle)


def _on_grid(index: float, low: float, high: float) -> float:
    return round(round(min(max(index, low), high) / INDEX_STEP) * INDEX_STEP, 1)


# Presets of surveys: pixel scale, PSF, sky, exposure and detector of each.
#
# Sources: HST/COSMOS: Koekemoer et al. 2007 (2,028 s, 27.2 mag point sources at 5 sigma), Scoville et al. 2007 (0.05"
# pixels, 0.09" FWHM). HSC Wide: Aihara et al. 2018, 2019 (0.168" pixels, 20 minutes in i, 0.6" median seeing, i about
# 26). Euclid: the wide survey's four exposures of 566 s, read noise 4.4 e- (Cropper et al. 2024), 0.1" pixels (Racca
# et al. 2016), sky 22.35 mag/arcsec². LSST: Ivezić et al. 2019 (0.2" pixels, 30 s visits, sky, read noise, 26.8 mag
# coadded in i). KiDS and VIKING: Kuijken et al. 2019 (5 sigma in 2": 25.1, 25.0 and 23.7 mag in g, r and i; 0.7" to
# 0.9" seeing), Edge et al. 2013 (0.339" pixels; 23.1 in Z); one PSF for all bands. Zero points and skies of
# ground-based surveys are rounded, and chosen to reproduce the published depth (tested); spreads of the PSF are our
# choices.


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
    redder = generator.normal(1.0, survey.color_spread) if survey.color_spread else 1.0  # in all bands alike
    colors = tuple(redder * band.color for band in survey.bands)
    galaxy = draw_galaxy(generator, survey.bright, survey.faint, colors, radii)
    psf = draw_psf(generator, survey)
    offset = generator.uniform(-0.5, 0.5, 2)
    half = math.ceil(PSF_WIDTHS * survey.fwhm / survey.pixel_scale)  # pixels on each side of the PSF's centre
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


# Rows of a simulated survey for a dataset: texts of observed stamps with their true values.


def rows(settings: Mapping[str, Any], seed: int, start: int, stop: int) -> list[tuple[str, dict[str, float]]]:
    """(text, values) of galaxies with the numbers start to stop - 1. values: properties measured on the copy without
    noise and PSF, and the galaxy's true parameters; without failed measurements and parameters that don't apply.

    settings: of `SurveySettings`, and noise_free: the share of rows that are these copies themselves (true: all).
    """
    chosen = dict(settings)
    share = float(chosen.pop("noise_free", 0.0))
    if not 0 <= share <= 1:
        raise ConfigError(f"Expected noise_free, a share of the rows, from 0 to 1, got {share}.")
    survey = survey_settings(chosen)
    made = []
    for number, one in enumerate(simulate(survey, seed, start, stop), start):
        noise_free = math.floor((number + 1) * share) > math.floor(number * share)
        measured = measure_stamp(one.twin)
        values = {name: measured[name] for name in sorted(GIVEN)} | dict(one.truth)
        known = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        made.append((text(one.twin if noise_free else one.observed), known))
    return made


def survey_settings(chosen: Mapping[str, Any]) -> SurveySettings:
    """Make the settings record; an unknown name raises an error."""
    fields = [field.name for field in dataclasses.fields(SurveySettings)]
    for name in chosen:
        if name not in fields:
            raise unknown_name("setting of a simulated survey", name, (*fields, "noise_free"))
    settings = SurveySettings(**chosen)
    for field in ("side", "bands"):
        if not isinstance(getattr(settings, field), int):
            raise ConfigError(f"Expected a whole number for {field}, got {getattr(settings, field)!r}.")
    return settings
