"""The log-likelihood of items under a trained model, as an oracle."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.domains.recipes import Encoded, Representation
from sciencegen.items import Direction, Item, Refusal
from sciencegen.scoring.oracles import Oracle, Score

LOG_LIKELIHOOD = "log_likelihood"

Density = Callable[[Batch], Float[Tensor, " batch"]]
"""Encoded items to log p(x), or a lower bound of it, in nats."""


@dataclass(frozen=True)
class LogLikelihood:
    """Unconditional log p(x) of whole items in nats.

    Items are scored one at a time, so that a score doesn't depend on the other items of the batch.

    Parameters
    ----------
    representation : Representation
    density : Density
    device : torch.device
        Device of the model.
    """

    representation: Representation
    density: Density
    device: torch.device
    name: str = LOG_LIKELIHOOD
    unit: str = "nats"
    direction: Direction | None = None

    def score(self, items: Sequence[Item]) -> list[Score]:
        return [self._score(one) for one in self.representation.encode(items)]

    def _score(self, encoded: Encoded | Refusal) -> Score:
        if isinstance(encoded, Refusal):
            return Score(None, failure=encoded.reason)
        with torch.no_grad():
            value = float(self.density(self.representation.batch([encoded]).to(self.device)))
        return Score(value) if math.isfinite(value) else Score(None, failure="its likelihood isn't finite")


def likelihood_oracles(
    model: torch.nn.Module, representation: Representation, density: Density
) -> Mapping[str, Oracle]:
    """Return value of `ModelOracles.make` for a model with a density of items."""
    device = next(model.parameters()).device
    return {LOG_LIKELIHOOD: LogLikelihood(representation, density, device)}
