"""The Potts model of aligned rows: fields of columns and couplings of pairs of columns, by pseudolikelihood.

    log p(x) = sum_i h_i(x_i) + sum_i<j J_ij(x_i, x_j) - log Z
    max_h,J  sum_n w_n sum_i log p(x_ni | x_n without i)  -  field_penalty |h|^2  -  coupling |J|^2

with the weights w of the rows, summed over one of each pair J_ij, J_ji. A gap is missing: its own term is left out, and
it adds nothing to those of others. Each column is a regression on all others (Ekeberg et al. 2014, plmDCA), with
coupling / 2 for each of J_ij and J_ji, which are then averaged in the gauge in which they sum to 0 over the letters of
either column; what that moves goes to the fields. The penalties are those of EVmutation (Hopf et al. 2017): coupling =
coupling_penalty (letters - 1) (columns - 1). With Z unknown, rows are compared by log p's first two terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.vae.alignment_fitness import LETTERS, Letters, Mask

TOGETHER = 4
"""Columns that are fitted at once: their couplings fit a processor's cache."""
HISTORY = 8
"""Steps that L-BFGS remembers."""
PSEUDOCOUNT = 0.5
"""Weight added to each letter where the fit of fields starts."""

Weights = Float[Tensor, " item"]


@dataclass(frozen=True)
class PottsSettings:
    """Penalties and iterations.

    Attributes
    ----------
    field_penalty, coupling_penalty : float
        Of squares of fields and couplings; the latter is multiplied by (letters - 1) (columns - 1) [1]_.
    iterations : int
        Of L-BFGS for each column [2]_.

    References
    ----------
    .. [1] Hopf et al., "Mutation effects predicted from sequence co-variation", Nature Biotechnology 35, 2017.
    .. [2] Ekeberg et al., "Fast pseudolikelihood maximization for direct-coupling analysis of protein structure from
       many homologous amino-acid sequences", Journal of Computational Physics 276, 2014.
    """

    field_penalty: float = 0.01
    coupling_penalty: float = 0.01
    iterations: int = 100

    def __post_init__(self) -> None:
        if not (self.field_penalty > 0 and self.coupling_penalty > 0) or self.iterations < 1:
            raise ConfigError(
                "Expected field_penalty and coupling_penalty above 0 and iterations of 1 or more, got "
                f"{self.field_penalty}, {self.coupling_penalty}, {self.iterations}."
            )


@dataclass(frozen=True)
class Bags:
    """Lists of integers, one after the other, and where each begins: sums over each list are those of rows of a
    table."""

    members: Int[Tensor, " member"]
    starts: Int[Tensor, " bag"]

    @classmethod
    def of(cls, bag: Int[Tensor, " member"], member: Int[Tensor, " member"], count: int) -> Bags:
        """The members of each of `count` bags."""
        sizes = torch.bincount(bag, minlength=count)
        return cls(member[torch.argsort(bag, stable=True)].int(), (sizes.cumsum(0) - sizes).int())

    def sums(self, table: Float[Tensor, "row value"]) -> Float[Tensor, "bag value"]:
        return functional.embedding_bag(self.members, table, self.starts, mode="sum")


