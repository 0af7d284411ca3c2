"""A letter for a number in 0..1, and a number for a letter: letters in their order, each as wide as it is likely."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

Share = Float[Tensor, "item column letter"]
"""Chances that sum to 1 in each column."""
Quantile = Float[Tensor, "item column"]
Letters = Int[Tensor, "item column"]


def letters_at_quantile(share: Share, quantile: Quantile) -> Letters:
    """The letter to whose part of 0..1 a quantile belongs; where two parts meet, the earlier letter."""
    return (share.cumsum(-1) < quantile[..., None]).sum(-1).clamp(max=share.shape[-1] - 1)


def midpoint_quantile(share: Share, letters: Letters) -> Quantile:
    """The middle of what belongs to each letter."""
    chosen = letters[..., None].long()
    return (share.cumsum(-1).gather(-1, chosen) - 0.5 * share.gather(-1, chosen))[..., 0]


def with_changes(share: Share, quantile: Quantile, own: Letters, changes: Float[Tensor, " item"]) -> Quantile:
    """Where the quantiles fall once the letters `own` weigh w = exp(stay) times as much, with the w of each row that
    leaves as many others as `changes` says (NaN: w = 1).

    With A below its own letter, R of it and B above, u gives another letter while u (A + w R + B) < A, or
    (1 - u)(A + w R + B) < B: while w < (max(A / u, B / (1 - u)) - A - B) / R. As many columns as asked have a
    greater bound than w.
    """
    chosen = own[..., None].long()
    mass = share.gather(-1, chosen)[..., 0].clamp(min=1e-300)
    below = (share.cumsum(-1).gather(-1, chosen)[..., 0] - mass).clamp(min=0)
    above = (1 - below - mass).clamp(min=0)
    quantile = quantile.clamp(1e-15, 1 - 1e-15)
    log_bound = (torch.maximum(below / quantile, above / (1 - quantile)) - below - above).clamp(min=1e-300).log()
    ordered = torch.sort(log_bound - mass.log(), 1, descending=True).values
    last = changes.nan_to_num(0).long().clamp(0, ordered.shape[1] - 1)[:, None]
    stay = torch.where(
        last > 0, 0.5 * (ordered.gather(1, last) + ordered.gather(1, (last - 1).clamp(min=0))), ordered[:, :1] + 1
    )
    wide = (torch.where(changes.isnan()[:, None], 0.0, stay) + mass.log()).exp()
    place = quantile * (below + wide + above)
    outside = torch.where(place < below, place, place - wide + mass)
    return torch.where((place >= below) & (place <= below + wide), below + 0.5 * mass, outside)
