"""Converts stamps to tensors and back: common bands, size and pixel scale, and the scaling of conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.galaxies.items import (
    AB_ZERO_POINT,
    EncodedStamp,
    Stamp,
    parse_text,
    per_band,
    same_side,
    standardize,
)
from sciencegen.domains.galaxies.measurements import GIVEN, noise_correlation
from sciencegen.domains.galaxies.observation import (
    SAME_SCALE,
    Exposure,
    ObservingConditions,
    effective_variance,
    exposures_of,
    load_parts,
    mean_variance,
    resampled,
)
from sciencegen.domains.recipes import ObservedItems, Representation
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Json, Refusal
from sciencegen.optimization.goals import INDICATOR
from sciencegen.runs import check_format

LOGARITHMIC = ("flux", "half_light_radius", "signal_to_noise", "sersic_index")
"""Columns that are passed to the model as logarithms."""
SPIN_2 = ("e1", "e2")
"""A pair that rotates with the image: both are scaled by the same factor and not shifted."""
LOOKED_AT = 2000
"""Maximum number of stamps that are used for fitting."""


@dataclass(frozen=True)
class ConditionColumn:
    """A standardized condition: (f(value) - mean) / std, where f is the logarithm or the identity."""

    name: str
    mean: float
    std: float

    @property
    def logarithmic(self) -> bool:
        return self.name in LOGARITHMIC

    def scaled(self, values: np.ndarray) -> np.ndarray:
        return (_read(self.name, values) - self.mean) / self.std


def _read(name: str, values: np.ndarray) -> np.ndarray:
    """The values of a column, or their logarithms, NaN where these don't exist."""
    values = np.asarray(values, np.float64)
    return np.log(np.where(values > 0, values, np.nan)) if name in LOGARITHMIC else values


OBSERVED_NOTES = (
    "PSF and noise: those of training items",
    "properties: measured without them, but for those of noise itself",
)
"""Notes for a file of generated stamps whose observation was simulated."""


