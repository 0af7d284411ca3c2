"""The variational autoencoder of aligned rows: one letter of a small alphabet in each column, several models at once.

    log p(x) >= E_q(z|x) log p(x | z, w) - KL(q(z | x) || N(0, I)),     w ~ q(w), at the price KL(q(w) || p(w)) / N

Riesselman et al. 2018 (DeepSequence), eq. 3 to 6, and Frazer et al. 2021 (EVE): columns are independent given z, the
decoder's last weights have a mean-field belief, and N is the number of rows that tell something new (the sum of their
weights). A gap is masked: it says nothing. The members of an ensemble are trained side by side on rows of their own.
What a row is worth beside another is the difference of their bounds; the same noise in both takes most of the chance
out of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.members import BayesianMemberLinear, MemberLinear, like_noise
from sciencegen.vae.bounds import BoundTerms
from sciencegen.vae.gaussian import DiagonalGaussian, check_latents, standard_normal_kl
from sciencegen.vae.warmup import Warmup

EVALUATION_SEED = 1802_0604
BISECTIONS = 12
LETTERS = "letters"
"""The field of a Batch: [batch column] whole numbers, anything where the mask is False."""

Accept = Callable[[Batch], Tensor]
Condition = Float[Tensor, "batch property"] | None


@dataclass(frozen=True)
class ColumnVAESettings:
    """Sizes and regularizers.

    members: models trained side by side, each on a share of every batch. hidden: width of the two layers on each side.
    prior_std: of the last weights' prior, the strongest regularizer here. dropout: of the decoder's hidden units.
    beta: weight of KL(q(z | x)) by step.
    """

    members: int = 5
    hidden: int = 512
    latent: int = 32
    prior_std: float = 0.08
    dropout: float = 0.0
    beta: Warmup = field(default_factory=Warmup)

    def __post_init__(self) -> None:
        if min(self.members, self.hidden, self.latent) < 1 or not self.prior_std > 0 or not 0 <= self.dropout < 1:
            raise ConfigError(
                "Expected members, hidden and latent of 1 or more, prior_std above 0 and dropout in 0..1, got "
                f"{self.members}, {self.hidden}, {self.latent}, {self.prior_std}, {self.dropout}."
            )


@dataclass(frozen=True)
class Reference:
    """A row to which others are compared. mean, std: of the training rows' numbers of changes, by which a condition on
    that number is standardized."""

    letters: Int[Tensor, " column"]
    mean: float
    std: float

    def changes(self, condition: Float[Tensor, "batch property"]) -> Float[Tensor, " batch"]:
        """How many letters a condition asks to change, NaN where it doesn't."""
        return condition[:, 0] * self.std + self.mean


