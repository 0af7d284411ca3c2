"""Which cells of a table the encoder reads: known ones, and in training those that dropout leaves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.vae.arrays.columns import Column
from sciencegen.vae.arrays.networks import VALUES
from sciencegen.vae.column_likelihoods import Cells

WEIGHTS = "weights"
"""A field of a Batch: [batch column] by which the encoder multiplies cells (`with_dropout`)."""


def present(batch: Batch, columns: Sequence[Column]) -> Cells:
    """1 for known cells of columns that the encoder reads, else 0."""
    value = batch[VALUES]
    known = torch.ones_like(value) if batch.mask is None else batch.mask.to(value)
    return known * value.new_tensor([column.read for column in columns])


def with_dropout(batch: Batch, columns: Sequence[Column], rate: float, generator: Generator) -> Batch:
    """The batch with the weights by which the encoder multiplies cells: those of counts of multinomials are 0 with the
    probability `rate`, else 1 / (1 - rate). Liang et al. 2018, section 2.1.3."""
    of_counts = [bool(column.multinomial) for column in columns]
    if rate == 0 or not any(of_counts):
        return batch
    value = batch[VALUES]
    counts = torch.tensor(of_counts, device=value.device)
    drawn = torch.rand(value.shape, generator=generator, device=generator.device).to(value)
    weights = torch.where(counts, (drawn >= rate).to(value) / (1 - rate), torch.ones_like(value))
    return Batch({**batch.fields, WEIGHTS: weights}, batch.mask, batch.condition)


def read_weights(batch: Batch, mask: Cells) -> Cells:
    """By which the encoder multiplies its inputs: the mask, in training with dropout."""
    return mask * batch[WEIGHTS] if WEIGHTS in batch.fields else mask


def with_shared_counts(mask: Bool[Tensor, "batch column"], columns: Sequence[Column]) -> Bool[Tensor, "batch column"]:
    """The mask, with all columns of a multinomial of which one is known: their scores belong together."""
    mask = mask.clone()
    for name in dict.fromkeys(one.multinomial for one in columns if one.multinomial):
        index = [at for at, one in enumerate(columns) if one.multinomial == name]
        mask[:, index] = mask[:, index].any(1, keepdim=True)
    return mask
