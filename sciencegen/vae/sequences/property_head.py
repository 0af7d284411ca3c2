"""Estimate the properties of a sequence after each token: E[y | x_1 .. x_t]; the last is that of the whole sequence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.networks.sequence import PropertyReader


def expected(reader: PropertyReader, batch: Batch, start: int) -> Float[Tensor, "batch step property"]:
    """E[y | x_1 .. x_t] for t from 0 on; the token `start` precedes the first."""
    tokens = batch["tokens"]
    return reader(torch.cat([torch.full_like(tokens[:, :1], start), tokens], 1))[0]


def at_end(estimates: Float[Tensor, "batch step property"], batch: Batch) -> Float[Tensor, "batch property"]:
    """The estimate after each row's last token."""
    assert batch.mask is not None  # sequences differ in length
    last = batch.mask.sum(1)
    return estimates[torch.arange(len(last), device=last.device), last]


def error(estimates: Float[Tensor, "batch step property"], batch: Batch) -> Tensor:
    """Error of the estimates after each token and of the last one, each weighted by half; batch.condition is the truth.

    The estimate before the first token is excluded: it is a constant, for which a decoder can compensate.
    """
    if batch.condition is None:
        return estimates.new_zeros(())
    rows = batch.condition[:, None].expand_as(estimates[:, 1:])[batch.mask]
    each = property_error(estimates[:, 1:][batch.mask], rows)
    return (each + property_error(at_end(estimates, batch), batch.condition)) / 2


def property_error(estimate: Float[Tensor, "item property"], known: Float[Tensor, "item property"] | None) -> Tensor:
    """Mean over the items of the squared error, summed over the properties that are known (not NaN)."""
    if known is None:
        return estimate.new_zeros(())
    return ((estimate - known.nan_to_num(0.0)).square() * ~known.isnan()).sum(1).mean()
