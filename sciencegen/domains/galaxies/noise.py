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
"""Pixels that differ from 0 by more than this multiple of the noise are set to it: they are sources."""
WHITE = 0.05
"""Correlations of neighbours up to this are taken for white noise: wings of galaxies make as much."""


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
        C(v, u) = E[n(y, x) n(y + v, x + u)] of n = sky / sigma; None if no pixels at most two apart are correlated by
        more than 0.05. C(0, 0) is above 1 where the noise is larger than stated, as undetected sources make it.
    """
    noisy = [one for one in stamps if (one.variance > 0).all()]
    faint = sorted(noisy, key=lambda one: float(one.image.sum()))[: (len(noisy) + 1) // 2]
    if not faint:
        return None
    raw = _correlated(*(np.stack(part) for part in zip(*map(_sky, faint), strict=True)))
    middle = raw.shape[-1] // 2
    near = raw[:, middle - 2 : middle + 3, middle - 2 : middle + 3].copy()
    near[:, 2, 2] = 0.0
    if not np.abs(near).max() > WHITE:
        return None
    return raw.astype(np.float32)


def _sky(stamp: Stamp) -> tuple[Float[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]:
    """Pixels of the sky in units of the noise, 0 elsewhere, and where they are."""
    away = np.arange(stamp.side) - (stamp.side - 1) / 2
    sky = np.hypot(away, away[:, None]) > SKY * stamp.side
    if stamp.mask is not None:
        sky &= ~stamp.mask
    noise = (stamp.image / np.sqrt(per_band(stamp.variance))).clip(-CLIPPED, CLIPPED)
    return np.where(sky, noise, 0.0), sky


def _correlated(
    noise: Float[np.ndarray, "stamp band y x"], sky: Bool[np.ndarray, "stamp y x"]
) -> Float[np.ndarray, "band v u"]:
    """Means of products over all pairs of sky pixels with each offset."""
    side = noise.shape[-1]
    lag = min(LARGEST_LAG, 3 * side // 8)
    padded = (side + lag, side + lag)
    products = scipy.fft.irfft2((np.abs(scipy.fft.rfft2(noise, padded)) ** 2).sum(0), padded)
    pairs = scipy.fft.irfft2((np.abs(scipy.fft.rfft2(sky.astype(np.float64), padded)) ** 2).sum(0), padded)
    return np.roll(products / pairs.clip(min=1), (lag, lag), (1, 2))[:, : 2 * lag + 1, : 2 * lag + 1]
