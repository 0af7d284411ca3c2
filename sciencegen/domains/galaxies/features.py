"""Features of a stamp for regressors: measurements, flux in rings and ellipses, and its shape corrected for the PSF.

Shapes are computed by HSM's re-Gaussianization (Hirata & Seljak 2003). Stamp and PSF are first smoothed by the same
kernel, which doesn't change the shape corrected for the PSF: moments of a PSF narrower than two pixels can't be
measured directly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from sciencegen.domains.galaxies.files import parse
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.measurements import (
    HSM_ITERATIONS,
    PROPERTIES,
    SMOOTHING,
    ImageMoments,
    adaptive_moments,
    curve_of_growth,
    measure,
)
from sciencegen.domains.galaxies.sersic_fit import AT_LIMIT, FITTED, INDICES, SersicFit, fit_sersic
from sciencegen.domains.properties import SIMILARITY_PREFIX, property_oracle, similarity_oracle
from sciencegen.errors import unknown_name
from sciencegen.items import Direction, Refusal
from sciencegen.scoring.oracles import Oracle, Score

RINGS = np.geomspace(0.75, 24.0, 12)
"""Outer radii of the rings, pixels."""
ELLIPSES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Widths of the elliptical Gaussian weights, relative to the galaxy's own width."""
MARGIN = 4
"""Pixels of padding around a PSF before it is smoothed."""
SHAPE = 10


def features(stamps: Sequence[Stamp]) -> np.ndarray:
    """[stamp feature] float32: the properties (0 for a failed measurement, fluxes as logarithms), the pixel scale, the
    shares of the flux in circles around the centre, the logarithm of the noise, the shapes of stamp and PSF, and the
    logarithms of the flux weighted by elliptical Gaussians."""
    names = [name for name in PROPERTIES if name != "flux"]
    measured = measure(stamps, names)
    measured[:, names.index("signal_to_noise")] = np.log1p(measured[:, names.index("signal_to_noise")])
    scales = np.array([stamp.pixel_scale for stamp in stamps]).reshape(len(stamps), 1)
    rows = np.array([_of_one(stamp) for stamp in stamps]).reshape(len(stamps), len(RINGS) + 1 + SHAPE + len(ELLIPSES))
    return np.nan_to_num(np.hstack([measured, scales, rows])).astype(np.float32)


def _of_one(stamp: Stamp) -> np.ndarray:
    image = stamp.image[0].astype(np.float64)
    noise = math.log1p(float(np.mean(stamp.variance[0])))
    moments = adaptive_moments(image)
    if moments is None:
        return np.r_[np.zeros(len(RINGS)), noise, np.full(SHAPE + len(ELLIPSES), np.nan)]
    return np.r_[_shares(image, moments), noise, _shape(image, stamp.psf_of(0)), _in_ellipses(image, moments)]


def _shares(image: np.ndarray, moments: ImageMoments) -> np.ndarray:
    growth = curve_of_growth(image, moments.x, moments.y)
    total = growth.flux[-1]
    return np.clip(np.interp(RINGS, growth.radii, growth.flux) / total, -1, 2) if total > 0 else np.zeros(len(RINGS))


def _shape(image: np.ndarray, psf: np.ndarray | None) -> np.ndarray:
    """e1 and e2 corrected for the PSF, the resolution factor, the PSF's width (pixels), e1 and e2, and the stamp's own
    width, e1, e2 and fourth moment; all but the first three after smoothing. NaN where HSM fails."""
    import galsim

    settings = galsim.hsm.HSMParams(max_mom2_iter=HSM_ITERATIONS)
    kernel = np.pad(np.ones((1, 1)) if psf is None else psf.astype(np.float64), MARGIN)
    seen, blur = (galsim.ImageD(ndimage.gaussian_filter(one, SMOOTHING, mode="constant")) for one in (image, kernel))
    found = galsim.hsm.EstimateShear(seen, blur, strict=False, guess_sig_gal=len(image) / 10, hsmparams=settings)
    if found.error_message or not math.hypot(found.corrected_e1, found.corrected_e2) < 1:
        return np.full(SHAPE, np.nan)
    true = galsim.Shear(e1=found.corrected_e1, e2=found.corrected_e2)
    whole, of_psf = found.observed_shape, found.psf_shape
    return np.array([
        true.g1, true.g2, found.resolution_factor, found.psf_sigma, of_psf.g1, of_psf.g2,
        found.moments_sigma, whole.g1, whole.g2, found.moments_rho4,
    ])  # fmt: skip


def _in_ellipses(image: np.ndarray, moments: ImageMoments) -> np.ndarray:
    """The asinh of the flux in nJy, each pixel weighted by exp(-r² / 2 s²), with the stamp's elliptical radius r."""
    rows, columns = np.mgrid[: len(image), : len(image)]
    x, y = columns - moments.x, rows - moments.y
    size = 1 - moments.e1**2 - moments.e2**2
    u = ((1 - moments.e1) * x - moments.e2 * y) / math.sqrt(size)
    v = ((1 + moments.e1) * y - moments.e2 * x) / math.sqrt(size)
    r2 = (u**2 + v**2) / max(moments.sigma, 0.5) ** 2
    return np.arcsinh([(image * np.exp(-r2 / (2 * width**2))).sum() for width in ELLIPSES])


