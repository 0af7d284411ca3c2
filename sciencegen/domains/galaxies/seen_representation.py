"""Stamps as they were seen to tensors and back: PSF and noise are part of what a model makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.domains.galaxies import image_representation
from sciencegen.domains.galaxies.image_representation import EncodedStamp, ImageRepresentation
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.properties import GIVEN
from sciencegen.errors import DataError
from sciencegen.items import Refusal

NOISE_FREE = "a stamp without noise; this recipe tells pixels in units of their noise. Take the recipe stamp-vae"


@dataclass(eq=False)
class SeenRepresentation:
    """What `images` knows of a family of stamps; but what is decoded has the PSF and the noise of its Batch."""

    images: ImageRepresentation
    name: str = "seen-image"
    properties: tuple[str, ...] = field(init=False)
    as_seen: str = (
        "this model makes stamps with the PSF and the noise through which its training stamps were seen. "
        "Pass --model with one of the recipe stamp-vae, such as `galaxies`."
    )

    def __post_init__(self) -> None:
        self.properties = self.images.properties

    @property
    def hidden(self) -> frozenset[str]:
        """A catalogue knows these of the galaxy; blurred and noisy pixels don't tell them."""
        return GIVEN & set(self.properties)

    @property
    def std(self) -> Float[np.ndarray, " property"]:
        return self.images.std

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.images.shape

    @property
    def seen(self) -> Batch:
        """PSFs and variances of a few training stamps, one of which each draw is seen with."""
        nothing = np.zeros(self.shape, np.float32)
        return self.images.batch([EncodedStamp(nothing, psf, variance) for psf, variance in self.images.seen])

    def encode(self, items: Sequence[Stamp]) -> list[EncodedStamp | Refusal]:
        found = zip(self.images.encode(items), items, strict=True)
        return [Refusal(NOISE_FREE) if item.noise_free else one for one, item in found]

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
        seen = variance[:, 0, 0] if flat else variance
        return standardize(Stamp(image, self.images.pixel_scale, psf if psf.any() else None, seen, self.images.bands))

    def to_json(self) -> dict[str, Any]:
        return {**self.images.to_json(), "name": self.name}


def load(data: Mapping[str, Any]) -> SeenRepresentation:
    """The inverse of `to_json`."""
    return SeenRepresentation(image_representation.load(data))


def fit(texts: Sequence[str], values: np.ndarray, names: Sequence[str]) -> SeenRepresentation:
    """As `image_representation.fit`; the PSFs and the noise that it keeps must have some."""
    fitted = image_representation.fit(texts, values, names)
    noisy = tuple((psf, variance) for psf, variance in fitted.seen if (variance > 0).all())
    if not noisy:
        raise DataError(f"Expected stamps with noise, got {NOISE_FREE}.")
    return SeenRepresentation(replace(fitted, seen=noisy))
