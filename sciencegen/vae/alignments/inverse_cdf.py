"""Letters at quantiles in 0..1, and back: letters in their order have intervals as wide as their probabilities."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

Share = Float[Tensor, "item column letter"]
"""Probabilities that sum to 1 in each column."""
Quantile = Float[Tensor, "item column"]
Letters = Int[Tensor, "item column"]


def letters_at_quantile(share: Share, quantile: Quantile) -> Letters:
    """The letter whose interval of 0..1 contains the quantile; at a boundary, the earlier letter."""
    return (share.cumsum(-1) < quantile[..., None]).sum(-1).clamp(max=share.shape[-1] - 1)


def midpoint_quantile(share: Share, letters: Letters) -> Quantile:
    """The middle of each letter's interval."""
    chosen = letters[..., None].long()
    return (share.cumsum(-1).gather(-1, chosen) - 0.5 * share.gather(-1, chosen))[..., 0]


def with_changes(share: Share, quantile: Quantile, own: Letters, changes: Float[Tensor, " item"]) -> Quantile:
    """Quantiles that give, in `share`, the letters that the given ones give after the letters `own` are weighted by
    w = exp(stay). Each row's w is that for which `changes` of its letters differ from `own` (NaN: w = 1).

    If the letters before `own` have the probability A, `own` R and those after it B, u gives another letter if
    u (A + w R + B) < A or (1 - u)(A + w R + B) < B, that is if w < (max(A / u, B / (1 - u)) - A - B) / R. w is below
    this bound in `changes` columns.
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
