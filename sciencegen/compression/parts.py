"""The parts of a file that is coded, and the report on how."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Member:
    """The start of a file in an archive."""

    name: str


@dataclass(frozen=True)
class Picture:
    """An array of images in a file. array: with the file's byte order. exact: it is never coded with loss."""

    array: np.ndarray
    exact: bool = False


Part = bytes | Member | Picture
"""The parts of a file in order. Bytes and arrays one after the other are its content."""


@dataclass
class Report:
    """pixels, bits: of images coded by the predictor, and floor: bits of their noise. general: bytes of pixels that the
    general compressor took. largest_error: in the images' unit, and error_over_noise in units of the noise. lost:
    chunks that are damaged or missing."""

    before: int = 0
    after: int = 0
    pixels: int = 0
    bits: int = 0
    floor: float = 0.0
    general: int = 0
    largest_error: float | None = None
    error_over_noise: float | None = None
    chunks: int = 0
    lost: list[str] = field(default_factory=list)

    def add_errors(self, largest: float | None, over_noise: float | None) -> None:
        """Add the errors of an image, None if nothing is lost of it."""
        self.largest_error = _larger(self.largest_error, largest)
        self.error_over_noise = _larger(self.error_over_noise, over_noise)


def _larger(*errors: float | None) -> float | None:
    return max((one for one in errors if one is not None), default=None)
