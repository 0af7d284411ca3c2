"""The variational autoencoder of aligned rows: one letter of a small alphabet in each column, several models at once.

    log p(x) >= E_q(z|x) log p(x | z, w) - KL(q(z | x) || N(0, I)),     w ~ q(w), at the price KL(q(w) || p(w)) / N

Riesselman et al. 2018 (DeepSequence), eq. 3 to 6, and Frazer et al. 2021 (EVE): columns are independent given z, the
decoder's last weights have a mean-field belief, and N is the number of rows that tell something new (the sum of their
weights). A gap is masked: it says nothing. The members of an ensemble are trained side by side on rows of their own,
one after the other in each step: one's weights fit a processor's cache; all of them in one product don't, at twice the
cost. What a row is worth beside another is the difference of their bounds; the same noise in both takes most of the
chance out of it.

Measured properties c of a row, where there are any, condition encoder and decoder: q(z | x, c) and p(x | z, c), with
missing values allowed (Kingma et al. 2014). A property that was measured of variants of the wild type alone conditions
no network: see `additive_fitness`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout, condition_features
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.normal import check_latents
from sciencegen.vae.alignments.additive_fitness import AdditiveFitness
from sciencegen.vae.alignments.inverse_cdf import letters_at_quantile, midpoint_quantile
from sciencegen.vae.alignments.local_evidence import LocalEvidence, local_evidence
from sciencegen.vae.alignments.networks import LETTERS, Known, Letters, Mask, Member
from sciencegen.vae.alignments.wild_type_row import WildTypeRow
from sciencegen.vae.bounds import BoundTerms, check_importance_samples, importance_weighted_bound, negative_elbo
from sciencegen.vae.gaussian import standard_normal_log_prob
from sciencegen.vae.posteriors import POSTERIORS, kl_to_standard_normal
from sciencegen.vae.warmup import Warmup

EVALUATION_SEED = 1802_0604
BISECTIONS = 12

Accept = Callable[[Batch], Tensor]
Condition = Float[Tensor, "batch property"] | None


@dataclass(frozen=True)
class AlignmentVAESettings:
    """Sizes and regularizers.

    members: models trained side by side, each on a share of every batch. hidden: width of the two layers on each side.
    prior_std: of the last weights' prior, the strongest regularizer here. beta: weight of KL(q(z | x)) by step.
    dropout: what of the measured properties to forget in training, so that one model answers any of them and none.
    posterior: `gaussian`, or `iaf` for one that inverse autoregressive flow follows (Kingma et al. 2016).
    importance_samples: latents of each row that training draws; more than 1 train the importance-weighted bound (Burda
    et al. 2016), to which beta doesn't apply.
    """

    members: int = 5
    hidden: int = 512
    latent: int = 32
    prior_std: float = 0.08
    beta: Warmup = field(default_factory=Warmup)
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.3, everything=0.1))
    posterior: str = "gaussian"
    importance_samples: int = 1

    def __post_init__(self) -> None:
        if self.posterior not in POSTERIORS:
            raise unknown_name("posterior", self.posterior, POSTERIORS)
        check_importance_samples(self.importance_samples, self.beta)
        if min(self.members, self.hidden, self.latent) < 1 or not self.prior_std > 0:
            raise ConfigError(
                "Expected members, hidden and latent of 1 or more and prior_std above 0, got "
                f"{self.members}, {self.hidden}, {self.latent}, {self.prior_std}."
            )


class AlignmentVAE(nn.Module):
    """A `LatentModel` of aligned rows; its latent space is that of the first member.

    letters: size of the alphabet, gaps apart. reference: what a condition on the number of changes is about. heard:
    which columns of a condition the networks are told. landscape: of one that leads draws instead. effective_items: N
    of the bound, set before training. A latent is (z, u): what the row is about, and a number for each column, which
    chooses its letter from p(x | z, c).
    """

    def __init__(
        self, columns: int, letters: int, settings: AlignmentVAESettings, reference: WildTypeRow | None = None,
        heard: Sequence[int] = (), landscape: AdditiveFitness | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        s = self.settings = settings
        self.columns, self.letters, self.reference, self.effective_items = columns, letters, reference, 1.0
        self.heard, self.semantic_size, self.latent_size = list(heard), s.latent, s.latent + columns
        made = [Member(columns, letters, s.hidden, s.latent, 2 * len(heard), s.posterior) for _ in range(s.members)]
        self.members, self.landscape = nn.ModuleList(made), landscape

    @property
    def first(self) -> Any:
        """The member whose latent space this is."""
        return self.members[0]

    def known(self, condition: Condition, rows: int) -> Known:
        """What the networks hear of a condition, NaN being unknown, and so is everything without one."""
        heard = None if condition is None else condition[:, self.heard]
        return condition_features(heard, self.first.output.weight.new_empty(rows, 1), len(self.heard))

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per row in nats: loss (summed over members), reconstruction, kl, and the weights' share."""
        s, share = self.settings, len(batch) // self.settings.members
        if share < 1:
            raise ConfigError(f"Expected a batch of {s.members} rows or more, one a member, got {len(batch)}.")
        known = self.known(self._forgetting(batch.condition, generator), len(batch))
        shares = zip(batch[LETTERS].split(share), _mask(batch).split(share), known.split(share), strict=True)
        pairs = zip(self.members, shares, strict=False)
        each = [self._loss(member, rows, s.beta(step), generator) for member, rows in pairs]
        loss, *shown = (torch.stack(terms) for terms in zip(*each, strict=True))
        named = zip(("reconstruction", "kl", "weights"), shown, strict=True)
        return {"loss": loss.sum(), **{name: value.mean().detach() for name, value in named}}

    def _forgetting(self, condition: Condition, generator: Generator) -> Condition:
        return self.settings.dropout(condition, generator) if self.heard else None

    def _loss(
        self, member: Any, rows: tuple[Letters, Mask, Known], beta: float, generator: Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One member's loss, and its parts: reconstruction, KL(q(z)) and KL(q(w)) of a row."""
        posterior, count = member.posterior(*rows), self.settings.importance_samples
        z, log_posterior = posterior.sample(generator, count)
        letters, mask, known = (part.repeat_interleave(count, 0) for part in rows)
        log_prob = member.log_prob(z, letters, mask, known, generator)  # of one draw of the last weights
        kl = kl_to_standard_normal(posterior, z, log_posterior)
        weights = member.output.kl(self.settings.prior_std) / self.effective_items
        if count > 1:
            log_weights = log_prob + standard_normal_log_prob(z) - log_posterior
            loss = -importance_weighted_bound(log_weights.unflatten(0, (-1, count))).mean()
        else:
            loss = negative_elbo(log_prob, kl, beta)
        return loss + weights, -log_prob.mean(), kl.mean(), weights

    def finish(self, batches: Iterable[Batch], generator: Generator, progress: Progress = no_progress) -> None:
        """Fit the landscape, where there is one."""
        if self.landscape is not None:
            self.landscape.learn(batches, self.members, self.known(None, 1), partial(progress, "landscape"))

    # --- evidence -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evidence(
        self, batch: Batch, samples: int = 64, importance: bool = False, generator: Generator | None = None
    ) -> Float[Tensor, "member batch"]:
        """Each member's lower bound of log p(x | c) in nats: the mean of `samples` one-sample bounds, or with
        `importance` the importance-weighted bound (Burda et al. 2016, eq. 8), at the means of the weights.

        Every row meets the same noise, of one fixed seed unless told.
        """
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        rows, like = self._rows(batch), self.first.output.weight
        noise = torch.randn(len(self.members), samples, 1, self.semantic_size, generator=generator).to(like)
        members: Iterable[Any] = self.members
        log_weights = torch.stack([m.evidence(*rows, own) for m, own in zip(members, noise, strict=True)])
        return log_weights.logsumexp(1) - math.log(samples) if importance else log_weights.mean(1)

    def local_evidence(self, letters: Int[Tensor, " column"], draws: int, kept: int) -> list[LocalEvidence]:
        """Of each member, around a row of which nothing was measured."""
        generator, known = Generator().manual_seed(EVALUATION_SEED), self.known(None, 1)
        members: Iterable[Any] = self.members
        return [local_evidence(member, letters, known, draws, kept, generator) for member in members]

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """The two halves of the first member's bound, from one sample."""
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        rows = self._rows(batch)
        posterior = self.first.posterior(*rows)
        z, log_posterior = posterior.sample(generator)
        return BoundTerms(self.first.log_prob(z, *rows), kl_to_standard_normal(posterior, z, log_posterior))

    def _rows(self, batch: Batch) -> tuple[Letters, Mask, Known]:
        return batch[LETTERS], _mask(batch), self.known(batch.condition, len(batch))

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(z, u): the posterior's centre, then the noise in the middle of what decodes to this row; 0 at a gap."""
        letters, mask, known = self._rows(batch)
        z = self.first.posterior(letters, mask, known).mean
        share, letters = self.first.logits(z, known).double().softmax(-1), letters.clamp(0, self.letters - 1)
        noise = torch.special.ndtri(torch.where(mask, midpoint_quantile(share, letters), 0.5)).clamp(-8, 8)
        return torch.cat([z, noise.to(z)], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The letter of each column where u's quantile falls in p(x | z, c); no gaps."""
        check_latents(latent, self.latent_size)
        z, noise = latent.split([self.semantic_size, self.columns], 1)
        quantile = torch.special.ndtr(noise.double())
        log_p = self.first.logits(z, self.known(condition, len(z))).double()
        letters = letters_at_quantile(log_p.softmax(-1), quantile)
        asked = None if self.landscape is None or condition is None else condition[:, self.landscape.place].double()
        if self.landscape is not None and asked is not None and not asked.isnan().all():
            led = self.landscape.letters(log_p, quantile, asked, self._changes(condition))
            letters = torch.where(asked.isnan()[:, None], letters, led)
        return Batch({LETTERS: letters})

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself; under a condition on the number of changes, a point on the way there from the reference.

        The way from latent e to noise n is sqrt(1 - s^2) e + s n: standard normal at its end, the reference itself at
        its start, and s is found by bisection, for each row by itself. Where the landscape leads, with as many changes
        as asked, the reference's z and the noise's u.
        """
        check_latents(noise, self.latent_size)
        asked = self._changes(condition)
        if condition is None or self.reference is None or asked is None or asked.isnan().all():
            return noise
        focus = self.reference.letters.to(noise.device).expand(len(noise), -1)
        start = self.encode(Batch({LETTERS: focus}, condition=condition))
        if self.landscape is not None and not condition[:, self.landscape.place].isnan().any():
            led = torch.cat([start[:, : self.semantic_size], noise[:, self.semantic_size :]], 1)
            return torch.where(asked.isnan()[:, None], noise, led)
        low, high = torch.zeros_like(asked), torch.ones_like(asked)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            there = self.decode(_between(start, noise, middle), condition)[LETTERS]
            few = (there != focus).sum(1) <= asked
            low, high = torch.where(few, middle, low), torch.where(few, high, middle)
        return torch.where(asked.isnan()[:, None], noise, _between(start, noise, low))

    def _changes(self, condition: Condition) -> Float[Tensor, " batch"] | None:
        """How many are asked for, NaN where no number is."""
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
