"""Convert the values of each column to normal scores and back: z = Phi^-1(F(c)), F the column's distribution in data.

A density model of the scores only has to learn the dependence between columns (the Gaussian rank transform; Sklar
1959). Limits and repeated values of a column, such as a magnitude limit or one of three classes, are restored exactly.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

FURTHEST, KNOTS = 4.0, 257
"""Score of the last knot, and number of knots, which are evenly spaced. Between two knots c is linear in z."""

Table = Float[Tensor, "row column"]


class NormalScores(nn.Module):
    """knots: [column knot], the values at evenly spaced scores. Before `fit`, values and scores are equal."""

    knots: Tensor
    scores: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        scores = torch.linspace(-FURTHEST, FURTHEST, KNOTS)
        self.register_buffer("scores", scores, persistent=False)
        self.register_buffer("knots", scores.repeat(count, 1))

    def fit(self, rows: Table, scores: Float[Tensor, "draw column"] | None = None) -> None:
        """Set the distribution of each column from rows without NaN. scores: draws that are to be mapped to this
        distribution; by default standard normal."""
        if scores is None:
            below = torch.special.ndtr(self.scores).expand(len(self.knots), -1)
        else:
            ordered = scores.T.sort().values.contiguous()
            below = torch.searchsorted(ordered, self.scores.repeat(len(ordered), 1)) / len(scores)
        places = (below * (len(rows) - 1)).round().long()
        self.knots.copy_(rows.T.sort().values.gather(1, places))

    def to_scores(self, values: Table, generator: Generator | None = None) -> Table:
        """Each value's score, clipped to the outermost; a value of many rows gets a random one from its interval, the
        middle without a generator."""
        column = values.T.contiguous()
        first, after = (torch.searchsorted(self.knots, column, right=right) for right in (False, True))
        below, above = ((first - 1).clamp(min=0), first.clamp(max=KNOTS - 1))
        low, high = self.knots.gather(1, below), self.knots.gather(1, above)
        share = ((column - low) / (high - low).clamp(min=torch.finfo(low.dtype).tiny)).clamp(0, 1)
        between = self.scores[below] + share * (self.scores[above] - self.scores[below])
        ends = [torch.special.ndtr(self.scores[place.clamp(0, KNOTS - 1)]) for place in (first, after - 1)]
        uniform: float | Tensor = 0.5
        if generator is not None:
            uniform = torch.rand(column.shape, generator=generator, device=generator.device).to(column)
        tied = torch.special.ndtri(ends[0] + uniform * (ends[1] - ends[0])).clamp(-FURTHEST, FURTHEST)
        return torch.where(after > first, tied, between).T

    def to_values(self, scores: Table) -> Table:
        place = ((scores.T + FURTHEST) * ((KNOTS - 1) / (2 * FURTHEST))).clamp(0, KNOTS - 1)
        below = place.long().clamp(max=KNOTS - 2)
        low, high = self.knots.gather(1, below), self.knots.gather(1, below + 1)
        return (low + (place - below) * (high - low)).T
