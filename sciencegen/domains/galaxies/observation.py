"""Forward model of observed stamps: simulates how a survey observes a noise-free stamp.

observed = noise-free * PSF + noise, on the stamp's own pixels; beyond its edge the flux is 0.
"""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.data.observation import convolve, with_gaussian_noise
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.galaxies.items import (
    FEWEST_SEEN,
    LARGEST_PSF,
    LARGEST_SIDE,
    SMALLEST_SIDE,
    Stamp,
    per_band,
    standardize,
)
from sciencegen.domains.galaxies.measurements import noise_correlation
from sciencegen.errors import ConfigError
from sciencegen.items import Json, Refusal
from sciencegen.runs import check_format

KEPT = 16
"""Number of stamps whose PSF and noise represent those of all."""
MASKED = 1e4
"""Factor of the variance of masked pixels."""
SAME_SCALE = 0.01
"""Relative tolerance of equal pixel scales."""


def observed(
    stamp: Stamp,
    psf: np.ndarray | None,
    variance: np.ndarray,
    generator: np.random.Generator,
    correlation: np.ndarray | None = None,
) -> Stamp | Refusal:
    """Convolve the stamp with a PSF and add Gaussian noise of this variance, nJy² [band] or [band y x], white or with
    this autocovariance in its units, [band v u]."""
    if is_observed(stamp):
        return Refusal("has a PSF or noise already: only a noise-free stamp without PSF can be observed")
    image = stamp.image.astype(np.float64)
    if psf is not None:
        image = convolve(image, psf.astype(np.float64))
    noisy = with_gaussian_noise(image, variance, generator, correlation)
    return standardize(replace(stamp, image=noisy, psf=psf, variance=variance, source=""))


def is_observed(stamp: Stamp) -> bool:
    """Whether the stamp has a PSF or noise."""
    return stamp.psf is not None or not stamp.noise_free


class Exposure(NamedTuple):
    """How one stamp was observed. psf: [y x], [band y x] or None. variance: of the noise, nJy² [band]."""

    psf: np.ndarray | None
    variance: np.ndarray


@dataclass(frozen=True, eq=False)
class ObservingConditions:
    """How stamps were observed. pixel_scale: arcsec. exposures: of a few of them. correlation: of the noise
    (`measurements.noise_correlation`), None for white noise."""

    pixel_scale: float
    exposures: tuple[Exposure, ...]
    correlation: np.ndarray | None = None

    def observed(self, items: Sequence[Stamp], seed: int) -> list[Stamp | Refusal]:
        """The observation of each stamp. A stamp without PSF and noise gets those of one exposure; the exposure and the
        noise are random numbers by (seed, pixels). Stamps that are already observed are unchanged."""
        return [stamp if is_observed(stamp) else self._observed(stamp, seed) for stamp in items]

    def _observed(self, stamp: Stamp, seed: int) -> Stamp | Refusal:
        bands = len(self.exposures[0].variance)
        if abs(stamp.pixel_scale / self.pixel_scale - 1) > SAME_SCALE:
            return Refusal(f'has pixels of {stamp.pixel_scale:g}", those learned from have {self.pixel_scale:g}"')
        if len(stamp.bands) != bands:
            return Refusal(f"has {len(stamp.bands)} band(s), those learned from have {bands}")
        digest = hashlib.blake2b(np.ascontiguousarray(stamp.image).tobytes(), digest_size=8).digest()
        generator = np.random.default_rng([seed, int.from_bytes(digest, "little")])
        psf, variance = self.exposures[generator.integers(len(self.exposures))]
        return observed(stamp, psf, variance, generator, self.correlation)

    def to_json(self) -> Json:
        return {"format": 1, **self.parts_to_json()}

    def parts_to_json(self) -> Json:
        noise = {} if self.correlation is None else {"noise": [packed(plane) for plane in self.correlation]}
        seen = [{"psf": _all_packed(psf), "variance": variance.tolist()} for psf, variance in self.exposures]
        return {"pixel_scale": self.pixel_scale, "seen": seen, **noise}


def observing_conditions(stamps: Sequence[Stamp]) -> ObservingConditions | None:
    """Observing conditions of the stamps, from evenly spaced ones with the pixel scale and bands of the first observed
    one; None if most have neither PSF nor noise."""
    found = [stamp for stamp in stamps if is_observed(stamp)]
    if not found or 2 * len(found) < len(stamps):
        return None
    first = found[0]
    scale = first.pixel_scale
    alike = [s for s in found if s.bands == first.bands and abs(s.pixel_scale / scale - 1) <= SAME_SCALE]
    same_shape = [one for one in alike if one.image.shape == first.image.shape]
    return ObservingConditions(scale, exposures_of(alike), noise_correlation(same_shape))


