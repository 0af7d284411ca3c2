"""Correlation of the noise between pixels, from the sky of stamps.

Resampling and co-adding of exposures, and undetected sources, correlate the noise of neighbouring pixels. Sums over
many pixels, such as fluxes, then vary more than the variance of a pixel tells: C of 0.03 up to five pixels away
doubles the noise of a flux.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from jaxtyping import Bool, Float

from sciencegen.domains.galaxies.encoded_stamps import per_band
from sciencegen.domains.galaxies.items import Stamp

SKY = 0.35
"""Distance from the middle, relative to the side, from which pixels are sky."""
LARGEST_LAG = 16
"""Largest offset in pixels; beyond it the correlation is taken as 0. At most 3/8 of the side."""
CLIPPED = 5.0
"""Pixels of the sky are limited to this multiple of the noise, so that a source doesn't outweigh all others."""
WHITE = 0.05
"""Correlations of neighbours up to this are taken for white noise: wings of galaxies make as much."""
SIGNIFICANT, FEWEST_PAIRS = 4.0, 1000
"""Standard errors above which noise is correlated, and the least number of pairs of pixels to tell."""
TOLD = 2.0
"""Standard errors below which a correlation is taken as 0, so that their scatter doesn't add up."""


def noise_correlation(stamps: Sequence[Stamp]) -> Float[np.ndarray, "band v u"] | None:
    """Autocovariance of the noise in each band in units of the stated variance, from the sky of stamps.

    Parameters
    ----------
    stamps : sequence of Stamp
        Of equal shape. Noise-free ones are left out, and so is the brighter half of the others, whose wings reach into
        the sky.

    Returns
    -------
    array [band v u] or None
        C(v, u) = E[n(y, x) n(y + v, x + u)] of n = sky / sigma, 0 where it is below two standard errors; None if no
        pixels at most two apart are correlated by more than 0.05 and by four standard errors. C(0, 0) is above 1 where
        the noise is larger than stated, as undetected sources make it, and 1 in a band without noise in the sky.
    """
    noisy = [one for one in stamps if (one.variance > 0).all()]
    faint = sorted(noisy, key=lambda one: float(one.image.sum()))[: (len(noisy) + 1) // 2]
    if not faint:
        return None
    found, pairs = _correlated(faint)
    middle = found.shape[-1] // 2
    found[found[:, middle, middle] <= 0, middle, middle] = 1.0
    error = 1 / np.sqrt(pairs.clip(min=1))
    near = np.s_[middle - 2 : middle + 3]
    others = found[:, near, near].copy()
    others[:, 2, 2] = 0.0
    largest = np.maximum(WHITE, SIGNIFICANT * error[near, near])
    if pairs[near, near].min() < FEWEST_PAIRS or not (np.abs(others) > largest).any():
        return None
    return np.where(np.abs(found) > TOLD * error, found, 0.0).astype(np.float32)


def _sky(stamp: Stamp) -> tuple[Float[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]:
    """Pixels of the sky in units of the noise, 0 elsewhere, and where they are."""
    away = np.arange(stamp.side) - (stamp.side - 1) / 2
    sky = np.hypot(away, away[:, None]) > SKY * stamp.side
    if stamp.mask is not None:
        sky &= ~stamp.mask
    noise = (stamp.image / np.sqrt(per_band(stamp.variance))).clip(-CLIPPED, CLIPPED)
    return np.where(sky, noise, 0.0), sky


def _correlated(stamps: Sequence[Stamp]) -> tuple[Float[np.ndarray, "band v u"], Float[np.ndarray, "v u"]]:
    """Means of products over all pairs of sky pixels with each offset, and the numbers of pairs."""
    side = stamps[0].side
    lag = min(LARGEST_LAG, 3 * side // 8)
    padded = (side + lag, side + lag)
    power, window = 0.0, 0.0
    for stamp in stamps:
        noise, sky = _sky(stamp)
        power = power + np.abs(scipy.fft.rfft2(noise, padded)) ** 2
        window = window + np.abs(scipy.fft.rfft2(sky.astype(np.float64), padded)) ** 2
    products, pairs = (
        np.roll(scipy.fft.irfft2(one, padded), (lag, lag), (-2, -1))[..., : 2 * lag + 1, : 2 * lag + 1]
        for one in (power, window)
    )
    return products / pairs.round().clip(min=1), pairs.round()
