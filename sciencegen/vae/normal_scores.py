"""Numbers as normal scores, column by column, and back: z = Phi^-1(F(c)), F the distribution that data have.

What is left for a density to learn is how columns depend on each other (the Gaussian rank transform; Sklar 1959); edges
and spikes of a column, such as a magnitude limit or a kind that is one of three, come back as they are.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

FURTHEST, KNOTS = 4.0, 257
"""Scores of the outermost knots; how many there are, evenly spaced. Between two knots c is linear in z."""

Table = Float[Tensor, "row column"]


class NormalScores(nn.Module):
    """knots: [column knot], the values at evenly spaced scores. Until it is fitted values are their own scores."""

    knots: Tensor
    scores: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        scores = torch.linspace(-FURTHEST, FURTHEST, KNOTS)
        self.register_buffer("scores", scores, persistent=False)
        self.register_buffer("knots", scores.repeat(count, 1))

    def fit(self, rows: Table, scores: Float[Tensor, "draw column"] | None = None) -> None:
        """Take the distribution of each column, which has no NaN. scores: draws, standard normal unless given, that
        are to become values of that distribution."""
        if scores is None:
            below = torch.special.ndtr(self.scores).expand(len(self.knots), -1)
        else:
            ordered = scores.T.sort().values.contiguous()
            below = torch.searchsorted(ordered, self.scores.repeat(len(ordered), 1)) / len(scores)
        places = (below * (len(rows) - 1)).round().long()
        self.knots.copy_(rows.T.sort().values.gather(1, places))

    def to_scores(self, values: Table, generator: Generator) -> Table:
        """Each value's score, the outermost beyond what is known; of a value that many rows have, any that is its."""
        column = values.T.contiguous()
        first, after = (torch.searchsorted(self.knots, column, right=right) for right in (False, True))
        below, above = ((first - 1).clamp(min=0), first.clamp(max=KNOTS - 1))
        low, high = self.knots.gather(1, below), self.knots.gather(1, above)
        share = ((column - low) / (high - low).clamp(min=torch.finfo(low.dtype).tiny)).clamp(0, 1)
        between = self.scores[below] + share * (self.scores[above] - self.scores[below])
        ends = [torch.special.ndtr(self.scores[place.clamp(0, KNOTS - 1)]) for place in (first, after - 1)]
        uniform = torch.rand(column.shape, generator=generator, device=generator.device).to(column)
        tied = torch.special.ndtri(ends[0] + uniform * (ends[1] - ends[0])).clamp(-FURTHEST, FURTHEST)
        return torch.where(after > first, tied, between).T

    def to_values(self, scores: Table) -> Table:
        place = ((scores.T + FURTHEST) * ((KNOTS - 1) / (2 * FURTHEST))).clamp(0, KNOTS - 1)
        below = place.long().clamp(max=KNOTS - 2)
        low, high = self.knots.gather(1, below), self.knots.gather(1, below + 1)
        return (low + (place - below) * (high - low)).T
