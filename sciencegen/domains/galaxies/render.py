"""A stamp as a picture: an asinh stretch (Lupton et al. 1999, 2004) in a PNG inside an <img>."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from sciencegen.domains.galaxies.items import Stamp

SOFTENING = 2.0
"""Brightness, in sigmas of the noise, below which the stretch is linear."""
FAINTEST = 0.003
"""Of the peak: what stands for the noise where there is none."""


def stretched(stamp: Stamp) -> np.ndarray:
    """[y x 3] bytes, north up as DS9 shows it: one band grey; of several the last three as red, green and blue, the
    reddest first, with one stretch for all so that colours keep."""
    image = stamp.image.astype(np.float64)
    peak = np.quantile(image.max(0), 0.999)
    sigma = np.sqrt(np.median(stamp.variance.reshape(len(image), -1), 1)).mean()
    soft = SOFTENING * max(float(sigma), FAINTEST * peak)
    planes = image[[0, 0, 0]] if len(image) < 3 else image[[0, len(image) // 2, len(image) - 1]]
    intensity = planes.mean(0)
    scale = np.arcsinh(intensity / soft) / np.where(np.abs(intensity) > 1e-9 * soft, intensity / soft, 1.0)
    bright = planes / soft * scale / np.arcsinh(max(peak, soft) / soft)
    return (np.clip(0.06 + 0.94 * bright, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)[::-1]


def png(pixels: np.ndarray) -> bytes:
    """[y x 3] bytes as a PNG file; the same pixels give the same bytes."""
    height, width = pixels.shape[:2]
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def render(stamp: Stamp, width: int = 220, height: int = 160) -> str:
    """An <img> with the picture inside it, as large as fits, its pixels left square."""
    size = min(width, height)
    data = base64.b64encode(png(stretched(stamp))).decode("ascii")
    style = "image-rendering:pixelated"
    return f'<img width="{size}" height="{size}" style="{style}" alt="galaxy" src="data:image/png;base64,{data}"/>'