@dataclass(frozen=True, eq=False)
class ImageRepresentation(Representation):
    """bands, side: of all stamps. columns: of the condition, in order. flux_mean, flux_std: of the logarithm of the
    images' sums in nJy. instrument: the pixel scale of all stamps, and exposures of a few training stamps."""

    bands: tuple[str, ...]
    side: int
    columns: tuple[ConditionColumn, ...]
    flux_mean: float
    flux_std: float
    instrument: ObservingConditions
    name = "image"

    @property
    def properties(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def observation(self) -> ObservedItems:
        return ObservedItems(instrument=self.instrument, notes=OBSERVED_NOTES)

    @property
    def scales(self) -> Mapping[str, float]:
        """Standard deviation of each property, in its own unit."""
        return {c.name: float(c.std * np.exp(c.mean)) if c.logarithmic else c.std for c in self.columns}

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.bands), self.side, self.side)

    def encode(self, items: Sequence[Stamp]) -> list[EncodedStamp | Refusal]:
        """Each stamp's arrays, or a Refusal if the model can't encode it."""
        return [self._encode(item) for item in items]

    def _encode(self, stamp: Stamp) -> EncodedStamp | Refusal:
        if stamp.image.shape != self.shape:
            bands, side, _ = self.shape
            got = f"{len(stamp.bands)} of {stamp.side}"
            few = len(stamp.bands) < bands
            remedy = f"take or train a model of {len(stamp.bands)} band(s)" if few else self._remedy
            return Refusal(f"expected {bands} band(s) of {side} x {side} pixels, got {got}; {remedy}")
        if stamp.bands != self.bands and sorted(stamp.bands) == sorted(self.bands):
            order, got = ", ".join(self.bands), ", ".join(stamp.bands)
            return Refusal(f"expected bands {order}, got {got}; write `use: [{order}]` in stamps.yaml beside the file")
        scale = self.instrument.pixel_scale
        if abs(stamp.pixel_scale / scale - 1) > SAME_SCALE:
            return Refusal(f'expected pixels of {scale:g}", got {stamp.pixel_scale:g}"; {self._remedy}')
        return EncodedStamp(stamp.image, stamp.psf, effective_variance(stamp))

    def fitted(self, stamp: Stamp) -> Stamp | Refusal:
        """The stamp on the model's pixels; others than those of a stamp of another side or scale are unchanged."""
        scale = self.instrument.pixel_scale
        if len(stamp.bands) != len(self.bands) or (
            stamp.side == self.side and abs(stamp.pixel_scale / scale - 1) <= SAME_SCALE
        ):
            return stamp
        return resampled(stamp, self.side, scale)

    @property
    def _remedy(self) -> str:
        """How stamps are brought to these pixels."""
        scale, which = self.instrument.pixel_scale, ", and `use: [BAND]`" if len(self.bands) == 1 else ""
        return f"write `resample: {{side: {self.side}, pixel_scale: {scale:g}}}`{which} in stamps.yaml beside the file"

    def batch(self, encoded: Sequence[EncodedStamp], values: np.ndarray | None = None) -> Batch:
        """Fields `image` [batch band y x] in nJy, `psf` [batch y x] or [batch band y x], 0 for none, and `variance`
        [batch band 1 1], or [batch band y x] if any stamp has a map; the condition is standardized."""
        maps = any(one.variance.ndim > 1 for one in encoded)
        shape = self.shape if maps else (len(self.bands), 1, 1)
        variances = [np.broadcast_to(per_band(one.variance), shape) for one in encoded]
        fields = {
            IMAGE: torch.from_numpy(np.stack([one.image for one in encoded])),
            PSF: torch.from_numpy(same_side([one.psf for one in encoded])),
            VARIANCE: torch.from_numpy(np.stack(variances)),
        }
        condition = None if values is None or not self.columns else torch.from_numpy(self.scaled(values))
        return Batch(fields, condition=condition)

    def scaled(self, values: Float[np.ndarray, "item property"]) -> Float[np.ndarray, "item property"]:
        """Standardize raw values, float32."""
        columns = [column.scaled(values[:, number]) for number, column in enumerate(self.columns)]
        return np.stack(columns, 1).astype(np.float32)

    def condition(self, values: Mapping[str, float]) -> Float[np.ndarray, " property"]:
        for name in values:
            if name not in self.properties:
                raise unknown_name("condition of the model", name, self.properties or ["none"])
        asked = {name.rpartition(INDICATOR)[0] for name, value in values.items() if INDICATOR in name and value == 1}
        others = [name for name in self.properties if INDICATOR in name and name.rpartition(INDICATOR)[0] in asked]
        values = {**dict.fromkeys(others, 0.0), **values}  # an item of one class is of no other
        return self.scaled(np.array([[values.get(name, np.nan) for name in self.properties]]))[0]

    def decode(self, batch: Batch) -> list[Stamp | Refusal]:
        """Stamps without PSF and noise."""
        return [self.stamp(image) for image in batch[IMAGE].detach().cpu().numpy()]

    def stamp(self, image: Float[np.ndarray, "band y x"]) -> Stamp | Refusal:
        nothing = np.zeros(len(self.bands), np.float32)
        return standardize(Stamp(image.astype(np.float32), self.instrument.pixel_scale, None, nothing, self.bands))

    def to_json(self) -> Json:
        return {
            "format": 1, "name": self.name, "bands": list(self.bands), "side": self.side,
            "flux": {"mean": self.flux_mean, "std": self.flux_std},
            "properties": {one.name: {"mean": one.mean, "std": one.std} for one in self.columns},
            **self.instrument.parts_to_json(),
        }  # fmt: skip


def load(data: Mapping[str, Any]) -> ImageRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    columns = tuple(ConditionColumn(name, one["mean"], one["std"]) for name, one in data["properties"].items())
    flux = data["flux"]
    return ImageRepresentation(tuple(data["bands"]), data["side"], columns, flux["mean"], flux["std"], load_parts(data))


def fit(texts: Sequence[str], values: np.ndarray, names: Sequence[str]) -> ImageRepresentation:
    """Fit bands, side and pixel scale to the first stamp; fluxes, PSFs and noise to evenly spaced stamps."""
    return fit_to(some_stamps(texts), values, names)


def fit_to(stamps: Sequence[Stamp], values: np.ndarray, names: Sequence[str]) -> ImageRepresentation:
    """Fit bands, side and pixel scale to the first stamp; fluxes, PSFs and noise to all. values: of all items."""
    _check_pair(names)
    first = stamps[0]
    alike = [one for one in stamps if one.image.shape == first.image.shape and one.bands == first.bands]
    sums = np.log([_positive_sum(one) for one in alike])
    columns = alike_pairs([_column(name, values[:, number]) for number, name in enumerate(names)])
    mean, std = float(sums.mean()), float(sums.std()) or 1.0
    instrument = ObservingConditions(first.pixel_scale, _exposures(alike), noise_correlation(alike))
    return ImageRepresentation(first.bands, first.side, columns, mean, std, instrument)