def load_observing(data: Mapping[str, Any]) -> ObservingConditions:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "observing conditions")
    return load_parts(data)


def load_parts(data: Mapping[str, Any]) -> ObservingConditions:
    """The inverse of `parts_to_json`."""
    noise = _all_unpacked(data["noise"]) if "noise" in data else None
    seen = (Exposure(_all_unpacked(one["psf"]), np.array(one["variance"], np.float32)) for one in data["seen"])
    return ObservingConditions(data["pixel_scale"], tuple(seen), noise)


def exposures_of(stamps: Sequence[Stamp]) -> tuple[Exposure, ...]:
    """PSF and noise of evenly spaced stamps."""
    kept = [stamps[row] for row in evenly_spaced(len(stamps), KEPT)]
    return tuple(Exposure(one.psf, mean_variance(one)) for one in kept)


def _all_packed(psf: np.ndarray | None) -> str | list[str]:
    """A PSF as text ("" for none), or a list of texts, one for each band."""
    return [packed(plane) for plane in psf] if psf is not None and psf.ndim == 3 else packed(psf)


def _all_unpacked(text: str | Sequence[str]) -> np.ndarray | None:
    if isinstance(text, str):
        return unpacked(text)
    planes = [plane for one in text if (plane := unpacked(one)) is not None]
    return np.stack(planes)


def mean_variance(stamp: Stamp) -> Float[np.ndarray, " band"]:
    """Mean variance of the noise in each band, nJy², float32."""
    return stamp.variance.reshape(len(stamp.bands), -1).mean(1).astype(np.float32)


def effective_variance(stamp: Stamp) -> Float[np.ndarray, "*shape"]:
    """The variance of the noise, nJy² [band] or [band y x]; that of masked pixels is `MASKED` times as large, so that a
    likelihood doesn't see them."""
    if stamp.mask is None or stamp.noise_free:
        return stamp.variance
    wide = per_band(stamp.variance)
    return np.where(stamp.mask, MASKED * wide, wide).astype(np.float32)


def packed(psf: np.ndarray | None) -> str:
    """Float32 bytes as text; "" for none."""
    return "" if psf is None else base64.b64encode(zlib.compress(psf.astype("<f4").tobytes())).decode("ascii")


def unpacked(text: str) -> np.ndarray | None:
    """The inverse of `packed`: a square PSF [y x] in float32, or None."""
    if not text:
        return None
    values = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<f4").astype(np.float32)
    side = round(len(values) ** 0.5)
    return values.reshape(side, side)


# Stamps on other pixels: another side and pixel scale, with the flux conserved. PSF, noise and mask go with the
# image.
#
# With the cumulative flux C at the edges of the old pixels, a new pixel from u to v holds C(v) - C(u), where C is a
# cubic spline between the edges; both axes alike. The sum over pixels that cover the old ones is the old sum exactly.
#
# The variance is resampled with a linear C. Noise on smaller pixels is correlated, and this variance is the one that
# leaves the noise of sums over many pixels right; that of a single pixel is smaller. Beyond the edge of the old
# stamp, pixels are 0 and masked.

SAME = 1e-4
"""Relative tolerance of equal pixel scales."""
HIDDEN = 0.1
"""Share of a new pixel that is masked or outside, beyond which it is masked."""


