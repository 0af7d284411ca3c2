"""The properties of stamps, measured in the first band, with PSF and noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from sciencegen.domains.galaxies import measurements
from sciencegen.domains.galaxies.items import Stamp, magnitude
from sciencegen.errors import unknown_name
from sciencegen.items import Property

POSITIVE = (0.0, math.inf)
_ALL = (
    Property("flux", "nJy", 100.0, 100_000.0, None, 20.0, "sum of the pixels of the first band"),
    Property("magnitude", "mag", 18.0, 26.0, None, 0.1, "AB magnitude of `flux`"),
    Property("half_light_radius", "arcsec", 0.1, 2.0, None, 0.03, "radius of the circle that holds half of the flux",
             possible=POSITIVE),
    Property("e1", "", -0.8, 0.8, None, 0.02, "ellipticity (a - b) / (a + b) along x: adaptive moments",
             possible=(-1, 1)),
    Property("e2", "", -0.8, 0.8, None, 0.02, "ellipticity (a - b) / (a + b) at 45 degrees to x: adaptive moments",
             possible=(-1, 1)),
    Property("ellipticity", "", 0.0, 0.8, None, 0.02, "(a - b) / (a + b) by adaptive moments", possible=(0, 1)),
    Property("concentration", "", 1.5, 6.0, None, 0.1, "5 log10(r80 / r20) of the curve of growth", possible=POSITIVE),
    Property("asymmetry", "", -0.1, 1.2, None, 0.05, "what changes when the galaxy is turned by 180 degrees"),
    Property("smoothness", "", -0.1, 0.5, None, 0.02, "light in small structures (clumpiness)"),
    Property("gini", "", 0.3, 0.8, None, 0.02, "how unevenly light is spread over the galaxy's pixels"),
    Property("m20", "", -3.0, -0.5, None, 0.1, "log10 second moment of the brightest 20% of the light over all"),
    Property("signal_to_noise", "", 0.0, 1000.0, "maximize", 5.0, "flux within the half-light radius over its noise",
             observed=True),
)  # fmt: skip
_FAINT = "no source in the middle of the first band stands out of the noise"
_UNKNOWN = {"flux": "", "magnitude": "the flux in the first band isn't positive"}
PROPERTIES = {one.name: replace(one, unknown=_UNKNOWN.get(one.name, _FAINT)) for one in _ALL}
GIVEN = frozenset(PROPERTIES) - {"signal_to_noise"}
"""Properties whose catalogue values are preferred, such as values measured on the noise-free image."""


def measure(stamps: Sequence[Stamp], names: Sequence[str]) -> np.ndarray:
    """[stamp property] values, NaN where an estimator fails."""
    for name in names:
        if name not in PROPERTIES:
            raise unknown_name("property of galaxies", name, PROPERTIES)
    values = [measure_stamp(stamp) for stamp in stamps]
    return np.array([[one[name] for name in names] for one in values], np.float64).reshape(len(stamps), len(names))


@lru_cache(maxsize=1024)
def measure_stamp(stamp: Stamp) -> Mapping[str, float]:
    """All properties of one stamp by name. Cached, since oracles compute one property at a time."""
    image = stamp.image[0].astype(np.float64)
    values = dict.fromkeys(PROPERTIES, math.nan)
    flux = float(image.sum())
    values |= {"flux": flux, "magnitude": float(magnitude(flux))}
    moments = measurements.adaptive_moments(image)
    if moments is None:
        return values
    values |= {"e1": moments.e1, "e2": moments.e2, "ellipticity": math.hypot(moments.e1, moments.e2)}
    variance = stamp.variance[0]
    return values | _of_growth(image, moments, variance, stamp.pixel_scale)


def _of_growth(
    image: np.ndarray, moments: measurements.ImageMoments, variance: np.ndarray, pixel_scale: float
) -> dict[str, float]:  # fmt: skip
    x, y, sigma = moments.x, moments.y, math.sqrt(float(np.mean(variance)))
    growth = measurements.curve_of_growth(image, x, y)
    half, petrosian = growth.radius_of(0.5), growth.petrosian_radius()
    inside = measurements.segment(image, x, y, petrosian)
    return {
        "half_light_radius": half * pixel_scale,
        "concentration": measurements.concentration(growth),
        "asymmetry": measurements.asymmetry(image, x, y, measurements.TOTAL_RADII * petrosian, sigma),
        "smoothness": measurements.smoothness(image, x, y, petrosian, sigma),
        "gini": measurements.gini(image[inside]),
        "m20": measurements.m20(image, inside),
        "signal_to_noise": growth.within(half) / (sigma * math.sqrt(math.pi) * half) if sigma > 0 else math.nan,
    }
