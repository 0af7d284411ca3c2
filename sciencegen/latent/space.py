"""The interface between generative models and search: what every model family offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np

from sciencegen.items import Item, Refusal

if TYPE_CHECKING:  # torch takes seconds to import, and half of the verbs don't need it
    from torch import Generator, Tensor

    from sciencegen.batch import Batch

Accept = Callable[["Batch"], "Tensor"]
"""(batch) -> [row] whether each row is well formed."""


class ItemCodec(Protocol):
    """Items to tensors and back, as a latent space needs it; `domains.recipes.Representation` has more."""

    properties: tuple[str, ...]
    """Names of the condition's columns, in order."""
    canonical: bool
    """Whether an item has one way to be written as a row, which `well_formed` checks."""

    def encode(self, items: Sequence[Item]) -> list[Any]:
        """Each item as an array or a record of arrays, or a Refusal."""

    def batch(self, encoded: Sequence[Any], values: np.ndarray | None = None) -> Batch: ...

    def decode(self, batch: Batch) -> list[Item | Refusal]: ...

    def well_formed(self, batch: Batch, items: Sequence[Item | Refusal]) -> np.ndarray: ...

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        """Raw values by name as one standardized row [property], NaN where not given."""


@runtime_checkable
class FitsPriors(Protocol):
    """A model that fits something once after its weights, such as a prior over its latents."""

    def finish(self, batches: Iterable[Batch], generator: Generator, *args: Any, **settings: Any) -> object:
        """Fit what remains on every training item; may do nothing.

        Further parameters have defaults: settings, and `progress` (`networks.descent.Progress`) where it takes long.
        """


@runtime_checkable
class WeightedModel(Protocol):
    """A model of weighted items, which needs the number of independent items these are worth."""

    effective_items: float


class LatentModel(FitsPriors, Protocol):
    """A trained generative model seen through its latent space; a torch module.

    A latent is one row of a [batch latent] tensor whose prior is standard normal to good approximation, so that
    distances, interpolation and search steps have a natural scale. The first `semantic_size` columns describe the
    item as a whole and are what low-dimensional searches move; the rest (may be none) is the decoder's own noise.
    """

    latent_size: int
    semantic_size: int

    def encode(self, batch: Batch) -> Tensor:
        """[batch latent], deterministic: the posterior's centre."""

    def decode(self, latent: Tensor, condition: Tensor | None = None) -> Batch:
        """A Batch that the representation decodes to items. condition: [batch property], NaN where free."""

    def sample(self, noise: Tensor, condition: Tensor | None = None, accept: Accept | None = None) -> Tensor:
        """Standard normal noise [batch latent] to latents of the (conditional) prior.

        accept: which draws are well formed (None: all), for models that draw until one is.
        """

    def generate(self, noise: Tensor, condition: Tensor | None = None, accept: Accept | None = None) -> Batch:
        """What the latents `sample(noise, condition, accept)` stand for; may be quicker than decoding them."""

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalar terms; "loss" is the one to minimize."""

    def parameters(self) -> Iterator[Tensor]: ...

    def modules(self) -> Iterator[Any]: ...

    def to(self, device: str, /) -> Self: ...

    def eval(self) -> Self: ...

    def state_dict(self) -> Mapping[str, Tensor]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> object: ...
