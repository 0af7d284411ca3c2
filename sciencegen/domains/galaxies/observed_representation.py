"""Converts observed stamps to tensors and back: the model generates stamps with PSF and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.domains.galaxies import representation as image_representation
from sciencegen.domains.galaxies.items import EncodedStamp, Stamp, standardize
from sciencegen.domains.galaxies.properties import GIVEN
from sciencegen.domains.galaxies.representation import ImageRepresentation
from sciencegen.domains.recipes import ObservedItems, Representation
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal

NOISE_RATIO = 16
"""The noise that noise-free stamps get is the least of the observed ones divided by this."""
NOISE_FREE = (
    "a stamp without noise: this recipe scales pixels by their noise, so that training stamps must have some. Take the "
    "recipe stamp-vae"
)
FEWEST_NOISE_FREE = 0.05
"""Least share of the training stamps from which noise-free ones are learned."""


AS_SEEN = (
    "this model makes stamps with the PSF and the noise through which its training stamps were seen. "
    "Pass `model` with one of the recipe stamp-vae, such as `galaxies`."
)
"""Message for users who request noise-free stamps."""


@dataclass(frozen=True, eq=False)
class ObservedRepresentation(Representation):
    """Like `images`, but decoded stamps have the PSF and the noise of their Batch. least_variance: of the noise, nJy²
    [band]; noise-free stamps get it from the model. None if hardly any training stamp was free of noise and PSF."""

    images: ImageRepresentation
    least_variance: tuple[float, ...] | None = None
    name = "seen-image"

    @property
    def properties(self) -> tuple[str, ...]:
        return self.images.properties

    @property
    def observation(self) -> ObservedItems:
        """The hidden conditions are known from a catalogue only: they can't be measured on blurred and noisy pixels."""
        return ObservedItems(hidden=GIVEN & set(self.properties), as_seen=AS_SEEN)

    @property
    def scales(self) -> Mapping[str, float]:
        return self.images.scales

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.images.shape

    @property
    def exposures(self) -> Batch:
        """PSFs and variances of a few training stamps; each sample is observed with one of them."""
        nothing = np.zeros(self.shape, np.float32)
        return self.images.batch([EncodedStamp(nothing, *one) for one in self.images.instrument.exposures])

    def encode(self, items: Sequence[Stamp]) -> list[EncodedStamp | Refusal]:
        found = zip(self.images.encode(items), items, strict=True)
        refused = self.least_variance is None
        return [Refusal(NOISE_FREE) if refused and item.noise_free else one for one, item in found]

    def batch(self, encoded: Sequence[EncodedStamp], values: np.ndarray | None = None) -> Batch:
        return self.images.batch(encoded, values)

    def scaled(self, values: Float[np.ndarray, "item property"]) -> Float[np.ndarray, "item property"]:
        return self.images.scaled(values)

    def condition(self, values: Mapping[str, float]) -> Float[np.ndarray, " property"]:
        return self.images.condition(values)

    def decode(self, batch: Batch) -> list[Stamp | Refusal]:
        """Stamps with PSF and noise."""
        here = (batch[name].detach().cpu().numpy().astype(np.float32) for name in (IMAGE, PSF, VARIANCE))
        return [self._stamp(*row) for row in zip(*here, strict=True)]

    def _stamp(self, image: np.ndarray, psf: np.ndarray, variance: np.ndarray) -> Stamp | Refusal:
        flat = variance.shape[-1] == 1 and self.images.side > 1
        noise, scale = variance[:, 0, 0] if flat else variance, self.images.instrument.pixel_scale
        return standardize(Stamp(image, scale, psf if psf.any() else None, noise, self.images.bands))

    def to_json(self) -> Json:
        least = {} if self.least_variance is None else {"least_variance": list(self.least_variance)}
        return {**self.images.to_json(), **least, "name": self.name}


def load(data: Mapping[str, Any]) -> ObservedRepresentation:
    """The inverse of `to_json`."""
    least = data.get("least_variance")
    return ObservedRepresentation(image_representation.load(data), None if least is None else tuple(least))


def fit(texts: Sequence[str], values: np.ndarray, names: Sequence[str]) -> ObservedRepresentation:
    """`representation.fit_to`, with exposures that have noise only; DataError if there are none."""
    stamps = image_representation.some_stamps(texts)
    fitted = image_representation.fit_to(stamps, values, names)
    noisy = tuple(one for one in fitted.instrument.exposures if (one.variance > 0).all())
    if not noisy:
        raise DataError(f"Expected stamps with noise among those of the training, got none: {NOISE_FREE}.")
    images = replace(fitted, instrument=replace(fitted.instrument, exposures=noisy))
    if np.mean([one.noise_free and one.psf is None for one in stamps]) < FEWEST_NOISE_FREE:
        return ObservedRepresentation(images)
    least = np.min([one.variance for one in noisy], 0) / NOISE_RATIO**2
    return ObservedRepresentation(images, tuple(least.tolist()))
