"""Images beside stamps in FITS, by the names of their extensions in upper case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sciencegen.domains.galaxies.headers import About
from sciencegen.domains.galaxies.masks import MASKS, SEGMENTS

ANNOTATIONS = {
    "PSF": "psf", "VARIANCE": "variance", "VAR": "variance", "IVAR": "inverse", "WHT": "inverse", "WEIGHT": "inverse",
    "ERR": "sigma", "SIGMA": "sigma", "RMS": "sigma",
}  # fmt: skip
"""Name -> kind: "psf", or one of `NOISES`."""
PASSED_OVER = frozenset({*MASKS, *SEGMENTS, "DQ", "CON", "CTX", "MODEL"})
"""Names of other images that aren't stamps."""


def _inverse(weight: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return 1 / weight


NOISES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "variance": np.asarray, "inverse": _inverse, "sigma": np.square,
}  # fmt: skip
"""Kind of an image of the noise -> its variance. The first one that a file has is used."""


def variance_of(
    image: np.ndarray,
    said: About,
    parts: Mapping[str, np.ndarray],
    row: Mapping[str, float],
    bands: Sequence[str],
) -> np.ndarray:
    """[band] or [band y x] in the file's unit, from an extension, else the catalogue, a keyword or the stamp's edge."""
    for kind, convert in NOISES.items():
        if kind in parts:
            said.check_noise("an extension with the noise")
            found = convert(parts[kind])
            if found.shape[-2:] != image.shape[-2:]:
                raise ValueError(f"noise of {list(found.shape)} pixels beside an image of {list(image.shape)}")
            return np.broadcast_to(found, image.shape) if found.ndim == 2 else found
    columns = [f"variance_{band}" for band in bands]
    if all(name in row for name in columns):
        said.check_noise(f"the columns {', '.join(columns)}")
        return np.array([row[name] for name in columns])
    return said.noise_of(image)
