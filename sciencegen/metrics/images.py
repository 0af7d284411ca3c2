"""Statistics of images: scattering coefficients and power spectra."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
from jaxtyping import Float, Real
from scipy import fft

from sciencegen.errors import DataError, ShapeError

# Scattering coefficients of images: how much they vary at each scale, and how much that variation varies.
#
#     I(j, a) = |x * psi_ja|                 psi: a wavelet of scale j (octaves) and direction a
#     s1(j) = mean over pixels and directions of I(j, a)
#     s2(j, k, d) = mean over pixels and pairs of directions d apart of |I(j, a) * psi_kb|,  k > j
#
# A power spectrum is similar to s1; s2 also distinguishes sparse bright knots and arms from smooth light. No parameter
# is fitted. Rotations by 90 degrees and reflections leave the coefficients unchanged. Mallat 2012, Comm. Pure Appl.
# Math. 65, 1331; reduced as by Cheng & Ménard 2021, MNRAS 507, 1012.

SCALES, DIRECTIONS = 4, 4
FINEST = 0.3
"""Cycles per pixel of the finest wavelet; halved at each further scale."""
OCTAVES = 0.5
"""Standard deviation of the frequencies of a wavelet around its centre."""
PAIRS = tuple(combinations(range(SCALES), 2))
CHUNK = 64


@cache
def wavelets(side: int) -> Float[np.ndarray, "scale direction y x"]:
    """Fourier transforms of the wavelets: exp(-log2(|k| / k_j)² / 2 s²) cos²(angle to the direction) on one half plane;
    0 on the other, and at the Nyquist frequency, which has no opposite."""
    along = fft.fftfreq(side)
    ky, kx = along[:, None], along[None, :]
    size = np.hypot(kx, ky)
    known = (size > 0) & (np.abs(kx) < 0.5) & (np.abs(ky) < 0.5)
    octave = np.log2(np.where(known, size, 1.0) / FINEST)
    made = np.zeros((SCALES, DIRECTIONS, side, side))
    for scale in range(SCALES):
        radial = np.where(known, np.exp(-((octave + scale) ** 2) / (2 * OCTAVES**2)), 0.0)
        for direction in range(DIRECTIONS):
            angle = np.pi * direction / DIRECTIONS
            cosine = (kx * np.cos(angle) + ky * np.sin(angle)) / np.where(known, size, 1.0)
            made[scale, direction] = radial * np.clip(cosine, 0, None) ** 2
    return made.astype(np.float32)


def scattering(images: Real[np.ndarray, "item y x"]) -> Float[np.ndarray, "item coefficient"]:
    """s1 of each scale; its anisotropy |sum_a s1(j, a) exp(2ia)| / sum_a s1(j, a); and s2 / s1(j) of each pair of
    scales, with 0, 45 and 90 degrees between directions: 4 + 4 + 18 numbers."""
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ShapeError(f"Expected images of shape [item y x] with y = x, got {list(images.shape)}.")
    parts = [_scattered(np.asarray(images[n : n + CHUNK], np.float32)) for n in range(0, len(images), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, 2 * SCALES + 3 * len(PAIRS)))


def _scattered(images: np.ndarray) -> np.ndarray:
    filters, transformed = wavelets(images.shape[1]), fft.fft2(images)
    first = np.zeros((SCALES, DIRECTIONS, len(images)))
    second: dict[tuple[int, int, int], list[np.ndarray]] = {}
    for scale, direction in np.ndindex(SCALES, DIRECTIONS):
        varied = np.abs(fft.ifft2(transformed * filters[scale, direction]))
        first[scale, direction] = varied.mean((1, 2), dtype=np.float64)
        again = fft.fft2(varied)
        for coarser, other in np.ndindex(SCALES, DIRECTIONS):
            if coarser > scale:
                found = np.abs(fft.ifft2(again * filters[coarser, other])).mean((1, 2), dtype=np.float64)
                apart = min((other - direction) % DIRECTIONS, (direction - other) % DIRECTIONS)
                second.setdefault((scale, coarser, apart), []).append(found)
    total = first.sum(1)
    directed = np.hypot(first[:, 0] - first[:, 2], first[:, 1] - first[:, 3]) / total
    ratios = [np.mean(second[j, k, d], 0) / (total[j] / DIRECTIONS) for j, k in PAIRS for d in range(3)]
    return np.concatenate([total / DIRECTIONS, directed, ratios]).T


# Power spectra of images.

SPECTRA_CHUNK = 512
"""Images transformed at once: 512 of 64 x 64 pixels are 34 MB of complex numbers."""


def radial_power_spectrum(images: Real[np.ndarray, "item y x"]) -> Float[np.ndarray, "item bin"]:
    """Mean of |F(k)|^2 / (number of pixels) over the rings |k| nearest to 0, 1 / side, ... 1/2 cycles per pixel;
    unit: pixel squared.

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
    for start in range(0, len(images), SPECTRA_CHUNK):
        power = np.abs(np.fft.fft2(np.asarray(images[start : start + SPECTRA_CHUNK], np.float64))) ** 2 / side**2
        spectra.append(np.add.reduceat(power.reshape(len(power), -1)[:, order], starts, axis=1) / counts)
    return np.concatenate(spectra) if spectra else np.zeros((0, len(counts)))


def log_spectra(images: Real[np.ndarray, "item y x"], floor: float) -> Float[np.ndarray, "item bin"]:
    """log10 of (spectrum + floor), as columns of a table of statistics. floor: power below which differences do not
    matter, such as the variance of noise; above 0."""
    if not floor > 0:
        raise DataError(f"Expected a floor above 0, got {floor}. Take the variance of a pixel's noise.")
    return np.log10(radial_power_spectrum(images) + floor)
