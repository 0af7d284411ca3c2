"""The row from which changes are counted, and the number of changes that a condition requests."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class WildTypeRow:
    """The row from which changes are counted. place: column of a condition with the number of changes; mean, std: of
    that number in the training rows, by which it is standardized."""

    letters: Int[Tensor, " column"]
    place: int
    mean: float
    std: float

    def changes(self, condition: Float[Tensor, "batch property"]) -> Float[Tensor, " batch"]:
        """Requested number of changed letters, NaN where none is requested."""
        return (condition[:, self.place] * self.std + self.mean).round()
