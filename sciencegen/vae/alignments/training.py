"""The settings of an alignment's models, and the loss of one member on its share of a batch.

    L(x, c) = E_q(z|x,c) log p(x | z, c, w) - KL(q(z | x, c) || N(0, I)) <= log p(x | c)

is the bound of a row whose measured properties c are known. With `semi_supervised`, that of a row without them is

    E_q(c|x) [ L(x, c) ] - KL(q(c | x) || p(c)) <= log p(x),

and rows that have them also train q(c | x), by -label_weight log q(c | x). Kingma et al. 2014, model M2, eq. 7 and 9;
the head q(c | x) is that of `semi_supervised`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout, condition_features
from sciencegen.vae.alignments.networks import LETTERS, Letters, Mask, Member
from sciencegen.vae.bounds import check_importance_samples, importance_weighted_bound, negative_elbo
from sciencegen.vae.gaussian import standard_normal_log_prob
from sciencegen.vae.posteriors import POSTERIORS, kl_to_standard_normal
from sciencegen.vae.warmup import Warmup


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
class Share:
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


def shares_of(batch: Batch, inputs: Sequence[int], settings: AlignmentVAESettings, generator: Generator) -> list[Share]:
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
    return [Share(*rows) for rows in zip(*parts, strict=True)][: settings.members]


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
    member: Member, share: Share, settings: AlignmentVAESettings, beta: float, items: float, generator: Generator
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
    member: Member, share: Share, condition: Float[Tensor, "item property"] | None, settings: AlignmentVAESettings,
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
