"""What regressors see of a stamp: its measurements, and how bright it is in rings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import adaptive_moments, curve_of_growth
from sciencegen.domains.galaxies.properties import PROPERTIES, measure

RINGS = np.geomspace(0.75, 24.0, 12)
"""Outer radii of the rings, pixels."""


def features(stamps: Sequence[Stamp]) -> np.ndarray:
    """[stamp feature] float32: the properties (0 where one can't be measured, fluxes as logarithms), the pixel scale,
    and the share of the flux in circles around the centre."""
    names = [name for name in PROPERTIES if name != "flux"]
    measured = measure(stamps, names)
    measured[:, names.index("signal_to_noise")] = np.log1p(measured[:, names.index("signal_to_noise")])
    scales = np.array([stamp.pixel_scale for stamp in stamps]).reshape(len(stamps), 1)
    shares = np.array([_shares(stamp) for stamp in stamps]).reshape(len(stamps), len(RINGS))
    return np.nan_to_num(np.hstack([measured, scales, shares])).astype(np.float32)


def _shares(stamp: Stamp) -> np.ndarray:
    image = stamp.image[0].astype(np.float64)
    moments = adaptive_moments(image)
    if moments is None:
        return np.zeros(len(RINGS))
    growth = curve_of_growth(image, moments.x, moments.y)
    total = growth.flux[-1]
    return np.clip(np.interp(RINGS, growth.radii, growth.flux) / total, -1, 2) if total > 0 else np.zeros(len(RINGS))
