"""Items that a page makes: decoded at a place, changed along an axis, between two others, near one, or drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock

import numpy as np
from jaxtyping import Float

from sciencegen.api.maps.latent_map import LatentMap
from sciencegen.api.maps.pictures import Picture, picture_of
from sciencegen.api.sampling.judge import measure_all
from sciencegen.data.workers import is_refusal
from sciencegen.errors import DataError, unknown_name
from sciencegen.items import Item, Property, Refusal
from sciencegen.latent.noise import latent_noise, latents_near

ATTEMPTS = 6
"""Rounds of draws near an item, until enough different items are found."""
SPARE = 3
"""Draws of a round for each item that is asked for."""


@dataclass(frozen=True)
class MadeItem:
    """An item and its latent.

    Parameters
    ----------
    text : str
        "" if the latent decodes to no item.
    reason : str
        Why it has no text.
    latent : array [latent]
    point : (float, float)
        Its place on the map.
    steps : list of float
        Its coordinates along the principal axes, in standard deviations.
    values : mapping
        Properties, None where they can't be computed.
    picture : Picture, optional
    """

    text: str
    reason: str
    latent: Float[np.ndarray, " latent"] = field(repr=False)
    point: tuple[float, float]
    steps: list[float]
    values: Mapping[str, float | None]
    picture: Picture | None = field(repr=False)


@dataclass(frozen=True)
class Maker:
    """Makes items on a map; calls from several threads are computed one after another."""

    map: LatentMap
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @cached_property
    def measured(self) -> tuple[str, ...]:
        """Names of the properties that made items are shown with."""
        domain = self.map.loaded.domain
        names = [column.name for column in self.map.items.columns] or self.map.loaded.space.properties
        return tuple(name for name in names if name in domain.properties)

    @cached_property
    def conditions(self) -> tuple[Property, ...]:
        """The conditions that the model takes, with the range that its draws can have."""
        loaded = self.map.loaded
        known = [loaded.domain.properties[name] for name in loaded.space.properties if name in loaded.domain.properties]
        limits = loaded.representation.limits
        ends = [limits.get(one.name, (one.low, one.high)) for one in known]
        return tuple(replace(one, low=low, high=high) for one, (low, high) in zip(known, ends, strict=True))

    @property
    def decoder_takes_conditions(self) -> bool:
        """Whether conditions change what a latent is decoded to; else only what is drawn."""
        return bool(self.conditions) and not self.map.loaded.recipe.latent_alone

    def decoded(
        self, latents: Float[np.ndarray, "item latent"], condition: Mapping[str, float] | None = None
    ) -> list[MadeItem]:
        """What each latent is decoded to."""
        rows = None
        if condition and self.decoder_takes_conditions:
            rows = np.repeat(self._standardized(condition)[None], len(latents), 0)
        with self._lock:
            items = self.map.loaded.space.decode_items(latents, rows)
            return self._described(items, list(latents))

    def drawn(self, seed: int, condition: Mapping[str, float] | None) -> MadeItem:
        """The draw with this seed, under a condition; the same noise is used for each condition."""
        space = self.map.loaded.space
        rows = self._standardized(condition)[None] if condition else None
        with self._lock:
            latents = space.from_noise(latent_noise(seed, 0, space.size)[:1], rows)
        return self.decoded(latents, condition)[0]

    def near(self, latent: Float[np.ndarray, " latent"], count: int, radius: float, seed: int) -> list[MadeItem]:
        """Different items near a latent, as `LatentSpace.neighbours`: sqrt(1 - r^2) z + r noise."""
        space, found = self.map.loaded.space, dict[str, tuple[Item, Float[np.ndarray, " latent"]]]()
        text = self.map.loaded.domain.items.text
        with self._lock:
            own = [text(one) for one in space.decode_items(latent[None]) if not is_refusal(one)]
            for attempt in range(ATTEMPTS):
                moved = latents_near(latent, radius, SPARE * count, seed, attempt)
                for one, place in zip(space.decode_items(moved), moved, strict=True):
                    if not is_refusal(one) and text(one) not in own:
                        found.setdefault(text(one), (one, place))
                if len(found) >= count:
                    break
            chosen = list(found.values())[:count]
            return self._described([one for one, _ in chosen], [place for _, place in chosen])

    def parsed(self, text: str) -> Item:
        """The item of a text; an error if it is none."""
        item = self.map.loaded.domain.items.parse(text)
        if isinstance(item, Refusal):
            raise DataError(f"Expected an item, got '{text[:60]}': {item.reason}.")
        return item

    def _standardized(self, condition: Mapping[str, float]) -> Float[np.ndarray, " property"]:
        for name in condition:
            if name not in self.map.loaded.space.properties:
                raise unknown_name("condition", name, self.map.loaded.space.properties)
        return self.map.loaded.representation.condition(condition)

    def _described(
        self, items: Sequence[Item | Refusal], latents: Sequence[Float[np.ndarray, " latent"]]
    ) -> list[MadeItem]:
        domain, names = self.map.loaded.domain, self.measured
        known = [item for item in items if not is_refusal(item)]
        rows = iter(measure_all(domain, known, names) if names else [[] for _ in known])
        made = []
        for item, latent in zip(items, latents, strict=True):
            x, y = self.map.place(latent[None])[0].tolist()
            steps = self.map.steps(latent)
            if isinstance(item, Refusal):
                made.append(MadeItem("", item.reason, latent, (x, y), steps, {}, None))
                continue
            values = {name: finite(value) for name, value in zip(names, next(rows), strict=True)}
            made.append(MadeItem(domain.items.text(item), "", latent, (x, y), steps, values, picture_of(domain, item)))
        return made


def finite(value: float | None) -> float | None:
    """A number, or None if it is missing or not finite."""
    return None if value is None or not np.isfinite(value) else float(value)
