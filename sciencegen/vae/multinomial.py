"""The multinomial likelihood of a block of counts, and of its total: p(k | z) of a row.

    k | N ~ Mult(N, pi),   pi = softmax(logits)                                        Liang et al. 2018, eq. 2
    N ~ NB(m, r), of mean m and variance m + m^2 / r

A negative binomial total keeps this form if only some columns are known: with their share s = sum pi over these, their
total is NB(s m, r), and their counts given it are Mult(pi / s).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import special, stats
from torch import Tensor

from sciencegen.vae.column_likelihoods import FURTHEST, Cells, negative_binomial


@dataclass(frozen=True)
class Multinomial:
    """Rows of counts. known: False at the columns that are missing, None for none.

    Scores: the first number is that of the total, number j that of count j, binomial given the counts after the first
    up to j - 1; the first count is what remains.
    """

    logits: Cells
    log_mean: Float[Tensor, "batch 1"]
    log_size: Float[Tensor, "batch 1"]
    known: Bool[Tensor, "batch column"] | None = None

    def log_prob(self, value: Cells) -> Cells:
        """Log p of the known counts of a row, in the column of the first known one; 0 elsewhere."""
        known = torch.ones_like(value, dtype=torch.bool) if self.known is None else self.known
        count = value.double().masked_fill(~known, 0.0)
        log_share = self.logits.double().log_softmax(1).masked_fill(~known, -torch.inf)
        log_part = log_share.logsumexp(1, keepdim=True)
        total = count.sum(1, keepdim=True)
        each = (count * (log_share - log_part)).masked_fill(~known, 0.0) - torch.lgamma(count + 1)
        given = torch.lgamma(total + 1) + each.sum(1, keepdim=True)
        whole = negative_binomial(self.log_mean.double() + log_part, self.log_size.double()).log_prob(total) + given
        first = known & (known.cumsum(1) == 1)
        return torch.where(first, whole, torch.zeros_like(count)).to(value.dtype)

    def value(self, score: Cells) -> Cells:
        uniform = special.ndtr(np.clip(score.detach().cpu().numpy().astype(np.float64), -FURTHEST, FURTHEST))
        total = negative_binomial(self.log_mean, self.log_size).value(score[:, :1])
        left = total[:, 0].detach().cpu().numpy().astype(np.float64)
        counts = np.zeros_like(uniform)
        for at, share in enumerate(self._shares().T, 1):
            counts[:, at] = np.clip(stats.binom.ppf(uniform[:, at], left, share), 0, left)
            left = left - counts[:, at]
        counts[:, 0] = left
        return torch.from_numpy(counts).to(score)

    def score(self, value: Cells) -> Cells:
        counts = value.detach().cpu().numpy().astype(np.float64)
        total = value.sum(1, keepdim=True)
        middle, left = np.full_like(counts, 0.5), counts.sum(1)
        for at, share in enumerate(self._shares().T, 1):
            k = counts[:, at]
            middle[:, at] = 0.5 * (stats.binom.cdf(k - 1, left, share) + stats.binom.cdf(k, left, share))
            left = left - k
        found = torch.from_numpy(np.clip(special.ndtri(middle), -FURTHEST, FURTHEST)).to(value)
        return torch.cat([negative_binomial(self.log_mean, self.log_size).score(total), found[:, 1:]], 1)

    def _shares(self) -> Float[np.ndarray, "batch _"]:
        """Of each column after the first: its share among those that are not counted yet."""
        share = self.logits.detach().double().softmax(1).cpu().numpy()
        rest = share[:, :1] + np.cumsum(share[:, :0:-1], 1)[:, ::-1]
        return np.clip(share[:, 1:] / rest, 0.0, 1.0)
