"""The evidence of rows near one row x0, relative to its own, from the same draws of x0's posterior for all rows.

    log p(x) - log p(x0) = log E_{p(z | x0)} [ p(x | z) / p(x0 | z) ]

The posterior is approximated by importance sampling: draws of q(z | x0) with weights w = p(x0 | z) p(z) / q(z | x0)
(Burda et al. 2016, eq. 8), clipped at sqrt(draws) times their mean, so that no few draws dominate (Ionides 2008, eq.
5). Systematic resampling by these weights keeps some draws. For each of them a table of log p(letter) is computed once,
so that a row costs a look-up for each letter that differs from x0. The effective number of draws of a row's estimate is
(sum v)^2 / sum v^2, with v the contributions of the draws; it falls with the row's distance from x0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from sciencegen.errors import ConfigError
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.alignments.networks import Known, Letters, Member

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class LocalEvidence:
    """letters: x0. ratios: log p(letter | z) - log p(x0's letter | z) of each kept draw; the last letter is the gap.
    log_share: log of the draws' weights, which sum to 1."""

    letters: Int[Tensor, " column"]
    ratios: Float[Tensor, "column letter draw"]
    log_share: Float[Tensor, " draw"]

    @torch.no_grad()
    def evidence(self, rows: Letters) -> tuple[Float[Tensor, " item"], Float[Tensor, " item"]]:
        """Log p(x) - log p(x0) in nats, exactly 0 for x0 itself; and the effective number of draws."""
        row, column = (rows != self.letters).nonzero(as_tuple=True)
        log_values = self.log_share.repeat(len(rows), 1)
        log_values.index_add_(0, row, self.ratios[column, rows[row, column]].double())
        found = log_values.logsumexp(1)
        effective = (2 * found - (2 * log_values).logsumexp(1)).exp()
        changed = torch.zeros_like(found, dtype=torch.bool).index_fill_(0, row, True)
        return torch.where(changed, found, 0.0), effective


@torch.no_grad()
def local_evidence(
    member: Member, letters: Int[Tensor, " column"], known: Known, draws: int, kept: int, generator: Generator
) -> LocalEvidence:
    """`LocalEvidence` around a row without gaps. known: [1 feature]."""
    if kept < 1 or draws < kept:
        raise ConfigError(f"Expected 1 draw or more to keep and as many or more to draw, got {kept} of {draws}.")
    whole, like = torch.ones_like(letters, dtype=torch.bool)[None], member.output.weight
    posterior = member.posterior(letters[None], whole, known)
    noise = standard_normal((draws, member.latent), generator, like)
    z, log_volume = posterior.reparameterized(noise)
    log_weights = 0.5 * (noise.square() - z.square()).sum(1) + (log_volume - log_volume[:1])  # up to a constant

    def log_prob(part: Tensor) -> Tensor:
        rows = len(part)
        return member.log_prob(part, letters.expand(rows, -1), whole.expand(rows, -1), known.expand(rows, -1))

    log_p = torch.cat([log_prob(part) for part in z.split(ROWS_AT_ONCE)])
    share = truncated_shares(log_weights.double() + log_p.double())
    number, count = resampled(share, kept, generator)
    return LocalEvidence(letters, _ratios(member, z[number], letters, known), (count / kept).log())


def truncated_shares(log_weights: Float[Tensor, " draw"]) -> Float[Tensor, " draw"]:
    """Shares w / sum w of the weights, clipped at sqrt(draws) times their mean."""
    count = math.log(len(log_weights))
    return log_weights.clamp(max=float(log_weights.logsumexp(0) - count + 0.5 * count)).softmax(0)


def resampled(
    share: Float[Tensor, " draw"], kept: int, generator: Generator
) -> tuple[Int[Tensor, " distinct"], Float[Tensor, " distinct"]]:
    """Systematic resampling: the distinct draws at (k + u) / kept of the summed shares, and their counts."""
    places = (torch.arange(kept) + torch.rand((), generator=generator, dtype=torch.float64)) / kept
    chosen = torch.searchsorted(share.cumsum(0), places.to(share)).clamp(max=len(share) - 1)
    number, count = chosen.unique(return_counts=True)
    return number, count.double()


def _ratios(
    member: Member, z: Float[Tensor, "draw latent"], letters: Int[Tensor, " column"], known: Known
) -> Float[Tensor, "column letter draw"]:
    tables = []
    for part in z.split(ROWS_AT_ONCE):
        log_p = torch.log_softmax(member.logits(part, known.expand(len(part), -1)), -1)
        own = log_p.gather(-1, letters.long().expand(len(part), -1)[..., None])
        tables.append(torch.cat([log_p - own, -own], -1).permute(1, 2, 0))
    return torch.cat(tables, -1).contiguous()
