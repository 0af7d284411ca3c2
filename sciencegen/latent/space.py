"""The interface between generative models and search: what every model family implements."""

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
    """Items to tensors and back, the part of `domains.recipes.Representation` that a latent space uses."""

    properties: tuple[str, ...]
    """Names of the condition's columns, in order."""
    canonical: bool
    """Whether each item is encoded as exactly one row, which `well_formed` checks."""

    def encode(self, items: Sequence[Item]) -> list[Any]:
        """Each item as an array or a record of arrays, or a Refusal."""

    def batch(self, encoded: Sequence[Any], values: np.ndarray | None = None) -> Batch: ...

    def decode(self, batch: Batch) -> list[Item | Refusal]: ...

    def well_formed(self, batch: Batch, items: Sequence[Item | Refusal]) -> np.ndarray: ...

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        """Raw values by name as one standardized row [property], NaN where not given."""


@runtime_checkable
class FitsPriors(Protocol):
    """A model that fits something once after training, such as a prior over its latents."""

    def finish(self, batches: Iterable[Batch], generator: Generator, *args: Any, **settings: Any) -> object:
        """Fit it to all training items; may do nothing.

        Further parameters have defaults: settings, and `progress` (`networks.descent.Progress`) for long fits. Notes of
        a `vae.flows.PriorFit` that it returns are logged.
        """


@runtime_checkable
class WeightedModel(Protocol):
    """A model of weighted items, which needs their effective number."""

    effective_items: float


@runtime_checkable
class DecodesAccepted(Protocol):
    """A model that can choose among several decodings of a latent."""

    def decode_accepted(self, latent: Tensor, accept: Accept) -> Batch:
        """As `LatentModel.decode`, but with the best decoding that is accepted where there is one."""


@runtime_checkable
class Resamples(Protocol):
    """A model that draws several times under a condition, and keeps the draw that it estimates nearest to it."""

    def set_tries(self, tries: int) -> None:
        """Decode up to `tries` draws for each item."""


@runtime_checkable
class Drafts(Protocol):
    """A model with a decoding that is several times faster than `LatentModel.decode`, and less faithful."""

    @property
    def noise_is_latent(self) -> bool:
        """Whether `generate(noise)`, without a condition, is an item whose latent is near `noise`."""

    def draft(self, latent: Tensor, condition: Tensor | None = None) -> Batch:
        """As `LatentModel.decode`; fewer items are the ones whose latent was given."""


@runtime_checkable
class InfersArrays(Protocol):
    """A model whose latents say more of an item than the item does, such as the rates of its counts."""

    def inferred(self, latent: Tensor, condition: Tensor | None = None) -> dict[str, Tensor]:
        """Arrays [item ...] by name, in the units of the data."""


@runtime_checkable
class MayNotEncode(Protocol):
    """A model that may be unable to encode items, though it decodes latents: a diffusion of categories, whose noise no
    equation gives back."""

    @property
    def encodes(self) -> bool: ...


@runtime_checkable
class ImputesConditions(Protocol):
    """A model whose draws may have conditions that aren't requested, such as those of random training items."""

    @property
    def imputes_conditions(self) -> bool: ...


class LatentModel(FitsPriors, Protocol):
    """A trained generative model with a latent space; a torch module.

    A latent is one row of a [batch latent] tensor whose prior is standard normal to good approximation, so that
    distances, interpolation and search steps have a natural scale. The first `semantic_size` columns describe the
    item as a whole and are changed by low-dimensional searches; the others, if any, are the decoder's noise.
    """

    latent_size: int
    semantic_size: int

    def encode(self, batch: Batch) -> Tensor:
        """[batch latent], deterministic: the posterior's mean, or a latent near it that is decoded to the item."""

    def decode(self, latent: Tensor, condition: Tensor | None = None) -> Batch:
        """A Batch that the representation decodes to items. condition: [batch property], NaN where not given."""

    def sample(self, noise: Tensor, condition: Tensor | None = None, accept: Accept | None = None) -> Tensor:
        """Standard normal noise [batch latent] to latents of the (conditional) prior.

        accept: which draws are well formed (None: all), for models that repeat a draw until it is.
        """

    def generate(self, noise: Tensor, condition: Tensor | None = None, accept: Accept | None = None) -> Batch:
        """As decoding the latents `sample(noise, condition, accept)`, but may be faster."""

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalar terms; "loss" is the one to minimize."""

    def parameters(self) -> Iterator[Tensor]: ...

    def modules(self) -> Iterator[Any]: ...

    def to(self, device: str, /) -> Self: ...

    def eval(self) -> Self: ...

    def state_dict(self) -> Mapping[str, Tensor]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> object: ...
