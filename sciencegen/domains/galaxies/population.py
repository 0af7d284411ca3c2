"""A population of galaxies: magnitudes, sizes, shapes, structure and redshifts drawn from published distributions.

Published: the slope of the counts, 0.36 per magnitude between 20 and 25 (as in Euclid's own shape simulations). Sizes
of discs, shapes and share of bulge-dominated galaxies: Miller et al. 2013, MNRAS 429, 2858, after Simard et al. 2002.
Discs are oblate with random orientations (Hubble 1926; axis ratio 0.2 edge on). Redshifts by magnitude: LSST Science
Book 2009, section 3.7. The constants in these formulas are those of other public simulations that cite the same papers;
they weren't compared with the papers themselves. Some of these simulations scale sizes by a = r / 0.833, which makes
the median a third larger than in the relation; here a reproduces the relation's median. Our own choices, for lack of an
established distribution: bulge fractions, Sérsic indices, spiral arms, knots, colours, and the share of each kind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

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
