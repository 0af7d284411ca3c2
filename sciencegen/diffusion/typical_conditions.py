"""Conditions that aren't given, taken from a training item that has the given ones.

p(x) = E p(x | c) over c ~ p(c). A network that has learned p(x | c) and p(x) alike draws the first more exactly, since
c decides at the start what the unconditional model has to decide from noise. So an item without conditions is drawn
with those of a random training item of its size, and one with some of them with the others of an item near in these.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import torch
from jaxtyping import Float, Int
from torch import Tensor

NEAREST = 32
"""The least number of training items among which one is chosen at random."""
SIZE_UNIT = 8.0
"""Positions that count as much as one standard deviation of a condition."""


@dataclass(frozen=True, eq=False)
class TypicalConditions:
    """Conditions and sizes of training items. values: standardized, NaN where unknown. bias: by how much draws exceed
    the conditions on average, also standardized; it is subtracted from those that the network gets."""

    values: Float[Tensor, "item property"]
    sizes: Int[Tensor, " item"]
    bias: Float[Tensor, " property"] | None = None

    def complete(
        self,
        noise: Float[Tensor, "batch latent"],
        counts: Int[Tensor, " batch"],
        condition: Float[Tensor, "batch property"] | None,
    ) -> Float[Tensor, "batch property"] | None:
        """The condition with each NaN replaced by the value of one of the `NEAREST` items that are nearest in the given
        values and in size, or of one as near as the last of them, less the bias. The row of noise determines which."""
        if not self.values.numel():
            return condition
        nothing = noise.new_full((len(counts), self.values.shape[1]), torch.nan)
        requested = (nothing if condition is None else condition.detach()).cpu()
        off = self._squared_distances(requested, counts.cpu())
        near = off <= off.kthvalue(min(NEAREST, len(self.values)), 1, keepdim=True).values
        place = (_uniform(noise) * near.sum(1)).long().clamp(max=near.sum(1) - 1)
        typical = self.values[torch.searchsorted(near.cumsum(1), place[:, None] + 1)[:, 0]]
        completed = torch.where(requested.isnan(), typical.to(requested), requested)
        return (completed if self.bias is None else completed - self.bias.to(completed)).to(noise.device)

    def _squared_distances(
        self, requested: Float[Tensor, "batch property"], counts: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch item"]:
        """Of the given values and sizes; where an item's value is unknown, its mean c^2 + 1 over standardized ones."""
        given = requested[:, None]
        squares = torch.where(self.values.isnan(), given.square() + 1, (given - self.values).square())
        return squares.nan_to_num(nan=0.0).sum(2) + ((counts[:, None] - self.sizes) / SIZE_UNIT).square()


def _uniform(noise: Float[Tensor, "batch latent"]) -> Float[Tensor, " batch"]:
    """A number from 0 to 1 that each row determines, by a hash."""
    rows = noise.detach().cpu().contiguous().numpy()
    numbers = [int.from_bytes(blake2b(row.tobytes(), digest_size=8).digest()) / 2**64 for row in rows]
    return torch.tensor(numbers, dtype=torch.float64)
