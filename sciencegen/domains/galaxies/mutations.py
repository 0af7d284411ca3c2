"""Small moves on a stamp: small changes of orientation, shear, size and flux; or symmetries of the square."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import ndimage

from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.items import Refusal

TURN, SHEAR, GROWTH, BRIGHTENING = 0.15, 0.05, 0.08, 0.1
"""Standard deviations: radians, ellipticity, logarithm of size, logarithm of flux."""


def mutate(stamp: Stamp, generator: np.random.Generator) -> Stamp | Refusal:
    """For a noise-free stamp without PSF: a small rotation, shear, magnification and change of flux. For any other: one
    of seven symmetries of the square, also of PSF and noise map, since interpolating pixels would correlate noise."""
    if not stamp.noise_free or stamp.psf is not None:
        return oriented(stamp, int(generator.integers(1, 8)))
    angle, g1, g2, growth, brightening = generator.normal(0, 1, 5) * (TURN, SHEAR, SHEAR, GROWTH, BRIGHTENING)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shear = np.array([[1 + g1, g2], [g2, 1 - g1]]) / math.sqrt(max(1 - g1**2 - g2**2, 0.5))
    inverse = np.linalg.inv(math.exp(growth) * shear @ turn)[::-1, ::-1]  # of (x, y), for arrays [y x]
    middle = np.full(2, (stamp.side - 1) / 2)
    flux = math.exp(brightening) * abs(np.linalg.det(inverse))
    image = [
        flux * ndimage.affine_transform(plane, inverse, middle - inverse @ middle, order=3, mode="constant")
        for plane in stamp.image.astype(np.float64)
    ]
    return standardize(replace(stamp, image=np.stack(image), name="", source=""))


def oriented(stamp: Stamp, symmetry: int) -> Stamp | Refusal:
    """The stamp under one of the eight symmetries of the square: 0 to 3 quarter turns; plus 4, mirrored in x before."""

    def moved(image: np.ndarray) -> np.ndarray:
        return np.rot90(image[..., ::-1] if symmetry >= 4 else image, symmetry % 4, (-2, -1)).copy()

    variance = moved(stamp.variance) if stamp.variance.ndim > 1 else stamp.variance
    psf, mask = (None if one is None else moved(one) for one in (stamp.psf, stamp.mask))
    image = moved(stamp.image)
    return standardize(replace(stamp, image=image, variance=variance, psf=psf, mask=mask, name="", source=""))