def resampled(stamp: Stamp, side: int, pixel_scale: float | None = None) -> Stamp | Refusal:
    """The stamp on other pixels around the same centre.

    Parameters
    ----------
    stamp : Stamp
        Standardized.
    side : int
        Pixels on a side.
    pixel_scale : float, optional
        arcsec. By default the stamp's own: then pixels are cut off or added, and no other changes.

    Returns
    -------
    Stamp or Refusal
        A Refusal if nothing of the stamp is left.

    Raises
    ------
    ConfigError
        For a side or a scale that no stamp may have.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-20:20, -20:20] + 0.5
    >>> stamp = Stamp.of(np.exp(-(x**2 + y**2) / 18), 0.2, 1e-4)
    >>> fine = resampled(stamp, 80, 0.1)
    >>> fine.image.shape, round(float(fine.image.sum() / stamp.image.sum()), 3)
    ((1, 80, 80), 1.0)
    """
    check_geometry(side, pixel_scale)
    scale = stamp.pixel_scale if pixel_scale is None else pixel_scale
    if stamp.side == side and abs(scale / stamp.pixel_scale - 1) < SAME:
        return stamp
    ratio = scale / stamp.pixel_scale
    inside = bounds(stamp.side, side, ratio)
    smooth, linear = spline_matrix(stamp.side, side, ratio), overlap_matrix(stamp.side, side, ratio)
    seen = np.ones(stamp.image.shape[1:]) if stamp.mask is None else 1.0 - stamp.mask
    mask = _applied(linear, seen) / ratio**2 < 1 - HIDDEN
    image = _applied(smooth, stamp.image.astype(np.float64)) * inside
    variance = stamp.variance * ratio**2
    if stamp.variance.ndim > 1:
        variance = _applied(linear, stamp.variance.astype(np.float64))
        variance = np.where(variance > 0, variance, variance.max((-2, -1), keepdims=True))
    psf = None if stamp.psf is None else _psf(stamp.psf.astype(np.float64), ratio)
    hidden = mask if mask.any() else None
    if (shown := int((~mask).sum())) < FEWEST_SEEN:
        return Refusal(f"only {shown} of {side} x {side} pixels of {scale:g} arcsec show it: the stamp is too small")
    return standardize(
        replace(stamp, image=image, pixel_scale=scale, variance=variance, psf=psf, mask=hidden, source="")
    )


def check_geometry(side: int, pixel_scale: float | None) -> None:
    """Raise a ConfigError for a side or a scale that no stamp may have."""
    if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
        raise ConfigError(f"Expected {SMALLEST_SIDE} to {LARGEST_SIDE} pixels on a side, got {side}.")
    if pixel_scale is not None and not 0 < pixel_scale < math.inf:
        raise ConfigError(f"Expected a positive pixel scale in arcsec, got {pixel_scale}.")


def in_bands(stamp: Stamp, bands: Sequence[str]) -> Stamp | Refusal:
    """The stamp with some of its bands, in this order, and their PSFs and noise."""
    lacking = [band for band in bands if band not in stamp.bands]
    if lacking or not bands:
        return Refusal(f"expected the band {', '.join(lacking) or 'of a name'}, found {', '.join(stamp.bands)}")
    places = [stamp.bands.index(band) for band in bands]
    psf = stamp.psf if stamp.psf is None or stamp.psf.ndim == 2 else stamp.psf[places]
    psf = psf[0] if psf is not None and psf.ndim == 3 and len(bands) == 1 else psf
    return replace(stamp, image=stamp.image[places], variance=stamp.variance[places], psf=psf, bands=tuple(bands))


def _edges(old: int, new: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the old and of the new pixels, in old pixels from the centre; those beyond the old stamp at its edge."""
    own = np.arange(old + 1) - old / 2
    return own, np.clip((np.arange(new + 1) - new / 2) * ratio, own[0], own[-1])


def spline_matrix(old: int, new: int, ratio: float) -> Float[np.ndarray, "new old"]:
    """New fluxes along one axis from old ones, by a cubic spline of the cumulative flux."""
    from scipy.interpolate import CubicSpline

    own, others = _edges(old, new, ratio)
    cumulative = np.vstack([np.zeros(old), np.cumsum(np.eye(old), 0)])
    return np.diff(CubicSpline(own, cumulative, axis=0)(others), axis=0)


def overlap_matrix(old: int, new: int, ratio: float) -> Float[np.ndarray, "new old"]:
    """The share of each old pixel in each new one, along one axis."""
    own, others = _edges(old, new, ratio)
    low, high = np.maximum(others[:-1, None], own[:-1]), np.minimum(others[1:, None], own[1:])
    return np.clip(high - low, 0, None)


def bounds(old: int, new: int, ratio: float) -> Bool[np.ndarray, "new new"]:
    """Whether a new pixel has a part of the old stamp."""
    inside = np.diff(_edges(old, new, ratio)[1]) > 0
    return inside[:, None] & inside


def _applied(matrix: Float[np.ndarray, "new old"], planes: np.ndarray) -> np.ndarray:
    """A matrix along both axes of planes [... y x]."""
    return matrix @ planes @ matrix.T


def _psf(psf: Float[np.ndarray, "*band y x"], ratio: float) -> Float[np.ndarray, "*band v u"]:
    """A PSF on other pixels, of odd side."""
    side = psf.shape[-1]
    new = min(2 * math.ceil((side / ratio - 1) / 2) + 1, LARGEST_PSF)
    return _applied(spline_matrix(side, max(new, 1), ratio), psf)
