"""A row to which others are compared, and how many changes a condition asks for."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class WildTypeRow:
    """A row to which others are compared. place: of the number of changes among the columns of a condition; mean, std:
    of the training rows' numbers, by which it is standardized there."""

    letters: Int[Tensor, " column"]
    place: int
    mean: float
    std: float

    def changes(self, condition: Float[Tensor, "batch property"]) -> Float[Tensor, " batch"]:
        """How many letters a condition asks to change, NaN where it doesn't."""
        return (condition[:, self.place] * self.std + self.mean).round()
