"""Stamps on other pixels: another side and pixel scale, with the flux conserved. PSF, noise and mask go with the image.

With the cumulative flux C at the edges of the old pixels, a new pixel from u to v holds C(v) - C(u), where C is a cubic
spline between the edges; both axes alike. The sum over pixels that cover the old ones is the old sum exactly.

The variance is resampled with a linear C. Noise on smaller pixels is correlated, and this variance is the one that
leaves the noise of sums over many pixels right; that of a single pixel is smaller. Beyond the edge of the old stamp,
pixels are 0 and masked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.domains.galaxies.items import LARGEST_PSF, LARGEST_SIDE, SMALLEST_SIDE, Stamp, standardize
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

SAME = 1e-4
"""Relative tolerance of equal pixel scales."""
HIDDEN = 0.1
"""Share of a new pixel that is masked or outside, beyond which it is masked."""


def resampled(stamp: Stamp, side: int, pixel_scale: float | None = None) -> Stamp | Refusal:
    """The stamp on other pixels around the same centre.

    Parameters
    ----------
    stamp : Stamp
        Standardized.
    side : int
        Pixels on a side.
    pixel_scale : float, optional
        arcsec. By default the stamp's own: then pixels are cut off or added, and no other changes.

    Returns
    -------
    Stamp or Refusal
        A Refusal if nothing of the stamp is left.

    Raises
    ------
    ConfigError
        For a side or a scale that no stamp may have.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-20:20, -20:20] + 0.5
    >>> stamp = Stamp.of(np.exp(-(x**2 + y**2) / 18), 0.2, 1e-4)
    >>> fine = resampled(stamp, 80, 0.1)
    >>> fine.image.shape, round(float(fine.image.sum() / stamp.image.sum()), 3)
    ((1, 80, 80), 1.0)
    """
    check_geometry(side, pixel_scale)
    scale = stamp.pixel_scale if pixel_scale is None else pixel_scale
    if stamp.side == side and abs(scale / stamp.pixel_scale - 1) < SAME:
        return stamp
    ratio = scale / stamp.pixel_scale
    inside = bounds(stamp.side, side, ratio)
    smooth, linear = spline_matrix(stamp.side, side, ratio), overlap_matrix(stamp.side, side, ratio)
    seen = np.ones(stamp.image.shape[1:]) if stamp.mask is None else 1.0 - stamp.mask
    mask = _applied(linear, seen) / ratio**2 < 1 - HIDDEN
    image = _applied(smooth, stamp.image.astype(np.float64)) * inside
    variance = stamp.variance * ratio**2
    if stamp.variance.ndim > 1:
        variance = _applied(linear, stamp.variance.astype(np.float64))
        variance = np.where(variance > 0, variance, variance.max((-2, -1), keepdims=True))
    psf = None if stamp.psf is None else _psf(stamp.psf.astype(np.float64), ratio)
    hidden = mask if mask.any() else None
    return standardize(
        replace(stamp, image=image, pixel_scale=scale, variance=variance, psf=psf, mask=hidden, source="")
    )


def check_geometry(side: int, pixel_scale: float | None) -> None:
    """Raise a ConfigError for a side or a scale that no stamp may have."""
    if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
        raise ConfigError(f"Expected {SMALLEST_SIDE} to {LARGEST_SIDE} pixels on a side, got {side}.")
    if pixel_scale is not None and not 0 < pixel_scale < math.inf:
        raise ConfigError(f"Expected a positive pixel scale in arcsec, got {pixel_scale}.")


def in_bands(stamp: Stamp, bands: Sequence[str]) -> Stamp | Refusal:
    """The stamp with some of its bands, in this order, and their PSFs and noise."""
    lacking = [band for band in bands if band not in stamp.bands]
    if lacking or not bands:
        return Refusal(f"expected the band {', '.join(lacking) or 'of a name'}, found {', '.join(stamp.bands)}")
    places = [stamp.bands.index(band) for band in bands]
    psf = stamp.psf if stamp.psf is None or stamp.psf.ndim == 2 else stamp.psf[places]
    psf = psf[0] if psf is not None and psf.ndim == 3 and len(bands) == 1 else psf
    return replace(stamp, image=stamp.image[places], variance=stamp.variance[places], psf=psf, bands=tuple(bands))


def _edges(old: int, new: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the old and of the new pixels, in old pixels from the centre; those beyond the old stamp at its edge."""
    own = np.arange(old + 1) - old / 2
    return own, np.clip((np.arange(new + 1) - new / 2) * ratio, own[0], own[-1])


def spline_matrix(old: int, new: int, ratio: float) -> Float[np.ndarray, "new old"]:
    """New fluxes along one axis from old ones, by a cubic spline of the cumulative flux."""
    from scipy.interpolate import CubicSpline

    own, others = _edges(old, new, ratio)
    cumulative = np.vstack([np.zeros(old), np.cumsum(np.eye(old), 0)])
    return np.diff(CubicSpline(own, cumulative, axis=0)(others), axis=0)


def overlap_matrix(old: int, new: int, ratio: float) -> Float[np.ndarray, "new old"]:
    """The share of each old pixel in each new one, along one axis."""
    own, others = _edges(old, new, ratio)
    low, high = np.maximum(others[:-1, None], own[:-1]), np.minimum(others[1:, None], own[1:])
    return np.clip(high - low, 0, None)


def bounds(old: int, new: int, ratio: float) -> Bool[np.ndarray, "new new"]:
    """Whether a new pixel has a part of the old stamp."""
    inside = np.diff(_edges(old, new, ratio)[1]) > 0
    return inside[:, None] & inside


def _applied(matrix: Float[np.ndarray, "new old"], planes: np.ndarray) -> np.ndarray:
    """A matrix along both axes of planes [... y x]."""
    return matrix @ planes @ matrix.T


def _psf(psf: Float[np.ndarray, "*band y x"], ratio: float) -> Float[np.ndarray, "*band v u"]:
    """A PSF on other pixels, of odd side."""
    side = psf.shape[-1]
    new = min(2 * math.ceil((side / ratio - 1) / 2) + 1, LARGEST_PSF)
    return _applied(spline_matrix(side, max(new, 1), ratio), psf)
