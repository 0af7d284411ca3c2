"""The log-likelihood of items under a trained model, as an oracle."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

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


class CodeLength(NamedTuple):
    """What an item takes as a code: its bits, and the number of its symbols, pixels or known cells."""

    bits: float
    values: int


@runtime_checkable
class CodesItems(Protocol):
    """A likelihood that is also the length of a code."""

    def code_lengths(self, items: Sequence[Item]) -> list[CodeLength]:
        """Bounds of -log2 p; items without a likelihood are left out."""


@dataclass(frozen=True)
class LogLikelihood:
    """Unconditional log p(x) of whole items in nats.

    Items are scored one at a time, or as many at once as `together` says, always filled up to that number: a score
    doesn't depend on the other items of the batch.

    Parameters
    ----------
    representation : Representation
    density : Density
    device : torch.device
        Device of the model.
    together : int
        Items of one call of the density.
    """

    representation: Representation
    density: Density
    device: torch.device
    together: int = 1
    name: str = LOG_LIKELIHOOD
    unit: str = "nats"
    direction: Direction | None = None

    def score(self, items: Sequence[Item]) -> list[Score]:
        encoded = self.representation.encode(items)
        values = self._values([one for one in encoded if not isinstance(one, Refusal)])
        return [
            Score(None, failure=one.reason) if isinstance(one, Refusal) else _score(next(values)) for one in encoded
        ]

    def code_lengths(self, items: Sequence[Item]) -> list[CodeLength]:
        """Of items as their symbols: -log2 p, and the number of symbols."""
        encoded = [one for one in self.representation.encode(items) if not isinstance(one, Refusal)]
        counts = map(self.representation.symbols, encoded)
        pairs = zip(self._values(encoded), counts, strict=True)
        return [CodeLength(-nats / math.log(2), count) for nats, count in pairs if math.isfinite(nats)]

    def _values(self, encoded: Sequence[Encoded]) -> Iterator[float]:
        for start in range(0, len(encoded), self.together):
            part = list(encoded[start : start + self.together])
            batch = self.representation.batch(part + part[-1:] * (self.together - len(part)))
            with torch.no_grad():
                yield from self.density(batch.to(self.device))[: len(part)].tolist()


def code_figures(lengths: Sequence[CodeLength]) -> dict[str, float]:
    """Mean bits of an item and of one of its values, by name; empty without items.

    Examples
    --------
    >>> from sciencegen.domains.likelihoods import CodeLength, code_figures
    >>> code_figures([CodeLength(12.0, 4), CodeLength(18.0, 6)])
    {'bits_per_item': 15.0, 'bits_per_value': 3.0}
    """
    if not lengths:
        return {}
    bits, values = sum(one.bits for one in lengths), sum(one.values for one in lengths)
    return {"bits_per_item": bits / len(lengths), "bits_per_value": bits / values}


def _score(value: float) -> Score:
    return Score(value) if math.isfinite(value) else Score(None, failure="its likelihood isn't finite")


def likelihood_oracles(
    model: torch.nn.Module, representation: Representation, density: Density, together: int = 1
) -> Mapping[str, Oracle]:
    """Return value of `ModelOracles.make` for a model with a density of items."""
    device = next(model.parameters()).device
    return {LOG_LIKELIHOOD: LogLikelihood(representation, density, device, together)}
