"""Forward model of observed stamps: simulates how a survey observes a noise-free stamp.

observed = noise-free * PSF + noise, on the stamp's own pixels; beyond its edge the flux is 0.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from sciencegen.data.observation import convolve, with_gaussian_noise
from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.galaxies.encoded_stamps import per_band
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.noise import noise_correlation
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
    (`noise.noise_correlation`), None for white noise."""

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
        return {"pixel_scale": self.pixel_scale, "seen": exposures_to_json(self.exposures), **noise}


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
    return ObservingConditions(data["pixel_scale"], load_exposures(data["seen"]), noise)


def exposures_of(stamps: Sequence[Stamp]) -> tuple[Exposure, ...]:
    """PSF and noise of evenly spaced stamps."""
    kept = [stamps[row] for row in evenly_spaced(len(stamps), KEPT)]
    return tuple(Exposure(one.psf, mean_variance(one)) for one in kept)


def exposures_to_json(exposures: Sequence[Exposure]) -> list[Json]:
    """PSF as text ("" for none) or a list of texts, one for each band, and variances [band] as a list, for each
    exposure."""
    return [{"psf": _all_packed(psf), "variance": variance.tolist()} for psf, variance in exposures]


def load_exposures(data: Sequence[Mapping[str, Any]]) -> tuple[Exposure, ...]:
    """The inverse of `exposures_to_json`."""
    return tuple(Exposure(_all_unpacked(one["psf"]), np.array(one["variance"], np.float32)) for one in data)


def _all_packed(psf: np.ndarray | None) -> str | list[str]:
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
