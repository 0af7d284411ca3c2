"""Draws of a model as decoded rows: noise, conditions, and steering of diffusions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.api.criteria.goals import Condition, requested_rows
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.sampling.judge import split_rows
from sciencegen.api.sampling.request import no_diffusion
from sciencegen.config import COMPUTE_CHUNK, GenerateSettings
from sciencegen.data.threads import map_threaded
from sciencegen.domains.capabilities import DrawTask
from sciencegen.errors import ConfigError
from sciencegen.items import Item, Refusal
from sciencegen.latent.geometry import latent_noise, uniform_targets

if TYPE_CHECKING:
    from torch import Tensor

    from sciencegen.batch import Batch
    from sciencegen.diffusion.steering import SteeredModel

ATTEMPTS, LEAST_DRAWS = 50, 1000
"""Draws without a limit of the user's: for each requested item, and in all, since few items can be rare by bad luck."""

Merit = Callable[[Sequence[Item]], Sequence[float]]
"""Items to their rewards in nats, NaN if unknown."""

Part = tuple[int, slice]
"""A compute chunk and rows in it, which are decoded together."""


@dataclass(frozen=True)
class Draws:
    """Decoded rows in the order of draws; each item has `settings.best_of` consecutive rows.

    Parameters
    ----------
    model : LoadedModel
    settings : GenerateSettings
    conditions : sequence of Condition
        The model gets those that it is conditioned on.
    few : bool
        Decode no more draws than requested, for slow models; the rounding may then depend on their number.
    particles : int
        Particles of each draw; more than 1 if the model is steered.
    merit : Merit, optional
        The reward for steering.
    task : DrawTask, optional
        Draws instead of the model.
    """

    model: LoadedModel
    settings: GenerateSettings
    conditions: Sequence[Condition]
    few: bool = False
    particles: int = 1
    merit: Merit | None = None
    task: DrawTask | None = None

    @property
    def wanted(self) -> int:
        """Maximum number of items to draw."""
        count, attempts = self.settings.n, self.settings.attempts
        if self.settings.raw:
            return count
        return max(count * ATTEMPTS, LEAST_DRAWS) if attempts is None else count * attempts

    def __iter__(self) -> Iterator[Mapping[str, np.ndarray]]:
        """Iterate over rows. Threads decode compute chunks in parallel; `batch_size` limits how many wait."""
        ahead = self.settings.settings.batch_size // COMPUTE_CHUNK
        for batch in map_threaded(self._decode, self.parts(), self.model.threads, ahead, growing=True):
            yield from split_rows(batch)

    def again(self, parts: Sequence[Part]) -> Iterator[tuple[int, Mapping[str, np.ndarray]]]:
        """(number, row) of each row in some of the parts. Rows are decoded together with those of the first time, since
        rounding depends on how many are."""
        for part, batch in zip(parts, map_threaded(self._decode, parts, self.model.threads), strict=True):
            yield from enumerate(split_rows(batch), first_draw(part) * self.settings.best_of)

    def parts(self) -> Iterator[Part]:
        """(compute chunk, rows in it) for each batch. Only with `few` the last batch ends at the last wanted row."""
        together = self.settings.best_of * self.particles
        if not self.few and together == 1 and self.task is None:
            yield from self.model.space.parts(self.wanted)
            return
        alone = together == 1 and self.task is None
        most = COMPUTE_CHUNK if alone and self.model.device != "cpu" else self.model.recipe.cpu_rows
        size = max(1, most // together)
        for chunk in range(-(-self.wanted // COMPUTE_CHUNK)):
            wanted = min(COMPUTE_CHUNK, self.wanted - chunk * COMPUTE_CHUNK)
            for start in range(0, wanted, size):
                yield chunk, slice(start, min(start + size, wanted if self.few else COMPUTE_CHUNK))

    def _decode(self, part: Part) -> Batch:
        """Decode all draws of some items; the draws of an item are consecutive."""
        (chunk, rows), space, count = part, self.model.space, self.settings.best_of
        condition = self._condition(chunk)
        asked = None if condition is None else condition[rows].repeat(count, 0)
        noise = self.settings.settings.noise_scale * np.stack(
            [
                latent_noise(self.settings.seed, chunk, space.size, again)[rows].copy()
                for again in range(count * self.particles)
            ],
            1,
        )
        if self.task is not None:
            return space.compute_batch(self.task.draw, noise.reshape(-1, space.size), asked)
        if self.merit is None:
            return space.generate_batch(noise.reshape(-1, space.size), asked)
        return steer(self.model, noise.reshape(-1, self.particles, space.size), asked, self.merit)

    def _condition(self, chunk: int) -> np.ndarray | None:
        """Standardized condition rows; each item's target is drawn from the requested range."""
        uniform = lambda columns: uniform_targets(self.settings.seed, chunk, columns)  # noqa: E731
        return requested_rows(self.conditions, self.model.representation, uniform)


def first_draw(part: Part) -> int:
    """The number of the first draw of a part."""
    chunk, rows = part
    return chunk * COMPUTE_CHUNK + int(rows.start)


def steer(
    model: LoadedModel, noise: Float[np.ndarray, "item particle latent"], condition: np.ndarray | None, merit: Merit
) -> Batch:
    """Draw one item from each row of particles, steered by the reward of intermediate estimates. On the CPU."""
    import torch

    from sciencegen.diffusion.steering import Steering

    count = noise.shape[1]

    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=model.device)

    def reward(decode: Callable[[Batch], list[Item | Refusal]], batch: Batch) -> Tensor:
        items = decode(batch.to("cpu"))
        worth = iter(merit([item for item in items if not isinstance(item, Refusal)]))
        return tensor(np.array([math.nan if isinstance(item, Refusal) else next(worth) for item in items]))

    final, underway = (
        partial(reward, one) for one in (model.representation.decode, model.representation.decode_estimates)
    )
    steering = Steering(final, count, estimate=underway)
    asked = None if condition is None else tensor(condition).repeat_interleave(count, 0)
    with torch.inference_mode():
        steered = steerable(model).steered(tensor(noise).flatten(0, 1), steering, asked)
    return steered.to("cpu")


def steerable(model: LoadedModel) -> SteeredModel:
    """The model as a `SteeredModel`; an error for a model that can't be steered."""
    from sciencegen.diffusion.steering import SteeredModel

    if not isinstance(model.model, SteeredModel):
        reason = str(no_diffusion(["steer"], model))
        raise ConfigError(f"{reason} With `best_of` the goals choose among finished draws of any model.")
    return model.model
