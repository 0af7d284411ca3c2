"""Power spectra of images."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real

from sciencegen.errors import DataError, ShapeError

CHUNK = 512
"""Images transformed at once: 512 of 64 x 64 pixels are 34 MB of complex numbers."""


def spectrum_frequencies(side: int) -> Float[np.ndarray, " bin"]:
    """Centres of the bins of `radial_power_spectrum`, in cycles per pixel: 0 to 1/2 in steps of 1 / side."""
    return np.arange(side // 2 + 1) / side


def radial_power_spectrum(images: Real[np.ndarray, "item y x"]) -> Float[np.ndarray, "item bin"]:
    """Mean of |F(k)|^2 / (number of pixels) over the rings |k| nearest to `spectrum_frequencies`; unit: pixel squared.

    White noise of variance s^2 has s^2 in every bin. Invariant to 90-degree rotation, reflection and cyclic shifts.
    """
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ShapeError(f"Expected images of shape [item y x] with y = x, got {list(images.shape)}.")
    side = images.shape[1]
    across = np.fft.fftfreq(side)
    ring = np.rint(np.hypot(across[:, None], across[None, :]) * side).astype(int).ravel()
    counts = np.bincount(ring)[: side // 2 + 1]
    order = np.argsort(ring, kind="stable")[: counts.sum()]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    spectra = []
    for start in range(0, len(images), CHUNK):
        power = np.abs(np.fft.fft2(np.asarray(images[start : start + CHUNK], np.float64))) ** 2 / side**2
        spectra.append(np.add.reduceat(power.reshape(len(power), -1)[:, order], starts, axis=1) / counts)
    return np.concatenate(spectra) if spectra else np.zeros((0, len(counts)))


def log_spectra(images: Real[np.ndarray, "item y x"], floor: float) -> Float[np.ndarray, "item bin"]:
    """log10 of (spectrum + floor), as columns of a table of statistics. floor: power below which differences do not
    matter, such as the variance of noise; above 0."""
    if not floor > 0:
        raise DataError(f"Expected a floor above 0, got {floor}. Take the variance of a pixel's noise.")
    return np.log10(radial_power_spectrum(images) + floor)