def adapt(
    old: ImageRepresentation, texts: Sequence[str], values: np.ndarray, names: Sequence[str]
) -> ImageRepresentation:
    """For fine-tuning: keep the old scales of images and of known columns; take names of bands, PSFs and noise from the
    new stamps. Raises a DataError if no stamp has the old shape and pixel scale."""
    _check_pair(names)
    stamps = some_stamps(texts)
    fitting = [one for one in stamps if isinstance(old.encode([one])[0], EncodedStamp)]
    if not fitting:
        refusal = old.encode(stamps[:1])[0]
        assert isinstance(refusal, Refusal)
        raise DataError(f"The weights can't be adapted to these stamps: {refusal.reason}, or train without `from`.")
    bands = fitting[0].bands
    if bands != old.bands and set(bands) == set(old.bands):
        raise DataError(f"Expected bands in the order {', '.join(old.bands)}, got {', '.join(bands)}. Reorder them.")
    given = dict(zip(names, values.T, strict=True))
    known = {one.name: one for one in old.columns}
    new = {one.name: one for one in alike_pairs([_column(name, given[name]) for name in names if name not in known])}
    noise = noise_correlation(fitting)
    instrument = replace(old.instrument, exposures=_exposures(fitting), correlation=noise)
    return replace(old, bands=bands, columns=tuple((known | new)[name] for name in names), instrument=instrument)


def _check_pair(names: Sequence[str]) -> None:
    if (SPIN_2[0] in names) != (SPIN_2[1] in names):
        raise ConfigError(f"Expected conditions {SPIN_2[0]} and {SPIN_2[1]} together: one turns into the other.")


def some_stamps(texts: Sequence[str]) -> list[Stamp]:
    """Evenly spaced stamps, at most `LOOKED_AT`."""
    read = [parse_text(texts[row]) for row in evenly_spaced(len(texts), LOOKED_AT)]
    if stamps := [stamp for stamp in read if isinstance(stamp, Stamp)]:
        return stamps
    raise DataError("Expected stamps to learn from, found none.")


def _exposures(stamps: Sequence[Stamp]) -> tuple[Exposure, ...]:
    """Exposures of the stamps with noise, or of all if none has noise."""
    return exposures_of([one for one in stamps if not one.noise_free] or stamps)


def _positive_sum(stamp: Stamp) -> float:
    """Sum of the pixels in nJy, at least the noise of the sum."""
    noise = float(np.sqrt(mean_variance(stamp).mean())) * stamp.side
    return max(float(stamp.image.sum(dtype=np.float64)) / len(stamp.bands), noise, 1e-3)


def _column(name: str, values: np.ndarray) -> ConditionColumn:
    known = _read(name, values)
    known = known[np.isfinite(known)]
    if not len(known):
        raise DataError(f"Expected some values of '{name}', found none. Leave the condition out or give its column.")
    mean = 0.0 if name in SPIN_2 else float(known.mean())
    return ConditionColumn(name, mean, float(np.sqrt(np.mean((known - mean) ** 2))) or 1.0)


def alike_pairs(columns: Sequence[ConditionColumn]) -> tuple[ConditionColumn, ...]:
    """The columns with one common scale for the two components of a spin-2 pair."""
    shared = float(np.sqrt(np.mean([one.std**2 for one in columns if one.name in SPIN_2] or [1.0])))
    return tuple(replace(one, std=shared) if one.name in SPIN_2 else one for one in columns)


# Dependent conditions: flux and magnitude, ellipticity and its components.

Condition = Float[Tensor, "batch property"]
ROUNDEST, FLATTEST = 1e-6, 0.99
"""Limits of the ellipticity."""


def settled(representation: ImageRepresentation, given: Condition, found: Condition) -> Condition:
    """Make the imputed condition `found` consistent without changing values that `given` has (NaN = missing); both are
    standardized."""
    columns = {one.name: (number, one) for number, one in enumerate(representation.columns)}
    found = found.clone()
    if {"flux", "magnitude"} <= columns.keys():
        _settle_flux(given, found, columns)
    if {*SPIN_2, "ellipticity"} <= columns.keys():
        _settle_ellipticity(given, found, columns)
    return found


