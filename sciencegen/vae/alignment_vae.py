"""The variational autoencoder of aligned rows: one letter of a small alphabet per column, an ensemble of models.

    log p(x) >= E_q(z|x) log p(x | z, w) - KL(q(z | x) || N(0, I)),     w ~ q(w), with the penalty KL(q(w) || p(w)) / N

Riesselman et al. 2018 (DeepSequence), eq. 3 to 6, and Frazer et al. 2021 (EVE): columns are independent given z, the
decoder's last weights have a mean-field posterior, and N is the effective number of rows (the sum of their weights).
Gaps are masked. The members of an ensemble are trained on different rows, one after the other in each step: the weights
of one fit a processor's cache, while a single product for all does not and takes twice the time. Rows are compared by
the difference of their bounds; using the same noise for both removes most of its random error.

Measured properties c of a row, if any, condition encoder and decoder: q(z | x, c) and p(x | z, c), with missing values
allowed; with `semi_supervised` these are inferred by q(c | x) (see `member_loss`). A property that was measured only
for variants of the wild type conditions no network: see `alignment_fitness`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout, condition_features
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.vae.alignment_fitness import (
    LETTERS,
    AdditiveFitness,
    Known,
    Letters,
    Mask,
    Member,
    WildTypeRow,
    letters_at_quantile,
    midpoint_quantile,
)
from sciencegen.vae.bounds import BoundTerms, Warmup, check_importance_samples, importance_weighted_bound, negative_elbo
from sciencegen.vae.model import VAE, Accept, Condition
from sciencegen.vae.posteriors import POSTERIORS, kl_to_standard_normal, standard_normal_log_prob

# The settings of an alignment's models, and the loss of one member on its share of a batch.
#
#     L(x, c) = E_q(z|x,c) log p(x | z, c, w) - KL(q(z | x, c) || N(0, I)) <= log p(x | c)
#
# is the bound of a row whose measured properties c are known. With `semi_supervised`, that of a row without them is
#
#     E_q(c|x) [ L(x, c) ] - KL(q(c | x) || p(c)) <= log p(x),
#
# and rows that have them also train q(c | x), by -label_weight log q(c | x). Kingma et al. 2014, model M2, eq. 7 and 9;
# the head q(c | x) is that of `conditions`.


@dataclass(frozen=True)
class AlignmentVAESettings:
    """Sizes and regularizers.

    Attributes
    ----------
    members : int
        Number of models, each trained on a share of every batch.
    hidden, latent : int
        Width of the two layers on each side; size of z.
    prior_std : float
        Of the prior of the last weights: the strongest regularizer here.
    beta : Warmup
        Weight of KL(q(z | x) || p(z)) by step.
    dropout : ConditionDropout
        Which measured properties are dropped in training, so that one model works with any subset of them.
    posterior : {"gaussian", "iaf"}
        q(z | x, c): a diagonal Gaussian, or one transformed by an inverse autoregressive flow [1]_.
    importance_samples : int
        Latents drawn for each row in training; with more than 1 the loss is the importance-weighted bound [2]_, to
        which beta doesn't apply.
    semi_supervised : bool
        Infer missing properties of a row by q(c | x), a Gaussian head on the encoder [3]_. Otherwise the networks get
        them as missing.
    label_weight : float
        With `semi_supervised`, weight of log q(c | x) of known properties, which trains the head.

    References
    ----------
    .. [1] Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", NeurIPS 2016, algorithm 1.
    .. [2] Burda et al., "Importance Weighted Autoencoders", ICLR 2016, eq. 8.
    .. [3] Kingma et al., "Semi-supervised Learning with Deep Generative Models", NeurIPS 2014, eq. 7 and 9.
    """

    members: int = 5
    hidden: int = 512
    latent: int = 32
    prior_std: float = 0.08
    beta: Warmup = field(default_factory=Warmup)
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.3, everything=0.1))
    posterior: str = "gaussian"
    importance_samples: int = 1
    semi_supervised: bool = False
    label_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.posterior not in POSTERIORS:
            raise unknown_name("posterior", self.posterior, POSTERIORS)
        check_importance_samples(self.importance_samples, self.beta)
        if min(self.members, self.hidden, self.latent) < 1 or not self.prior_std > 0:
            raise ConfigError(
                "Expected members, hidden and latent of 1 or more and prior_std above 0, got "
                f"{self.members}, {self.hidden}, {self.latent}, {self.prior_std}."
            )
        if not self.label_weight >= 0:
            raise ConfigError(f"Expected label_weight of 0 or more, got {self.label_weight}.")


@dataclass(frozen=True)
class BatchShare:
    """One member's rows of a batch.

    labels: measured properties, NaN where they are missing. forgotten: which of them dropout hides in this step.
    """

    letters: Letters
    mask: Mask
    labels: Float[Tensor, "item property"]
    forgotten: Bool[Tensor, "item property"]

    @property
    def condition(self) -> Float[Tensor, "item property"]:
        return self.labels.masked_fill(self.forgotten, torch.nan)

    @property
    def missing(self) -> Bool[Tensor, "item property"]:
        """Values to be inferred; those hidden by dropout are not."""
        return self.labels.isnan() & ~self.forgotten


def shares_of(
    batch: Batch, inputs: Sequence[int], settings: AlignmentVAESettings, generator: Generator
) -> list[BatchShare]:
    """An equal number of rows for each member. inputs: columns of the condition that the networks get."""
    size, letters = len(batch) // settings.members, batch[LETTERS]
    if size < 1:
        raise ConfigError(f"Expected a batch of {settings.members} rows or more, one a member, got {len(batch)}.")
    mask = torch.ones_like(letters, dtype=torch.bool) if batch.mask is None else batch.mask
    labels = torch.full((len(batch), len(inputs)), torch.nan, device=letters.device)
    forgotten = torch.zeros_like(labels, dtype=torch.bool)
    if batch.condition is not None and inputs:
        labels = batch.condition[:, list(inputs)]
        if settings.dropout.some or settings.dropout.everything:
            forgotten = settings.dropout.draw(batch.condition, generator)[:, list(inputs)]
    parts = (part.split(size) for part in (letters, mask, labels, forgotten))
    return [BatchShare(*rows) for rows in zip(*parts, strict=True)][: settings.members]


@dataclass(frozen=True)
class MemberLoss:
    """Nats per row: the loss; -log p(x | z, c); KL(q(z) || p(z)), plus that of c if it is inferred; the penalty of the
    weights; -log q(c | x) of known properties, if there is a head."""

    loss: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    kl: Float[Tensor, ""]
    weights: Float[Tensor, ""]
    label: Float[Tensor, ""] | None = None

    @property
    def shown(self) -> dict[str, Float[Tensor, ""]]:
        """The parts by name."""
        parts = {"reconstruction": self.reconstruction, "kl": self.kl, "weights": self.weights}
        return parts if self.label is None else {**parts, "label": self.label}


def member_loss(
    member: Member, share: BatchShare, settings: AlignmentVAESettings, beta: float, items: float, generator: Generator
) -> MemberLoss:
    """The negative bound of a share of a batch. items: N of the weights' penalty KL(q(w) || p(w)) / N."""
    if member.inference is None:
        return _bound_loss(member, share, share.condition, settings, beta, items, generator)
    features = member.unconditional_features(share.letters, share.mask)
    completed = member.inference.complete(features, share.condition.to(features), share.missing, generator)
    given = _bound_loss(member, share, completed.condition, settings, beta, items, generator)
    kl, label = completed.kl.mean(), -member.inference.label_log_prob(features, share.labels.to(features)).mean()
    loss = given.loss + kl + settings.label_weight * label
    return replace(given, loss=loss, kl=given.kl + kl, label=label)


