"""Features of a stamp for regressors: measurements, flux in rings and ellipses, and its shape corrected for the PSF.

Shapes are computed by HSM's re-Gaussianization (Hirata & Seljak 2003). Stamp and PSF are first smoothed by the same
kernel, which doesn't change the shape corrected for the PSF: moments of a PSF narrower than two pixels can't be
measured directly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import (
    HSM_ITERATIONS,
    SMOOTHING,
    Moments,
    adaptive_moments,
    curve_of_growth,
)
from sciencegen.domains.galaxies.properties import PROPERTIES, measure

RINGS = np.geomspace(0.75, 24.0, 12)
"""Outer radii of the rings, pixels."""
ELLIPSES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Widths of the elliptical Gaussian weights, relative to the galaxy's own width."""
MARGIN = 4
"""Pixels of padding around a PSF before it is smoothed."""
SHAPE = 10


def features(stamps: Sequence[Stamp]) -> np.ndarray:
    """[stamp feature] float32: the properties (0 for a failed measurement, fluxes as logarithms), the pixel scale, the
    shares of the flux in circles around the centre, the logarithm of the noise, the shapes of stamp and PSF, and the
    logarithms of the flux weighted by elliptical Gaussians."""
    names = [name for name in PROPERTIES if name != "flux"]
    measured = measure(stamps, names)
    measured[:, names.index("signal_to_noise")] = np.log1p(measured[:, names.index("signal_to_noise")])
    scales = np.array([stamp.pixel_scale for stamp in stamps]).reshape(len(stamps), 1)
    rows = np.array([_of_one(stamp) for stamp in stamps]).reshape(len(stamps), len(RINGS) + 1 + SHAPE + len(ELLIPSES))
    return np.nan_to_num(np.hstack([measured, scales, rows])).astype(np.float32)


def _of_one(stamp: Stamp) -> np.ndarray:
    image = stamp.image[0].astype(np.float64)
    noise = math.log1p(float(np.mean(stamp.variance[0])))
    moments = adaptive_moments(image)
    if moments is None:
        return np.r_[np.zeros(len(RINGS)), noise, np.full(SHAPE + len(ELLIPSES), np.nan)]
    return np.r_[_shares(image, moments), noise, _shape(image, stamp.psf_of(0)), _in_ellipses(image, moments)]


def _shares(image: np.ndarray, moments: Moments) -> np.ndarray:
    growth = curve_of_growth(image, moments.x, moments.y)
    total = growth.flux[-1]
    return np.clip(np.interp(RINGS, growth.radii, growth.flux) / total, -1, 2) if total > 0 else np.zeros(len(RINGS))


def _shape(image: np.ndarray, psf: np.ndarray | None) -> np.ndarray:
    """e1 and e2 corrected for the PSF, the resolution factor, the PSF's width (pixels), e1 and e2, and the stamp's own
    width, e1, e2 and fourth moment; all but the first three after smoothing. NaN where HSM fails."""
    import galsim

    settings = galsim.hsm.HSMParams(max_mom2_iter=HSM_ITERATIONS)
    kernel = np.pad(np.ones((1, 1)) if psf is None else psf.astype(np.float64), MARGIN)
    seen, blur = (galsim.ImageD(ndimage.gaussian_filter(one, SMOOTHING, mode="constant")) for one in (image, kernel))
    found = galsim.hsm.EstimateShear(seen, blur, strict=False, guess_sig_gal=len(image) / 10, hsmparams=settings)
    if found.error_message or not math.hypot(found.corrected_e1, found.corrected_e2) < 1:
        return np.full(SHAPE, np.nan)
    true = galsim.Shear(e1=found.corrected_e1, e2=found.corrected_e2)
    whole, of_psf = found.observed_shape, found.psf_shape
    return np.array([
        true.g1, true.g2, found.resolution_factor, found.psf_sigma, of_psf.g1, of_psf.g2,
        found.moments_sigma, whole.g1, whole.g2, found.moments_rho4,
    ])  # fmt: skip


def _in_ellipses(image: np.ndarray, moments: Moments) -> np.ndarray:
    """The asinh of the flux in nJy, each pixel weighted by exp(-r² / 2 s²), with the stamp's elliptical radius r."""
    rows, columns = np.mgrid[: len(image), : len(image)]
    x, y = columns - moments.x, rows - moments.y
    size = 1 - moments.e1**2 - moments.e2**2
    u = ((1 - moments.e1) * x - moments.e2 * y) / math.sqrt(size)
    v = ((1 + moments.e1) * y - moments.e2 * x) / math.sqrt(size)
    r2 = (u**2 + v**2) / max(moments.sigma, 0.5) ** 2
    return np.arcsinh([(image * np.exp(-r2 / (2 * width**2))).sum() for width in ELLIPSES])