def _settle_flux(given: Condition, found: Condition, columns: dict) -> None:
    """Magnitude = zero point - 2.5 log10 flux; the flux is computed if only the magnitude is given."""
    (flux, log), (magnitude, one) = columns["flux"], columns["magnitude"]
    slope = -2.5 / math.log(10)
    follows = ~given[:, magnitude].isnan() & given[:, flux].isnan()
    from_magnitude = ((found[:, magnitude] * one.std + one.mean - AB_ZERO_POINT) / slope - log.mean) / log.std
    found[:, flux] = torch.where(follows, from_magnitude, found[:, flux])
    from_flux = (AB_ZERO_POINT + slope * (found[:, flux] * log.std + log.mean) - one.mean) / one.std
    found[:, magnitude] = torch.where(given[:, magnitude].isnan(), from_flux, found[:, magnitude])


def _settle_ellipticity(given: Condition, found: Condition, columns: dict) -> None:
    """e² = e1² + e2²; if only the ellipticity is given, the components are rescaled and keep their direction."""
    pair, (size, one) = [columns[name][0] for name in SPIN_2], columns["ellipticity"]
    scale = columns[SPIN_2[0]][1].std
    length = (found[:, pair].norm(dim=1) * scale).clamp(ROUNDEST, FLATTEST)
    follow = ~given[:, size].isnan() & given[:, pair].isnan().all(1)
    asked = (found[:, size] * one.std + one.mean).clamp(ROUNDEST, FLATTEST)
    found[:, pair] *= torch.where(follow, asked / length, 1.0)[:, None]
    found[:, size] = torch.where(given[:, size].isnan(), (length - one.mean) / one.std, found[:, size])


# Converts observed stamps to tensors and back: the model generates stamps with PSF and noise.

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
class ObservedRepresentation(ImageRepresentation):
    """Of stamps as they were seen: decoded ones have PSF and noise of their Batch. least_variance: of the noise,
    nJy² [band]; noise-free stamps get it from the model. None if hardly any training stamp was free of noise and PSF.
    """

    least_variance: tuple[float, ...] | None = None
    name = "seen-image"

    @property
    def observation(self) -> ObservedItems:
        """The hidden conditions are known from a catalogue only: they can't be measured on blurred and noisy pixels."""
        return ObservedItems(hidden=GIVEN & set(self.properties), as_seen=AS_SEEN)

    @property
    def exposures(self) -> Batch:
        """PSFs and variances of a few training stamps; each sample is observed with one of them."""
        nothing = np.zeros(self.shape, np.float32)
        return self.batch([EncodedStamp(nothing, *one) for one in self.instrument.exposures])

    def encode(self, items: Sequence[Stamp]) -> list[EncodedStamp | Refusal]:
        found = zip(super().encode(items), items, strict=True)
        refused = self.least_variance is None
        return [Refusal(NOISE_FREE) if refused and item.noise_free else one for one, item in found]

    def decode(self, batch: Batch) -> list[Stamp | Refusal]:
        """Stamps with PSF and noise."""
        here = (batch[name].detach().cpu().numpy().astype(np.float32) for name in (IMAGE, PSF, VARIANCE))
        return [self._stamp(*row) for row in zip(*here, strict=True)]

    def _stamp(self, image: np.ndarray, psf: np.ndarray, variance: np.ndarray) -> Stamp | Refusal:
        flat = variance.shape[-1] == 1 and self.side > 1
        noise, scale = variance[:, 0, 0] if flat else variance, self.instrument.pixel_scale
        return standardize(Stamp(image, scale, psf if psf.any() else None, noise, self.bands))

    def to_json(self) -> Json:
        least = {} if self.least_variance is None else {"least_variance": list(self.least_variance)}
        return {**super().to_json(), **least}


def load_observed(data: Mapping[str, Any]) -> ObservedRepresentation:
    """The inverse of `to_json`."""
    least = data.get("least_variance")
    return ObservedRepresentation(**vars(load(data)), least_variance=None if least is None else tuple(least))


def fit_observed(texts: Sequence[str], values: np.ndarray, names: Sequence[str]) -> ObservedRepresentation:
    """`fit_to`, with exposures that have noise only; DataError if there are none."""
    stamps = some_stamps(texts)
    fitted = fit_to(stamps, values, names)
    noisy = tuple(one for one in fitted.instrument.exposures if (one.variance > 0).all())
    if not noisy:
        raise DataError(f"Expected stamps with noise among those of the training, got none: {NOISE_FREE}.")
    images = replace(fitted, instrument=replace(fitted.instrument, exposures=noisy))
    if np.mean([one.noise_free and one.psf is None for one in stamps]) < FEWEST_NOISE_FREE:
        return ObservedRepresentation(**vars(images))
    least = np.min([one.variance for one in noisy], 0) / NOISE_RATIO**2
    return ObservedRepresentation(**vars(images), least_variance=tuple(least.tolist()))
