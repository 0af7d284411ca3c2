"""The interface of searches to a generative model and its domain: a few callables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError
from sciencegen.optimization.selection import DiversityFilter

Item = Any
Latents = Float[np.ndarray, "item latent"]


@dataclass(frozen=True)
class SearchSpace:
    """Latents whose prior is standard normal to good approximation, and the domain's own moves.

    sample(n, generator): latents of the prior. draw(n, generator): items of the prior, or None where one fails; for
    models that draw items faster than they decode latents. decode(latents): an item or None for each.
    encode(items): latents, a row of NaN where an item can't be encoded. mutate(item, generator): the item after a small
    change, None where it fails. edit(item, generator): small changes of more kinds, which the baselines do not use.
    recombine(item, other, generator): a child of two items. features(items) [item feature]: inputs of a cheap
    surrogate; None means the semantic latents.
    start: items to begin from. accept(item): whether an item may be scored (of what must be kept or forbidden).
    variety: limits how many items of one class are parents, and are scored in a round; None for no limit.
    The first `semantic_size` of the `latent_size` coordinates describe the item, the others are the decoder's noise.
    """

    latent_size: int
    semantic_size: int
    sample: Callable[[int, np.random.Generator], Latents]
    decode: Callable[[Latents], list[Item | None]]
    encode: Callable[[Sequence[Item]], Latents] | None = None
    draw: Callable[[int, np.random.Generator], list[Item | None]] | None = None
    mutate: Callable[[Item, np.random.Generator], Item | None] | None = None
    edit: Callable[[Item, np.random.Generator], Item | None] | None = None
    recombine: Callable[[Item, Item, np.random.Generator], Item | None] | None = None
    features: Callable[[Sequence[Item]], Float[np.ndarray, "item feature"]] | None = None
    start: Sequence[Item] = field(default_factory=tuple)
    accept: Callable[[Item], bool] = lambda item: True
    variety: DiversityFilter | None = None

    def encode_or_nan(self, items: Sequence[Item]) -> Latents:
        """Latents of items, with a row of NaN where an item has none (or there is no encoder)."""
        if self.encode is None or not items:
            return np.full((len(items), self.latent_size), np.nan, np.float32)
        return np.asarray(self.encode(items), np.float32)

    def decode_accepted(self, latents: Latents) -> list[Item | None]:
        """Decoded items; None where decoding fails or the item isn't acceptable."""
        if not len(latents):
            return []
        return self._accepted(self.decode(latents))

    def draw_accepted(self, count: int, generator: np.random.Generator) -> tuple[list[Item | None], Latents]:
        """Items of the prior and their latents; rows of NaN for items of `draw`, whose latents `encode` gives."""
        if self.draw is None or self.encode is None:
            latents = np.asarray(self.sample(count, generator), np.float32)
            return self.decode_accepted(latents), latents
        return self._accepted(self.draw(count, generator)), np.full((count, self.latent_size), np.nan, np.float32)

    def _accepted(self, items: Sequence[Item | None]) -> list[Item | None]:
        return [item if item is not None and self.accept(item) else None for item in items]


@dataclass(frozen=True)
class SearchSettings:
    """Settings that all methods share.

    initial: prior draws scored before the first round (a quarter of it if there are start items).
    population: best distinct items kept as parents. batch: items scored per round (bayes and ascent,
    whose rounds cost seconds, score at least 50).
    screen: children proposed per scored one, among which a surrogate chooses (1 = no screening).
    generations: number of generations of these children; the parents of each are the best so far by the surrogate.
    patience: rounds without a new item after which a search stops.
    step: first step of CMA-ES, in prior standard deviations.
    predictor: a differentiable map of latents to a score (a torch callable) for `ascent`; None: fitted during search.
    """

    initial: int = 100
    population: int = 60
    batch: int = 30
    screen: int = 8
    generations: int = 2
    patience: int = 30
    step: float = 0.5
    predictor: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        for name in ("initial", "population", "batch", "screen", "generations", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Expected {name} of 1 or more among the search settings, got {getattr(self, name)}.")
