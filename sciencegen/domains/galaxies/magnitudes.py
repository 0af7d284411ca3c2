"""AB magnitudes: 31.4 - 2.5 log10(flux) of a flux in nanojansky (Oke & Gunn 1983)."""

from __future__ import annotations

from typing import Any

import numpy as np

AB_ZERO_POINT = 31.4
"""AB magnitude of 1 nJy."""


def magnitude(flux: Any) -> Any:
    """AB magnitude of a flux in nJy; NaN unless it is positive."""
    flux = np.asarray(flux, np.float64)
    return AB_ZERO_POINT - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))


def flux_of(magnitude: Any) -> Any:
    """Flux in nJy of an AB magnitude."""
    return 10.0 ** (0.4 * (AB_ZERO_POINT - magnitude))