def _bound_loss(
    member: Member, share: BatchShare, condition: Float[Tensor, "item property"] | None, settings: AlignmentVAESettings,
    beta: float, items: float, generator: Generator,
) -> MemberLoss:  # fmt: skip
    """-L(x, c), or minus the importance-weighted bound of log p(x | c), plus the weights' penalty."""
    count, like = settings.importance_samples, member.output.weight.new_empty(len(share.letters), 1)
    known = condition_features(condition, like, share.labels.shape[1])
    posterior = member.posterior(share.letters, share.mask, known)
    z, log_posterior = posterior.sample(generator, count)
    letters, mask, known = (part.repeat_interleave(count, 0) for part in (share.letters, share.mask, known))
    log_prob = member.log_prob(z, letters, mask, known, generator)  # with one draw of the last weights
    kl = kl_to_standard_normal(posterior, z, log_posterior)
    weights = member.output.kl(settings.prior_std) / items
    if count > 1:
        log_weights = log_prob + standard_normal_log_prob(z) - log_posterior
        loss = -importance_weighted_bound(log_weights.unflatten(0, (-1, count))).mean()
    else:
        loss = negative_elbo(log_prob, kl, beta)
    return MemberLoss(loss + weights, -log_prob.mean(), kl.mean(), weights)


