"""Arrays of stamps as a model takes them, and PSFs and variances in one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class EncodedStamp:
    """image [band y x], psf [y x], [band y x] or None, variance [band] or [band y x]; float32."""

    image: np.ndarray
    psf: np.ndarray | None
    variance: np.ndarray

    def __len__(self) -> int:
        """All stamps of one model have the same size."""
        return 1


def per_band(variance: np.ndarray) -> np.ndarray:
    """A variance of the noise [band] as [band 1 1]; a map [band y x] as it is."""
    return variance if variance.ndim > 1 else variance[:, None, None]


def same_side(psfs: Sequence[np.ndarray | None]) -> Float[np.ndarray, "item *band y x"]:
    """Point spread functions padded to squares of one odd side, zeros for none; of each band if any item's are."""
    known = [psf for psf in psfs if psf is not None]
    side = max((psf.shape[-1] for psf in known), default=1)
    bands = max((psf.shape[:-2] for psf in known), default=())
    made = np.zeros((len(psfs), *bands, side, side), np.float32)
    for square, psf in zip(made, psfs, strict=True):
        if psf is not None:
            start = (side - psf.shape[-1]) // 2
            square[..., start : start + psf.shape[-1], start : start + psf.shape[-1]] = psf
    return made
