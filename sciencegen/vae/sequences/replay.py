"""Generative replay: fine-tune a model of sequences on new items and on draws of the model that it started from.

Without the draws, a few hundred new items make it forget what a well-formed sequence is. Shin, Lee, Kim & Kim, NeurIPS
2017.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.sequences.autoregressive import END


@runtime_checkable
class Drawing(Protocol):
    """A model that draws sequences from standard normal noise."""

    latent_size: int

    def generate(self, noise: Tensor) -> Batch: ...


def replayed(batch: Batch, model: Drawing, generator: Generator) -> Batch:
    """The batch, then as many draws of a model, whose conditions are unknown; draws without an end are left out."""
    like = torch.empty(0, device=batch["tokens"].device)
    drawn = model.generate(standard_normal((len(batch), model.latent_size), generator, like))
    assert drawn.mask is not None  # sequences differ in length
    drawn = drawn.select(((drawn["tokens"] == END) & drawn.mask).any(1))
    condition = batch.condition
    if condition is not None:
        unknown = condition.new_full((len(drawn), condition.shape[1]), torch.nan)
        condition = torch.cat([condition, unknown])
    length = max(_longest(batch), _longest(drawn))
    tokens, mask = (
        torch.cat(parts) for parts in zip(_of_length(batch, length), _of_length(drawn, length), strict=True)
    )
    return Batch({"tokens": tokens}, mask, condition)


def _longest(batch: Batch) -> int:
    assert batch.mask is not None
    return int(batch.mask.sum(1).max()) if len(batch) else 0


def _of_length(batch: Batch, length: int) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """Tokens and mask, padded or cut to `length` positions."""
    assert batch.mask is not None
    lacking = length - batch.mask.shape[1]
    return functional.pad(batch["tokens"], (0, lacking), value=END), functional.pad(batch.mask, (0, lacking))
