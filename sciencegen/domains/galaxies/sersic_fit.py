"""Fits a Sérsic profile to a stamp, with the stamp's PSF and noise.

I(r) = I_e exp(-b_n ((r / r_e)^(1/n) - 1)) on elliptical radii (Sérsic 1963), averaged over pixels, convolved with the
PSF."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sciencegen.data.observation import convolve
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import adaptive_moments, curve_of_growth
from sciencegen.domains.galaxies.observation import effective_variance
from sciencegen.domains.galaxies.survey import Component, binned, draw_profile

INDICES = (0.3, 6.2)
"""Range of indices that GalSim supports."""
AT_LIMIT = 1e-2
"""Relative tolerance for an index at a limit of the range."""
SMALLEST, LARGEST_SHAPE = 0.3, 2.5
"""Minimum half-light radius, pixels; maximum |u|, where the ellipticity is u / sqrt(1 + u²)."""
EVALUATIONS = 60
STEP = 1e-3
"""Absolute step of each parameter for finite differences. Smaller steps, such as relative ones near 0, would resolve
the tables by which GalSim interpolates profiles."""
ENOUGH = 1e-6
"""Relative change of chi² and of the parameters at which a fit ends."""
NOISE_FREE = 1e-3
"""Assumed noise of a noise-free stamp, relative to the peak."""
NINETY = 1.645


@dataclass(frozen=True)
class SersicFit:
    """index, with its 90% interval from the curvature of chi². half_light_radius: arcsec, of a circle with the area of
    the ellipse. flux: nJy, of the whole profile. e1, e2: (1 - q) / (1 + q). chi2: reduced."""

    index: float
    lower: float
    upper: float
    half_light_radius: float
    flux: float
    e1: float
    e2: float
    chi2: float


FITTED = {
    "sersic_index": ("index", ""),
    "sersic_radius": ("half_light_radius", "arcsec"),
    "sersic_flux": ("flux", "nJy"),
    "sersic_e1": ("e1", ""),
    "sersic_e2": ("e2", ""),
    "sersic_chi2": ("chi2", ""),
}
"""Name of an oracle -> (field of the fit, unit). The values are corrected for the PSF; a fit takes 0.1 s."""


@lru_cache(maxsize=1024)
def fit_sersic(stamp: Stamp) -> SersicFit | None:
    """The least-squares fit in the first band; None if there is no flux to fit or it doesn't converge. Cached."""
    image = stamp.image[0].astype(np.float64)
    variance = np.asarray(effective_variance(stamp)[0], np.float64)
    sigma = np.sqrt(variance) if np.any(variance) else np.array(NOISE_FREE * np.abs(image).max())
    start = _start(image, stamp.side)
    if start is None:
        return None

    def residuals(parameters: np.ndarray) -> np.ndarray:
        model = unit_model(parameters, stamp)
        return ((_best_flux(model, image, sigma) * model - image) / sigma).ravel()

    low = [math.log(INDICES[0]), math.log(SMALLEST), -LARGEST_SHAPE, -LARGEST_SHAPE, start[4] - 5, start[5] - 5]
    high = [math.log(INDICES[1]), math.log(stamp.side), LARGEST_SHAPE, LARGEST_SHAPE, start[4] + 5, start[5] + 5]

    def slopes(parameters: np.ndarray) -> np.ndarray:
        here = residuals(parameters)
        steps = np.diag(np.where(parameters + STEP > high, -STEP, STEP))
        return np.stack([(residuals(parameters + step) - here) / step.sum() for step in steps], 1)

    from scipy.optimize import least_squares

    try:
        found = least_squares(
            residuals, start, slopes, bounds=(low, high), x_scale=0.1, ftol=ENOUGH, xtol=ENOUGH, max_nfev=EVALUATIONS
        )
    except (ValueError, RuntimeError, np.linalg.LinAlgError):
        return None
    return _record(found.x, found.jac, stamp, image, sigma) if found.success else None


def _start(image: np.ndarray, side: int) -> np.ndarray | None:
    """Initial parameters: log index, log half-light radius (pixels), shape, centre (pixels from the middle)."""
    moments = adaptive_moments(image)
    if moments is None:
        return None
    half = curve_of_growth(image, moments.x, moments.y).radius_of(0.5)
    radius = min(max(half if half == half else moments.sigma, 2 * SMALLEST), side / 3)
    g = min(math.hypot(moments.e1, moments.e2), 0.9)
    stretch = 1 / math.sqrt(1 - g**2)
    middle = (side - 1) / 2
    shape = (moments.e1 * stretch, moments.e2 * stretch)
    return np.array([math.log(1.5), math.log(radius), *shape, moments.x - middle, moments.y - middle])


def unit_model(parameters: np.ndarray, stamp: Stamp) -> np.ndarray:
    """[y x] image of a profile of unit flux, with the stamp's pixels and PSF."""
    log_index, log_radius, u1, u2, x, y = parameters
    shrink = 1 / math.sqrt(1 + u1**2 + u2**2)
    index, radius = math.exp(log_index), math.exp(log_radius) * stamp.pixel_scale
    component = Component("bulge", index, radius, u1 * shrink, u2 * shrink, 1.0)
    drawn = draw_profile(component, stamp.pixel_scale, stamp.side, np.array([x, y]), steep=True)  # smooth in the index
    sharp = binned(drawn[None])
    psf = stamp.psf_of(0)
    return sharp[0] if psf is None else convolve(sharp, psf.astype(np.float64))[0]


def _best_flux(model: np.ndarray, image: np.ndarray, sigma: np.ndarray) -> float:
    """The best-fitting flux, which is linear in the image."""
    return float((model * image / sigma**2).sum() / (model**2 / sigma**2).sum())


def _record(
    parameters: np.ndarray, jacobian: np.ndarray, stamp: Stamp, image: np.ndarray, sigma: np.ndarray
) -> SersicFit | None:  # fmt: skip
    index, u1, u2 = math.exp(parameters[0]), float(parameters[2]), float(parameters[3])
    normal = np.nan_to_num(jacobian.T @ jacobian)  # `pinv` raises for numbers that aren't finite
    spread = NINETY * math.sqrt(max(np.linalg.pinv(normal)[0, 0], 0.0))
    shrink, model = 1 / math.sqrt(1 + u1**2 + u2**2), unit_model(parameters, stamp)
    flux = _best_flux(model, image, sigma)
    if not flux > 0:
        return None
    chi2 = float((((flux * model - image) / sigma) ** 2).sum()) / (image.size - len(parameters) - 1)
    low, high = max(index * math.exp(-spread), INDICES[0]), min(index * math.exp(spread), INDICES[1])
    radius = math.exp(parameters[1]) * stamp.pixel_scale
    return SersicFit(index, low, high, radius, flux, u1 * shrink, u2 * shrink, chi2)
