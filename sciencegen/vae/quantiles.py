"""A letter for a number in 0..1, and a number for a letter: letters in their order, each as wide as it is likely."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

Share = Float[Tensor, "item column letter"]
"""Chances that sum to 1 in each column."""


def letters_at(share: Share, quantile: Float[Tensor, "item column"]) -> Int[Tensor, "item column"]:
    return (share.cumsum(-1) < quantile[..., None]).sum(-1).clamp(max=share.shape[-1] - 1)


def middle_of(share: Share, letters: Int[Tensor, "item column"]) -> Float[Tensor, "item column"]:
    """The middle of what belongs to each letter."""
    chosen = letters[..., None].long()
    return (share.cumsum(-1).gather(-1, chosen) - 0.5 * share.gather(-1, chosen))[..., 0]
