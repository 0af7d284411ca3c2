"""The variational autoencoder of aligned rows: one letter of a small alphabet per column, an ensemble of models.

    log p(x) >= E_q(z|x) log p(x | z, w) - KL(q(z | x) || N(0, I)),     w ~ q(w), with the penalty KL(q(w) || p(w)) / N

Riesselman et al. 2018 (DeepSequence), eq. 3 to 6, and Frazer et al. 2021 (EVE): columns are independent given z, the
decoder's last weights have a mean-field posterior, and N is the effective number of rows (the sum of their weights).
Gaps are masked. The members of an ensemble are trained on different rows, one after the other in each step: the weights
of one fit a processor's cache, while a single product for all does not and takes twice the time. Rows are compared by
the difference of their bounds; using the same noise for both removes most of its random error.

Measured properties c of a row, if any, condition encoder and decoder: q(z | x, c) and p(x | z, c), with missing values
allowed; with `semi_supervised` these are inferred by q(c | x) (see `training`). A property that was measured only for
variants of the wild type conditions no network: see `additive_fitness`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.normal import check_latents, standard_normal
from sciencegen.vae.alignments.additive_fitness import AdditiveFitness
from sciencegen.vae.alignments.inverse_cdf import letters_at_quantile, midpoint_quantile
from sciencegen.vae.alignments.local_evidence import LocalEvidence, local_evidence
from sciencegen.vae.alignments.networks import LETTERS, Known, Letters, Mask, Member
from sciencegen.vae.alignments.training import AlignmentVAESettings, member_loss, shares_of
from sciencegen.vae.alignments.wild_type_row import WildTypeRow
from sciencegen.vae.bounds import BoundTerms
from sciencegen.vae.posteriors import kl_to_standard_normal

EVALUATION_SEED = 1802_0604
BISECTIONS = 12

Accept = Callable[[Batch], Tensor]
Condition = Float[Tensor, "batch property"] | None
STEERING = "one that was measured of variants beside an alignment, which conditions no network"


class AlignmentVAE(nn.Module):
    """A `LatentModel` of aligned rows; its latent space is that of the first member.

    letters: size of the alphabet without gaps. reference: the row from which changes are counted, if a condition
    requests a number of them. inputs: columns of a condition that the networks get. landscape: additive model of a
    column that steers draws instead. effective_items: N of the bound, set before training. A latent is (z, u): z
    describes the whole row, u is a number for each column, which chooses its letter from p(x | z, c).
    """

    def __init__(
        self, columns: int, letters: int, settings: AlignmentVAESettings, reference: WildTypeRow | None = None,
        inputs: Sequence[int] = (), landscape: AdditiveFitness | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        s = self.settings = settings
        self.columns, self.letters, self.reference, self.effective_items = columns, letters, reference, 1.0
        self.inputs, self.semantic_size, self.latent_size = list(inputs), s.latent, s.latent + columns
        if s.semi_supervised and not inputs:
            found = "none" if landscape is None else STEERING
            raise ConfigError(
                f"Expected a measured property to infer with semi_supervised, got {found}. "
                "Train on a table of variants with the column among the `conditions`, or leave semi_supervised out."
            )
        made = [self._member() for _ in range(s.members)]
        self.members, self.landscape = nn.ModuleList(made), landscape

    def _member(self) -> Member:
        s, known = self.settings, 2 * len(self.inputs)
        return Member(self.columns, self.letters, s.hidden, s.latent, known, s.posterior, s.semi_supervised)

    @property
    def ensemble(self) -> list[Member]:
        return cast(list[Member], list(self.members))

    @property
    def first(self) -> Member:
        """The member whose latent space this is."""
        return self.ensemble[0]

    def known(self, condition: Condition, rows: int) -> Known:
        """The networks' condition features; NaN is a missing value, and without a condition all are missing."""
        given = None if condition is None else condition[:, self.inputs]
        return condition_features(given, self.first.output.weight.new_empty(rows, 1), len(self.inputs))

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per row in nats: loss (summed over members), reconstruction, kl, and the weights' share."""
        s = self.settings
        pairs = zip(self.ensemble, shares_of(batch, self.inputs, s, generator), strict=True)
        each = [member_loss(*pair, s, s.beta(step), self.effective_items, generator) for pair in pairs]
        shown = {name: torch.stack([one.shown[name] for one in each]).mean().detach() for name in each[0].shown}
        return {"loss": torch.stack([one.loss for one in each]).sum(), **shown}

    def finish(self, batches: Iterable[Batch], generator: Generator, progress: Progress = no_progress) -> None:
        """Fit the landscape, if there is one."""
        if self.landscape is not None:
            self.landscape.learn(batches, self.ensemble, self.known(None, 1), partial(progress, "landscape"))

    # --- evidence -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evidence(
        self, batch: Batch, samples: int = 64, importance: bool = False, generator: Generator | None = None
    ) -> Float[Tensor, "member batch"]:
        """Each member's lower bound of log p(x | c) in nats: the mean of `samples` one-sample bounds, or with
        `importance` the importance-weighted bound (Burda et al. 2016, eq. 8), at the means of the weights.

        All rows get the same noise, by default of a fixed seed.
        """
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        rows, like = self._rows(batch), self.first.output.weight
        noise = standard_normal((len(self.members), samples, 1, self.semantic_size), generator, like)
        log_weights = torch.stack([m.evidence(*rows, own) for m, own in zip(self.ensemble, noise, strict=True)])
        return log_weights.logsumexp(1) - math.log(samples) if importance else log_weights.mean(1)

    def local_evidence(self, letters: Int[Tensor, " column"], draws: int, kept: int) -> list[LocalEvidence]:
        """`LocalEvidence` of each member around a row without a condition."""
        generator, known = Generator().manual_seed(EVALUATION_SEED), self.known(None, 1)
        return [local_evidence(member, letters, known, draws, kept, generator) for member in self.ensemble]

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """The two terms of the first member's bound, from one sample."""
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        rows = self._rows(batch)
        posterior = self.first.posterior(*rows)
        z, log_posterior = posterior.sample(generator)
        return BoundTerms(self.first.log_prob(z, *rows), kl_to_standard_normal(posterior, z, log_posterior))

    def _rows(self, batch: Batch) -> tuple[Letters, Mask, Known]:
        return batch[LETTERS], _mask(batch), self.known(batch.condition, len(batch))

    @torch.no_grad()
    def infer_condition(self, batch: Batch) -> Float[Tensor, "batch input"]:
        """The networks' columns of the condition, with missing values replaced by the members' mean of q(c | x) (with
        `semi_supervised`)."""
        heads = [(member, member.inference) for member in self.ensemble if member.inference is not None]
        if not heads:
            raise ConfigError("Expected a model that infers conditions, got one without. Train with semi_supervised.")
        rows = batch[LETTERS], _mask(batch)
        means = [head.distribution(member.unconditional_features(*rows)).mean for member, head in heads]
        inferred = torch.stack(means).mean(0)
        if batch.condition is None:
            return inferred
        known = batch.condition[:, self.inputs].to(inferred)
        return torch.where(known.isnan(), inferred, known)

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(z, u): the posterior's mean, then the middle of the noise that decodes to this row; 0 at a gap."""
        letters, mask, known = self._rows(batch)
        z = self.first.posterior(letters, mask, known).mean
        share, letters = self.first.logits(z, known).double().softmax(-1), letters.clamp(0, self.letters - 1)
        noise = torch.special.ndtri(torch.where(mask, midpoint_quantile(share, letters), 0.5)).clamp(-8, 8)
        return torch.cat([z, noise.to(z)], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The letter of each column at the quantile of u in p(x | z, c); no gaps."""
        check_latents(latent, self.latent_size)
        z, noise = latent.split([self.semantic_size, self.columns], 1)
        quantile = torch.special.ndtr(noise.double())
        log_p = self.first.logits(z, self.known(condition, len(z))).double()
        letters = letters_at_quantile(log_p.softmax(-1), quantile)
        value = None if self.landscape is None or condition is None else condition[:, self.landscape.place].double()
        if self.landscape is not None and value is not None and not value.isnan().all():
            steered = self.landscape.letters(log_p, quantile, value, self._changes(condition))
            letters = torch.where(value.isnan()[:, None], letters, steered)
        return Batch({LETTERS: letters})

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself; if a number of changes is requested, a point on the path to it from the reference.

        The path from the reference's latent e to noise n is sqrt(1 - s^2) e + s n, which is standard normal at its end.
        s is found by bisection, for each row independently. If the landscape steers the draws, the latent has the
        reference's z and the noise's u instead: `decode` then makes the requested number of changes.
        """
        check_latents(noise, self.latent_size)
        changes = self._changes(condition)
        if condition is None or self.reference is None or changes is None or changes.isnan().all():
            return noise
        focus = self.reference.letters.to(noise.device).expand(len(noise), -1)
        start = self.encode(Batch({LETTERS: focus}, condition=condition))
        if self.landscape is not None and not condition[:, self.landscape.place].isnan().any():
            steered = torch.cat([start[:, : self.semantic_size], noise[:, self.semantic_size :]], 1)
            return torch.where(changes.isnan()[:, None], noise, steered)
        low, high = torch.zeros_like(changes), torch.ones_like(changes)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            there = self.decode(_between(start, noise, middle), condition)[LETTERS]
            few = (there != focus).sum(1) <= changes
            low, high = torch.where(few, middle, low), torch.where(few, high, middle)
        return torch.where(changes.isnan()[:, None], noise, _between(start, noise, low))

    def _changes(self, condition: Condition) -> Float[Tensor, " batch"] | None:
        """Requested number of changes, NaN where none is requested."""
        return None if condition is None or self.reference is None else self.reference.changes(condition)

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        return self.decode(self.sample(noise, condition), condition)


def _between(
    start: Float[Tensor, "batch latent"], end: Float[Tensor, "batch latent"], share: Float[Tensor, " batch"]
) -> Float[Tensor, "batch latent"]:
    """sqrt(1 - s^2) start + s end."""
    s = share[:, None]
    return (1 - s.square()).clamp(min=0).sqrt() * start + s * end


def _mask(batch: Batch) -> Mask:
    return torch.ones_like(batch[LETTERS], dtype=torch.bool) if batch.mask is None else batch.mask
