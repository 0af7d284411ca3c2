"""Draws a stamp with an asinh stretch (Lupton et al. 1999, 2004) as a PNG in an <img>."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SOFTENING = 2.0
"""Brightness, in sigmas of the noise, below which the stretch is linear."""
FAINTEST = 0.003
"""Minimum noise for the stretch, relative to the peak; used for noise-free stamps."""
BRIGHTEST = 0.9
"""Share of the stamps of a common stretch whose peak is below white."""
WAVELENGTHS = {
    "u": 360, "B": 440, "g": 480, "G": 530, "V": 550, "r": 620, "R": 640, "i": 760, "I": 790, "z": 880, "Z": 880,
    "y": 1000, "Y": 1020, "J": 1250, "H": 1640, "K": 2200, "Ks": 2150,
}  # fmt: skip
"""Usual names of bands -> their wavelength in nm, also those of pictures (R, G, B)."""


class Imaged(Protocol):
    """What is drawn of a `Stamp`, whose file imports this one."""

    @property
    def image(self) -> np.ndarray: ...

    @property
    def variance(self) -> np.ndarray: ...

    @property
    def bands(self) -> tuple[str, ...]: ...

    @property
    def noise_free(self) -> bool: ...


@dataclass(frozen=True)
class Stretch:
    """soft: brightness in nJy per pixel up to which the stretch is linear. white: brightness of white."""

    soft: float
    white: float

    def __call__(self, brightness: np.ndarray) -> np.ndarray:
        """asinh(b / soft) / asinh(white / soft): 0 for no flux, 1 for white."""
        return np.arcsinh(brightness / self.soft) / np.arcsinh(max(self.white, self.soft) / self.soft)


def stretch_of(stamps: Sequence[Imaged]) -> Stretch:
    """A common stretch of stamps: by the median noise of noisy ones, with white at a high quantile of the peaks."""
    peaks = [float(np.quantile(stamp.image.max(0), 0.999)) for stamp in stamps]
    sigmas = [_sigma(stamp) for stamp in stamps if not stamp.noise_free]
    white = float(np.quantile(peaks, BRIGHTEST))
    sigma = max(float(np.median(sigmas)) if sigmas else 0.0, FAINTEST * white)
    return Stretch(SOFTENING * max(sigma, 1e-30), white)


def _sigma(stamp: Imaged) -> float:
    """Noise per pixel in nJy, averaged over bands."""
    return float(np.sqrt(np.median(stamp.variance.reshape(len(stamp.bands), -1), 1)).mean())


def stretched(stamp: Imaged, stretch: Stretch | None = None) -> np.ndarray:
    """[y x channel] bytes, north up as in DS9. One channel for fewer than three bands; otherwise those of `shown_bands`
    are red, green and blue, with one stretch so that colours are preserved."""
    image = stamp.image.astype(np.float64)
    stretch = stretch or stretch_of([stamp])
    planes = image[:1] if len(image) < 3 else image[shown_bands(stamp.bands)]
    intensity = planes.mean(0)
    dark = np.abs(intensity) < 1e-9 * stretch.soft
    scale = np.where(dark, 0.0, stretch(intensity)) / np.where(dark, 1.0, intensity)
    return (np.clip(0.06 + 0.94 * planes * scale, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)[::-1]


def shown_bands(bands: Sequence[str]) -> list[int]:
    """Numbers of three bands for red, green and blue: the longest, a middle and the shortest wavelength if all names
    are known (`WAVELENGTHS`), else the first, middle and last band."""
    order = list(range(len(bands)))
    if set(bands) <= set(WAVELENGTHS):
        order.sort(key=lambda number: -WAVELENGTHS[bands[number]])
    return [order[0], order[len(order) // 2], order[-1]]


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of bytes [y x 1] (grey) or [y x 3] (colours); the same pixels give the same bytes."""
    height, width, channels = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def render_alike(stamps: Sequence[Imaged], width: int = 220, height: int = 160) -> list[str]:
    """`render` of each stamp with one common stretch, so that a brighter galaxy looks brighter."""
    if not stamps:
        return []
    stretch = stretch_of(stamps)
    return [render(stamp, width, height, stretch) for stamp in stamps]


def render(stamp: Imaged, width: int = 220, height: int = 160, stretch: Stretch | None = None) -> str:
    """An <img> with the embedded picture, as large as fits, with square pixels."""
    size = min(width, height)
    data = base64.b64encode(png(stretched(stamp, stretch))).decode("ascii")
    style = "image-rendering:pixelated"
    return f'<img width="{size}" height="{size}" style="{style}" alt="galaxy" src="data:image/png;base64,{data}"/>'
