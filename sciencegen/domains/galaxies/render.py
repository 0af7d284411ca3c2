"""A stamp as a picture: an asinh stretch (Lupton et al. 1999, 2004) in a PNG inside an <img>."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.domains.galaxies.items import Stamp

SOFTENING = 2.0
"""Brightness, in sigmas of the noise, below which the stretch is linear."""
FAINTEST = 0.003
"""Of the peak: what stands for the noise where there is none."""
BRIGHTEST = 0.9
"""Of stamps with one stretch, this share has its peak below white."""


@dataclass(frozen=True)
class Stretch:
    """nJy in a pixel: where the stretch leaves the line, and what is white."""

    soft: float
    white: float

    def __call__(self, brightness: np.ndarray) -> np.ndarray:
        """asinh(b / soft) / asinh(white / soft): 0 for nothing, 1 for white."""
        return np.arcsinh(brightness / self.soft) / np.arcsinh(max(self.white, self.soft) / self.soft)


def stretch_of(stamps: Sequence[Stamp]) -> Stretch:
    """One for several: by the noise of those that have some, and white where the brightest of most are."""
    peaks = [float(np.quantile(stamp.image.max(0), 0.999)) for stamp in stamps]
    sigmas = [_sigma(stamp) for stamp in stamps if not stamp.noise_free]
    white = float(np.quantile(peaks, BRIGHTEST))
    sigma = max(float(np.median(sigmas)) if sigmas else 0.0, FAINTEST * white)
    return Stretch(SOFTENING * max(sigma, 1e-30), white)


def _sigma(stamp: Stamp) -> float:
    """Noise of a pixel in nJy, mean of the bands."""
    return float(np.sqrt(np.median(stamp.variance.reshape(len(stamp.bands), -1), 1)).mean())


def stretched(stamp: Stamp, stretch: Stretch | None = None) -> np.ndarray:
    """[y x channel] bytes, north up as DS9 shows it: one channel of one band; of several bands the last three as red,
    green and blue, the reddest first, with one stretch for all so that colours keep."""
    image = stamp.image.astype(np.float64)
    stretch = stretch or stretch_of([stamp])
    planes = image[:1] if len(image) < 3 else image[[0, len(image) // 2, len(image) - 1]]
    intensity = planes.mean(0)
    dark = np.abs(intensity) < 1e-9 * stretch.soft
    scale = np.where(dark, 0.0, stretch(intensity)) / np.where(dark, 1.0, intensity)
    return (np.clip(0.06 + 0.94 * planes * scale, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)[::-1]


def png(pixels: np.ndarray) -> bytes:
    """[y x 1] bytes, grey, or [y x 3], colours, as a PNG file; the same pixels give the same bytes."""
    height, width, channels = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def render_alike(stamps: Sequence[Stamp], width: int = 220, height: int = 160) -> list[str]:
    """Each as `render` draws it, all with one stretch, so that a brighter galaxy looks brighter."""
    if not stamps:
        return []
    stretch = stretch_of(stamps)
    return [render(stamp, width, height, stretch) for stamp in stamps]


def render(stamp: Stamp, width: int = 220, height: int = 160, stretch: Stretch | None = None) -> str:
    """An <img> with the picture inside it, as large as fits, its pixels left square."""
    size = min(width, height)
    data = base64.b64encode(png(stretched(stamp, stretch))).decode("ascii")
    style = "image-rendering:pixelated"
    return f'<img width="{size}" height="{size}" style="{style}" alt="galaxy" src="data:image/png;base64,{data}"/>'