class PottsModel(nn.Module):
    """fields: h. couplings: J, symmetric, 0 within a column. It scores rows, and draws none: draws of a model that was
    fitted by pseudolikelihood are unlike its family."""

    fields: Tensor
    couplings: Tensor

    def __init__(self, columns: int, letters: int, settings: PottsSettings) -> None:
        super().__init__()
        self.columns, self.letters, self.settings = columns, letters, settings
        self.latent_size = self.semantic_size = columns
        self.effective_items = 1.0
        self.register_buffer("fields", torch.zeros(columns, letters))
        self.register_buffer("couplings", torch.zeros(columns, letters, columns, letters))

    def finish(
        self, batches: Iterable[Batch], generator: Generator, progress: Progress = no_progress,
        weights: Weights | None = None,
    ) -> None:  # fmt: skip
        """Fit to all rows. weights: of these, by default 1."""
        some = [(batch[LETTERS], _mask(batch)) for batch in batches]
        letters, mask = (torch.cat(part) for part in zip(*some, strict=True))
        worth = torch.ones(len(letters)) if weights is None else weights
        fitted = enumerate(self._columns(letters.cpu(), mask.cpu(), worth.float().cpu()), 1)
        for done, (chosen, fields, couplings) in fitted:
            self.fields[chosen] = fields.to(self.fields)
            self.couplings[:, :, chosen] = couplings.to(self.couplings)
            progress("couplings", done, -(-self.columns // TOGETHER), None)
        for first in range(self.columns):  # in place, since there may be 10^8 of them
            own = self.couplings[first, :, first:]
            own.add_(self.couplings[first:, :, first].permute(2, 0, 1)).mul_(0.5)
            self.couplings[first:, :, first] = own.permute(1, 2, 0)

    def _columns(
        self, letters: Letters, mask: Mask, weights: Weights
    ) -> Iterator[tuple[Tensor, Float[Tensor, "some letter"], Float[Tensor, "column letter some letter"]]]:
        """Columns, and the fields and couplings of their regressions on all others."""
        row, column = mask.nonzero(as_tuple=True)
        feature = column * self.letters + letters[row, column]
        of_rows = Bags.of(row, feature, len(letters))
        of_features = Bags.of(feature, row, self.columns * self.letters)
        for chosen in torch.arange(self.columns).split(TOGETHER):
            weight = weights[:, None] * mask[:, chosen]
            yield chosen, *self._regression(chosen, letters[:, chosen], weight, of_rows, of_features)

    def _regression(
        self, chosen: Tensor, own: Int[Tensor, "item some"], weight: Float[Tensor, "item some"], of_rows: Bags,
        of_features: Bags,
    ) -> tuple[Float[Tensor, "some letter"], Float[Tensor, "column letter some letter"]]:  # fmt: skip
        """Fields and couplings of some columns given all others, which are independent problems."""
        some, letters, s = len(chosen), self.letters, self.settings
        own, size = own.clamp(0, letters - 1)[..., None], some * letters
        observed = torch.zeros(len(own), some, letters).scatter_(2, own, weight[..., None])
        start = (observed.sum(0) + PSEUDOCOUNT).log()
        found = torch.cat(
            [start - start.mean(1, keepdim=True), torch.zeros(self.columns * letters, size).view(-1, letters)]
        )
        found = found.reshape(-1).requires_grad_()
        penalty = 0.5 * s.coupling_penalty * (letters - 1) * max(self.columns - 1, 1)

        def loss() -> Tensor:
            fields, couplings = found.detach()[:size], found.detach()[size:].view(-1, size)
            log_p = (of_rows.sums(couplings) + fields).view(-1, some, letters).log_softmax(-1)
            nats = -(log_p.gather(2, own)[..., 0] * weight).double().sum()
            residual = (log_p.exp_().mul_(weight[..., None]) - observed).view(-1, size)
            slope = of_features.sums(residual)
            for place, column in enumerate(chosen.tolist()):
                slope.view(self.columns, letters, some, letters)[column, :, place] = 0
            slope.add_(couplings, alpha=2 * penalty)
            found.grad = torch.cat([residual.sum(0) + 2 * s.field_penalty * fields, slope.view(-1)])
            return nats + s.field_penalty * fields.square().sum() + penalty * couplings.square().sum()

        torch.optim.LBFGS(
            [found], max_iter=s.iterations, history_size=HISTORY, line_search_fn="strong_wolfe", tolerance_change=1e-9
        ).step(loss)  # type: ignore[no-untyped-call]
        fields, couplings = found.detach().split([size, found.numel() - size])
        couplings = couplings.view(self.columns, letters, some, letters)
        shift = couplings.mean(1, keepdim=True)
        couplings = couplings - shift - (couplings - shift).mean(3, keepdim=True)
        return fields.view(some, letters) + shift.sum((0, 1)), couplings

    @torch.no_grad()
    def energy(self, rows: Letters, mask: Mask) -> Float[Tensor, " item"]:
        """Log p(x) + log Z of each row in nats, without gaps."""
        found = []
        columns = torch.arange(self.columns, device=rows.device)
        for letters, known in zip(rows.clamp(0, self.letters - 1), mask, strict=True):
            there, which = columns[known], letters[known]
            pairs = self.couplings[there, which][:, there, which]
            found.append(self.fields[there, which].double().sum() + 0.5 * pairs.double().sum())
        return torch.stack(found) if found else self.fields.new_zeros(0).double()

    @torch.no_grad()
    def conditional_log_prob(self, rows: Letters, mask: Mask) -> Float[Tensor, " item"]:
        """The sum over columns of log p(x_i | x without i), without gaps."""
        row, column = mask.nonzero(as_tuple=True)
        bags = Bags.of(row, column * self.letters + rows[row, column], len(rows))
        given = bags.sums(self.couplings.flatten(2).flatten(0, 1)).view(-1, self.columns, self.letters)
        log_p = (given + self.fields).log_softmax(-1)
        return torch.where(mask, log_p.gather(2, rows.clamp(0, self.letters - 1)[..., None])[..., 0], 0.0).sum(1)

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        _scores_only()

    def encode(self, batch: Batch) -> Tensor:
        _scores_only()

    def decode(self, latent: Tensor, condition: Tensor | None = None) -> Batch:
        _scores_only()

    def sample(self, noise: Tensor, condition: Tensor | None = None, accept: object = None) -> Tensor:
        _scores_only()

    def generate(self, noise: Tensor, condition: Tensor | None = None, accept: object = None) -> Batch:
        _scores_only()


def _scores_only() -> NoReturn:
    raise ConfigError(
        "Expected a model with draws and latents, this one scores variants only (`score`). Train an alignment-vae."
    )


def _mask(batch: Batch) -> Mask:
    return torch.ones_like(batch[LETTERS], dtype=torch.bool) if batch.mask is None else batch.mask
