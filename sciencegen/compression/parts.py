"""The parts of a file that is coded, and the report on how."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Member:
    """The start of a file in an archive. most: bytes that it has at most, as far as that is known."""

    name: str
    most: int = 0


@dataclass(frozen=True)
class Picture:
    """An array of images in a file, or of a large one that is read a part. array: with the file's byte order. exact: it
    is never coded with loss."""

    array: np.ndarray
    exact: bool = False


Part = bytes | Member | Picture
"""The parts of a file in order. Bytes and arrays one after the other are its content."""


@dataclass
class Report:
    """pixels: of images coded by the predictor, and floor: bits of their noise. general: bytes of pixels that the
    general compressor took. largest_error: in the images' unit, and error_over_noise in units of the noise. lost:
    what is damaged or missing. notes: what else is odd about a file that is read."""

    before: int = 0
    after: int = 0
    pixels: int = 0
    floor: float = 0.0
    general: int = 0
    largest_error: float | None = None
    error_over_noise: float | None = None
    chunks: int = 0
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def bits(self) -> int:
        """Of the whole file."""
        return 8 * self.after

    def add_errors(self, largest: float | None, over_noise: float | None) -> None:
        """Add the errors of an image, None if nothing is lost of it."""
        self.largest_error = _larger(self.largest_error, largest)
        self.error_over_noise = _larger(self.error_over_noise, over_noise)


def _larger(*errors: float | None) -> float | None:
    return max((one for one in errors if one is not None), default=None)