class ColumnVAE(nn.Module):
    """A `LatentModel` of aligned rows; its latent space is that of the first member.

    letters: size of the alphabet, gaps apart. reference: gives a meaning to a condition. effective_items: N of the
    bound, set before training. A latent is (z, u): what the row is about, and a number for each column, which chooses
    its letter from p(x | z).
    """

    def __init__(
        self, columns: int, letters: int, settings: ColumnVAESettings, reference: Reference | None = None
    ) -> None:
        super().__init__()
        s = self.settings = settings
        self.columns, self.letters, self.reference, self.effective_items = columns, letters, reference, 1.0
        self.semantic_size, self.latent_size = s.latent, s.latent + columns
        self.encoder = _layers(s.members, columns * letters, s.hidden, s.hidden)
        self.posterior = MemberLinear(s.members, s.hidden, 2 * s.latent)
        self.decoder = _layers(s.members, s.latent, s.hidden, s.hidden)
        self.output = BayesianMemberLinear(s.members, s.hidden, columns * letters, gain=0.1)
        with torch.no_grad():
            self.posterior.bias[..., s.latent :] = -2.0  # confident codes: a decoder learns nothing from noise

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per row in nats: loss (summed over members), reconstruction, kl, and the weights' share."""
        s, share = self.settings, len(batch) // self.settings.members
        if share < 1:
            raise ConfigError(f"Expected a batch of {s.members} rows or more, one a member, got {len(batch)}.")
        parts = batch.select(torch.arange(share * s.members))
        letters, mask = (value.unflatten(0, (s.members, share)) for value in (parts[LETTERS], _mask(parts)))
        posterior = self._posterior(self._one_hot(letters, mask))
        z = posterior.mean + posterior.log_std.exp() * like_noise(posterior.mean, generator)
        reconstruction = _log_prob(self._logits(z, generator), letters, mask)
        kl = standard_normal_kl(posterior)
        weights = self.output.kl(s.prior_std) / self.effective_items
        bound = (reconstruction - s.beta(step) * kl).mean(1) - weights
        shown = {"reconstruction": -reconstruction.mean(), "kl": kl.mean(), "weights": weights.mean()}
        return {"loss": -bound.sum(), **{name: value.detach() for name, value in shown.items()}}

    def finish(self, batches: Iterable[Batch], generator: Generator) -> None:
        """Nothing is left to fit."""

    # --- evidence -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evidence(
        self, batch: Batch, samples: int = 64, importance: bool = False, generator: Generator | None = None
    ) -> Float[Tensor, "member batch"]:
        """Each member's lower bound of log p(x) in nats: the mean of `samples` one-sample bounds, or with `importance`
        the importance-weighted bound (Burda et al. 2016, eq. 8), at the means of the weights.

        Every row meets the same noise, of one fixed seed unless told.
        """
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        letters, mask = (v.expand(self.settings.members, *v.shape) for v in (batch[LETTERS], _mask(batch)))
        posterior = self._posterior(self._one_hot(letters, mask))
        noise = torch.randn(samples, self.settings.members, 1, self.semantic_size, generator=generator).to(
            posterior.mean
        )
        log_weights = torch.stack([self._log_weight(posterior, letters, mask, one) for one in noise])
        return log_weights.logsumexp(0) - math.log(samples) if importance else log_weights.mean(0)

    def _log_weight(self, posterior: DiagonalGaussian, letters: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """log p(x | z) p(z) / q(z | x) at z = mean + std * noise."""
        z = posterior.mean + posterior.log_std.exp() * noise
        log_ratio = 0.5 * (noise.square() - z.square()).sum(-1) + posterior.log_std.sum(-1)
        return _log_prob(self._logits(z), letters, mask) + log_ratio

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """The two halves of the first member's bound, from one sample."""
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        letters, mask = (v.expand(self.settings.members, *v.shape) for v in (batch[LETTERS], _mask(batch)))
        posterior = self._posterior(self._one_hot(letters, mask))
        z = posterior.mean + posterior.log_std.exp() * like_noise(posterior.mean, generator)
        return BoundTerms(_log_prob(self._logits(z), letters, mask)[0], standard_normal_kl(posterior)[0])

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(z, u): the posterior's centre, then the noise in the middle of what decodes to this row; 0 at a gap."""
        letters, mask = batch[LETTERS], _mask(batch)
        z = self._posterior(self._one_hot(*self._for_members(letters, mask))).mean[0]
        below = self._cumulative(z)
        letters = letters.clamp(0, self.letters - 1).long()[..., None]
        upper, share = below.gather(-1, letters)[..., 0], below.diff(dim=-1, prepend=torch.zeros_like(below[..., :1]))
        middle = upper - 0.5 * share.gather(-1, letters)[..., 0]
        noise = torch.special.ndtri(torch.where(mask, middle, 0.5)).clamp(-8, 8)
        return torch.cat([z, noise.to(z)], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The letter of each column where u's quantile falls in p(x | z); no gaps."""
        check_latents(latent, self.latent_size)
        z, noise = latent.split([self.semantic_size, self.columns], 1)
        quantile = torch.special.ndtr(noise.double())
        letters = (self._cumulative(z) < quantile[..., None]).sum(-1).clamp(max=self.letters - 1)
        return Batch({LETTERS: letters})

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself; under a condition on the number of changes, a point on the way there from the reference.

        The way from latent e to noise n is sqrt(1 - s^2) e + s n: standard normal at its end, the reference itself at
        its start, and s is found by bisection, for each row by itself.
        """
        check_latents(noise, self.latent_size)
        if condition is None or self.reference is None:
            return noise
        asked = self.reference.changes(condition)
        start = self.encode(Batch({LETTERS: self.reference.letters[None].to(noise.device)}))
        low, high = torch.zeros_like(asked), torch.ones_like(asked)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            few = self._changed(_between(start, noise, middle), self.reference) <= asked
            low, high = torch.where(few, middle, low), torch.where(few, high, middle)
        return torch.where(asked.isnan()[:, None], noise, _between(start, noise, low))

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        return self.decode(self.sample(noise, condition), condition)

    def _changed(self, latent: Float[Tensor, "batch latent"], reference: Reference) -> Float[Tensor, " batch"]:
        return (self.decode(latent)[LETTERS] != reference.letters.to(latent.device)).sum(1).to(latent)

    def _cumulative(self, z: Float[Tensor, "batch code"]) -> Float[Tensor, "batch column letter"]:
        """P(letter <= l | z), in double precision; the letters in the order of the alphabet."""
        logits = self._logits(self._for_members(z)[0])[0]
        return torch.softmax(logits.double(), -1).cumsum(-1)

    def _for_members(self, *values: Tensor) -> list[Tensor]:
        return [value.expand(self.settings.members, *value.shape) for value in values]

    # --- networks -----------------------------------------------------------------------------------------------------

    def _posterior(self, one_hot: Float[Tensor, "member item entry"]) -> DiagonalGaussian:
        hidden = one_hot
        for layer in self.encoder:
            hidden = functional.relu(layer(hidden))
        mean, log_std = self.posterior(hidden).chunk(2, -1)
        return DiagonalGaussian(mean, log_std.clamp(-8, 3))

    def _logits(
        self, z: Float[Tensor, "member item latent"], generator: Generator | None = None
    ) -> Float[Tensor, "member item column letter"]:
        """With a generator the last weights are drawn; hidden units are dropped while training."""
        hidden = z
        for layer in self.decoder:
            hidden = functional.relu(layer(hidden))
            hidden = functional.dropout(hidden, self.settings.dropout, self.training)
        return self.output(hidden, generator).unflatten(-1, (self.columns, self.letters))

    def _one_hot(self, letters: Int[Tensor, "member item column"], mask: Tensor) -> Float[Tensor, "member item entry"]:
        one_hot = functional.one_hot(letters.clamp(0, self.letters - 1).long(), self.letters)
        return (one_hot * mask[..., None]).flatten(2).to(self.output.weight)


def _between(
    start: Float[Tensor, "one latent"], end: Float[Tensor, "batch latent"], share: Float[Tensor, " batch"]
) -> Float[Tensor, "batch latent"]:
    """sqrt(1 - s^2) start + s end."""
    s = share[:, None]
    return (1 - s.square()).clamp(min=0).sqrt() * start + s * end


def _layers(members: int, *sizes: int) -> nn.ModuleList:
    return nn.ModuleList([MemberLinear(members, size, following, 2**0.5) for size, following in pairwise(sizes)])


def _mask(batch: Batch) -> Tensor:
    return torch.ones_like(batch[LETTERS], dtype=torch.bool) if batch.mask is None else batch.mask


def _log_prob(logits: Tensor, letters: Tensor, mask: Tensor) -> Float[Tensor, "member item"]:
    """log p(x | z), gaps apart."""
    picked = letters.clamp(0, logits.shape[-1] - 1).long()[..., None]
    log_prob = torch.log_softmax(logits, -1).gather(-1, picked)[..., 0]
    return torch.where(mask, log_prob, 0.0).sum(-1)