# Similarity of stamps: the distance between their smoothed first bands, independent of brightness.

SIMILARITY_SMOOTHING = 1.5
"""sigma in pixels: about the width of a survey's PSF, so that pixel noise has little effect."""
WINDOW, BINNING = 32, 2
"""Side in pixels of the compared window around the galaxy's centre, and of the bins."""
BLOCK = 2048


def pictures(stamps: Sequence[Stamp]) -> np.ndarray:
    """[stamp 16 16] float32: smoothed, centred on the galaxy to the nearest pixel, binned, with unit norm."""
    return np.array([_picture(stamp) for stamp in stamps], np.float32).reshape(len(stamps), *(WINDOW // BINNING,) * 2)


def _picture(stamp: Stamp) -> np.ndarray:
    image = stamp.image[0].astype(np.float64)
    moments = adaptive_moments(image)
    middle = (stamp.side - 1) / 2
    x, y = (middle, middle) if moments is None else (moments.x, moments.y)
    smooth = np.pad(ndimage.gaussian_filter(image, SIMILARITY_SMOOTHING), WINDOW // 2)
    row, column = int(np.floor(y + 1)), int(np.floor(x + 1))
    window = smooth[row : row + WINDOW, column : column + WINDOW]
    small = window.reshape(WINDOW // BINNING, BINNING, WINDOW // BINNING, BINNING).sum((1, 3))
    return small / max(np.linalg.norm(small), 1e-30)


def orientations(images: np.ndarray) -> np.ndarray:
    """[8 stamp y x] images rotated by multiples of 90 degrees, and their reflections."""
    turned = [np.rot90(images, turn, (1, 2)) for turn in range(4)]
    return np.stack([*turned, *(one[:, :, ::-1] for one in turned)])


def similarity(stamps: Sequence[Stamp], references: Sequence[Stamp]) -> np.ndarray:
    """[stamp reference] in 0..1: 1 - d / sqrt(2), where d is the minimum distance of the two pictures as unit vectors
    over the eight orientations of a square. With their correlation rho this is 1 - sqrt(1 - rho), where products in
    single precision would err by 1e-4 near 1.

    Galaxies have no preferred orientation, so a reflection is the same galaxy; another size or shape isn't.
    """
    if not len(stamps) or not len(references):
        return np.zeros((len(stamps), len(references)))
    own, others = pictures(stamps).reshape(len(stamps), -1).astype(float), orientations(pictures(references))
    flat = others.reshape(8, len(references), -1)
    return _of_correlation(np.max([own @ one.T for one in flat], 0))


def nearest(stamps: Sequence[Stamp], references: Sequence[Stamp]) -> np.ndarray:
    """[stamp] the greatest similarity to any reference, 0 without references."""
    best = np.zeros(len(stamps))
    if not len(stamps) or not len(references):
        return best
    own = pictures(stamps).reshape(len(stamps), -1).astype(float)
    for start in range(0, len(references), BLOCK):
        flat = orientations(pictures(references[start : start + BLOCK])).reshape(-1, own.shape[1])
        best = np.maximum(best, (own @ flat.T).max(1))
    return _of_correlation(best)


def _of_correlation(rho: np.ndarray) -> np.ndarray:
    return 1 - np.sqrt(1 - np.clip(rho, 0.0, 1.0).astype(np.float64))


# Small moves on a stamp: small changes of orientation, shear, size and flux; or symmetries of the square.

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


# The domain's oracles by name: every property, those of a Sérsic profile's fit, and the similarity to a stamp.

NOT_GOALS = {
    "log_likelihood": "it tells how faint and how noisy a stamp is before anything else. Ask for 'anomaly <= 2' instead"
}
"""Name that can't be a goal or condition -> reason."""


@dataclass(frozen=True)
class FitOracle:
    """Oracle of a parameter of the fitted Sérsic profile; the index has its 90% interval."""

    name: str
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Stamp]) -> list[Score]:
        return [self._score(fit_sersic(stamp)) for stamp in items]

    def _score(self, fit: SersicFit | None) -> Score:
        if fit is None:
            return Score(None, failure="no Sérsic profile can be fitted")
        # At a limit of the index no profile fits, regardless of the other parameters.
        if self.name == "sersic_index" and min(abs(math.log(fit.index / limit)) for limit in INDICES) < AT_LIMIT:
            return Score(None, failure=f"the fit ends at the limit of indices, {fit.index:.2g}: no profile fits")
        bounds = (fit.lower, fit.upper) if self.name == "sersic_index" else (None, None)
        return Score(getattr(fit, FITTED[self.name][0]), *bounds)


def oracle(name: str) -> Oracle:
    """A built-in oracle by name; also "similarity to <stamps.fits[3]>"."""
    if name in PROPERTIES:
        return property_oracle(PROPERTIES[name], measure)
    if name in FITTED:
        return FitOracle(name, FITTED[name][1])
    if name.startswith(SIMILARITY_PREFIX):
        other = name.removeprefix(SIMILARITY_PREFIX)
        return similarity_oracle("galaxy", other, parse, lambda stamp: other, similarity)
    raise unknown_name("property of galaxies", name, oracle_names())


def oracle_names() -> list[str]:
    """Names of the properties and of the fitted parameters; `similarity to ...` is not listed."""
    return [*PROPERTIES, *FITTED]