# The evidence of rows near one row x0, relative to its own, from the same draws of x0's posterior for all rows.
#
#     log p(x) - log p(x0) = log E_{p(z | x0)} [ p(x | z) / p(x0 | z) ]
#
# The posterior is approximated by importance sampling: draws of q(z | x0) with weights w = p(x0 | z) p(z) / q(z | x0)
# (Burda et al. 2016, eq. 8), clipped at sqrt(draws) times their mean, so that no few draws dominate (Ionides 2008, eq.
# 5). Systematic resampling by these weights keeps some draws. For each of them a table of log p(letter) is computed
# once, so that a row costs a look-up for each letter that differs from x0. The effective number of draws of a row's
# estimate is (sum v)^2 / sum v^2, with v the contributions of the draws; it falls with the row's distance from x0.

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


BISECTIONS = 12

STEERING = "one that was measured of variants beside an alignment, which conditions no network"


class AlignmentVAE(VAE):
    """A `LatentModel` of aligned rows; its latent space is that of the first member.

    letters: size of the alphabet without gaps. reference: the row from which changes are counted, if a condition
    requests a number of them. inputs: columns of a condition that the networks get. landscape: additive model of a
    column that steers draws instead. effective_items: N of the bound, set before training. A latent is (z, u): z
    describes the whole row, u is a number for each column, which chooses its letter from p(x | z, c).
    """

    evaluation_seed = 1802_0604

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
        rows, like, shape = self._rows(batch), self.first.output.weight, (len(self.members), samples, 1)
        noise = standard_normal((*shape, self.semantic_size), self.noise_of_evaluation(generator), like)
        log_weights = torch.stack([m.evidence(*rows, own) for m, own in zip(self.ensemble, noise, strict=True)])
        return log_weights.logsumexp(1) - math.log(samples) if importance else log_weights.mean(1)

    def local_evidence(self, letters: Int[Tensor, " column"], draws: int, kept: int) -> list[LocalEvidence]:
        """`LocalEvidence` of each member around a row without a condition."""
        generator, known = self.noise_of_evaluation(None), self.known(None, 1)
        return [local_evidence(member, letters, known, draws, kept, generator) for member in self.ensemble]

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """The two terms of the first member's bound, from one sample."""
        rows = self._rows(batch)
        posterior = self.first.posterior(*rows)
        z, log_posterior = posterior.sample(self.noise_of_evaluation(generator))
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


def _between(
    start: Float[Tensor, "batch latent"], end: Float[Tensor, "batch latent"], share: Float[Tensor, " batch"]
) -> Float[Tensor, "batch latent"]:
    """sqrt(1 - s^2) start + s end."""
    s = share[:, None]
    return (1 - s.square()).clamp(min=0).sqrt() * start + s * end


def _mask(batch: Batch) -> Mask:
    return torch.ones_like(batch[LETTERS], dtype=torch.bool) if batch.mask is None else batch.mask
