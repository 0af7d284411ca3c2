"""Conditions of a model: for each item a row of standardized numbers, NaN where a value is unknown or not requested."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sciencegen.errors import ConfigError, ShapeError


def condition_features(
    condition: Float[Tensor, "batch property"] | None, like: Float[Tensor, "batch _"], property_count: int
) -> Float[Tensor, "batch features"]:
    """Inputs of a network: [value where present else 0, 1 where present else 0], 2 * property_count columns.

    With the indicator, a missing value has an embedding of its own in the first layer of the network. None means that
    every property is missing. `like` gives rows, type and device. A network that was built without properties reads no
    condition.
    """
    if condition is None or not property_count:
        return like.new_zeros(like.shape[0], 2 * property_count)
    expected = (like.shape[0], property_count)
    if tuple(condition.shape) != expected:
        raise ShapeError(
            f"Expected a condition of shape {list(expected)} [batch property], got {list(condition.shape)}. "
            "Give one column for each property that the model was built with, NaN where a value is free."
        )
    present = ~torch.isnan(condition)
    return torch.cat([torch.nan_to_num(condition, nan=0.0), present.to(condition.dtype)], -1).to(like)


def beside_condition(
    features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"] | None, property_count: int
) -> Float[Tensor, "batch features"]:
    """Features and, behind them, those of the condition (`condition_features`): the inputs of a conditional network."""
    return torch.cat([features, condition_features(condition, features, property_count)], -1)


@dataclass(frozen=True)
class ConditionDropout:
    """Drop condition values in training, so that one model can be given any subset of them, or none.

    With probability `everything` a row loses all its properties (Ho & Salimans 2022, section 3.2). Otherwise, with
    probability `some`, a rate u ~ U(0, 1) is drawn for the row and each property is dropped with probability u, which
    makes every number of remaining properties equally likely. In a fraction `few` of these rows, one or two properties
    remain instead, since most requests name one or two.
    """

    some: float = 0.0
    everything: float = 0.0
    few: float = 0.0

    def __post_init__(self) -> None:
        for name, chance in (("some", self.some), ("everything", self.everything), ("few", self.few)):
            if not 0.0 <= chance <= 1.0:
                raise ConfigError(f"Expected condition dropout '{name}' between 0 and 1, got {chance}.")

    def draw(self, like: Float[Tensor, "batch property"], generator: Generator) -> Bool[Tensor, "batch property"]:
        """True where a value is to be dropped."""
        rows, columns = like.shape
        uniform = torch.rand(rows, columns + 4, generator=generator, device=generator.device).to(like.device)
        some, rate, everything, few, each = uniform.split([1, 1, 1, 1, columns], 1)
        lost = each < rate
        place = each.masked_fill(like.isnan(), -1.0).argsort(1, descending=True).argsort(1)
        lost = torch.where(few < self.few, place > (rate < 0.5).long(), lost)
        return (lost & (some < self.some)) | (everything < self.everything)

    def __call__(
        self, condition: Float[Tensor, "batch property"] | None, generator: Generator
    ) -> Float[Tensor, "batch property"] | None:
        """The condition with NaN where a value was dropped."""
        if condition is None or (self.some == 0.0 and self.everything == 0.0):
            return condition
        return condition.masked_fill(self.draw(condition, generator), torch.nan)

    def views(
        self, condition: Float[Tensor, "batch property"] | None, generator: Generator
    ) -> list[Float[Tensor, "batch property"] | None]:
        """The whole condition, an empty one, and one after dropout: the conditions under which codes are computed
        when a prior is fitted to them. Without a condition: [None]."""
        if condition is None:
            return [None]
        return [condition, torch.full_like(condition, torch.nan), self(condition, generator)]
