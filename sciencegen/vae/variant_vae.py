"""The conditional autoencoder of variants of one protein: a few numbers decide which letters change, and to what.

    log p(x | c) >= E_q(z|x,c) log p(x | z, c) - beta KL(q(z | x, c) || p(z | c))          Sohn et al. 2015, eq. 4

Encoder, decoder and prior read the condition c. Besides z there is no noise: a row is the mode of p(x | z, c) with the
requested number n of changes, and with the requested value y of the additive landscape f (`alignment_fitness`),

    x = argmax log p(x | z, c) + tilt f(x),       with the tilt for which f(x) is nearest to y,

so a decoder can't ignore z. f(x) never falls along the tilt. With a small beta, z then holds nearly all that tells
variants apart (Higgins et al. 2017).

A latent is (s, e), standard normal: z = mean(c) + std(c) e is a draw of p(z | c), and s is the normal score of y among
the training rows, for draws without a requested value. So a latent moves in value and in place (Gomez-Bombarelli et al.
2018 and Castro et al. 2022 order latents by a value, too).

Libraries are mostly random changes of a wild type. In training each row is joined by rows that are recombined from the
changes of its batch, so that few measured variants teach a smooth map. Of these only the number of changes is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout, beside_condition
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.mlp import MLP
from sciencegen.networks.shared_noise import check_latents
from sciencegen.vae.alignment_fitness import LETTERS, AdditiveFitness, Letters, WildTypeRow
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.likelihoods import Categorical
from sciencegen.vae.model import Accept, Condition, ConditionalVAE, VAEParts, VAESettings
from sciencegen.vae.posteriors import GaussianPosterior
from sciencegen.vae.priors import ConditionalGaussianPrior

STEEPEST, BISECTIONS = 64.0, 9
"""The greatest tilt towards a value, and bisections of its cube root."""
QUANTILES = 33
CALIBRATION_ROWS, CALIBRATION_STEPS, MOST_STAY = 512, 10, 20.0
INPUT_SCALE = 3.0
"""Of a changed letter in the encoder: few inputs are not 0."""

Scores = Float[Tensor, "batch column letter"]


@dataclass(frozen=True)
class VariantVAESettings:
    """Sizes and weights.

    Attributes
    ----------
    latent : int
        Size of z.
    hidden : int
        Width of the two layers of encoder and decoder.
    beta : Warmup
        Weight of KL(q(z | x, c) || p(z | c)) by step: small, so that z decides the letters.
    dropout : ConditionDropout
        Which properties are dropped in training, so that one model works with any subset of them.
    recombined : int
        Rows made of the changes of a batch, for each of its rows; 0 where variants are not random changes.
    """

    latent: int = 16
    hidden: int = 192
    beta: Warmup = field(default_factory=lambda: Warmup("linear", steps=400, end=0.05))
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.3, everything=0.2))
    recombined: int = 3

    def __post_init__(self) -> None:
        if min(self.latent, self.hidden) < 1 or self.recombined < 0:
            raise ConfigError(
                "Expected latent and hidden of 1 or more and recombined of 0 or more, got "
                f"{self.latent}, {self.hidden} and {self.recombined}."
            )


class ChangesEncoder(nn.Module):
    """The changes of a row as one-hot letters; unchanged columns and gaps are zeros."""

    reference: Tensor

    def __init__(self, reference: Int[Tensor, " column"], letters: int) -> None:
        super().__init__()
        self.letters = letters
        self.register_buffer("reference", reference, persistent=False)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        rows = batch[LETTERS].long()
        changed = rows != self.reference
        changed = changed if batch.mask is None else changed & batch.mask
        one_hot = functional.one_hot(rows.clamp(0, self.letters - 1), self.letters) * changed[..., None]
        return INPUT_SCALE * one_hot.flatten(1).to(torch.get_default_dtype())


class ChangesDecoder(nn.Module):
    """p(x | z, c): letters of each column, independent given z. It starts near the reference."""

    def __init__(self, reference: Int[Tensor, " column"], letters: int, latent: int, properties: int, hidden: int):
        super().__init__()
        self.letters, self.properties = letters, properties
        self.network = MLP(latent + 2 * properties, len(reference) * letters, hidden, 2)
        start = torch.full((len(reference), letters), -6.0)
        start[torch.arange(len(reference)), reference] = 0.0
        with torch.no_grad():
            self.network.output.bias.copy_(start.flatten())

    def forward(self, latent: Tensor, condition: Condition, batch: Batch | None = None) -> Categorical:
        logits = self.network(beside_condition(latent, condition, self.properties)).unflatten(1, (-1, self.letters))
        if batch is None:
            return Categorical(logits)
        return Categorical(functional.pad(logits, (0, 1), value=-torch.inf), batch.mask)  # the gap, never drawn


class VariantVAE(ConditionalVAE):
    """A `LatentModel` of the variants of a reference.

    reference: its letters. properties: number of columns of a condition. letters: size of the alphabet without gaps.
    changes: which of these columns is the number of changes, if one is. landscape: additive model of another.
    """

    stay: Tensor
    quantiles: Tensor

    def __init__(
        self, reference: Int[Tensor, " column"], letters: int, properties: int, settings: VariantVAESettings,
        changes: WildTypeRow | None = None, landscape: AdditiveFitness | None = None,
    ) -> None:  # fmt: skip
        s, columns = settings, len(reference)
        encoder, decoder = (
            ChangesEncoder(reference, letters),
            ChangesDecoder(reference, letters, s.latent, properties, s.hidden),
        )
        posterior = GaussianPosterior(columns * letters, s.latent, properties, s.hidden, 2)
        prior = ConditionalGaussianPrior(s.latent, properties)
        training = VAESettings(beta=s.beta, dropout=s.dropout)
        super().__init__(VAEParts(encoder, decoder, posterior, prior), LETTERS, training)
        self.changes, self.landscape = changes, landscape
        self.letters, self.properties, self.recombined = letters, properties, s.recombined
        self.latent_size = self.semantic_size = s.latent + (landscape is not None)
        self.effective_items = 1.0
        scores = torch.special.ndtri((torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES)
        self.register_buffer("stay", torch.zeros((), dtype=torch.float64))
        self.register_buffer("quantiles", torch.stack([scores, scores]))

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        return super().loss(self._with_recombined(batch, generator), step, generator)

    @torch.no_grad()
    def _with_recombined(self, batch: Batch, generator: Generator) -> Batch:
        """The batch and, behind it, rows with as many changes as its rows have, drawn from all changes of the batch."""
        rows, focus = batch[LETTERS].long(), self.encoder.reference
        whole = torch.ones_like(rows, dtype=torch.bool) if batch.mask is None else batch.mask
        changed = (rows != focus) & whole
        if not self.recombined:
            return batch
        count = changed.sum(1).repeat(self.recombined)
        uniform = torch.rand(2, len(count), rows.shape[1], generator=generator, device=generator.device).to(
            focus.device
        )
        order = changed.sum(0).log() - (-uniform[0].clamp(1e-7, 1 - 1e-7).log()).log()  # Gumbel: without replacement
        chosen = order.argsort(dim=1, descending=True).argsort(dim=1) < count[:, None]
        place = changed.long().argsort(dim=0, descending=True, stable=True)  # of each column, the rows that changed it
        row = place.gather(0, (uniform[1] * changed.sum(0)).long())
        made = torch.where(chosen & changed.any(0), rows.gather(0, row), focus)
        condition = batch.condition
        if condition is not None:
            more = torch.full_like(condition, torch.nan).repeat(self.recombined, 1)
            if self.changes is not None:
                number = (made != focus).sum(1).to(condition)
                more[:, self.changes.place] = (number - self.changes.mean) / self.changes.std
            condition = torch.cat([condition, more])
        mask = None if batch.mask is None else torch.cat([whole, torch.ones_like(made, dtype=torch.bool)])
        return Batch({LETTERS: torch.cat([rows, made])}, mask, condition)

    @torch.no_grad()
    def finish(self, batches: Iterable[Batch], generator: Generator, progress: Progress = no_progress) -> None:
        """Fit the landscape, the normal scores of its values, and the weight of the reference's letters by which draws
        without a requested number have as many changes as the training rows."""
        kept = list(batches)
        rows = torch.cat([self._whole(batch) for batch in kept])
        if self.landscape is not None:
            values = torch.cat(
                [batch.condition[:, self.landscape.place] for batch in kept if batch.condition is not None]
            )
            known = ~values.isnan()
            flat = torch.zeros_like(self.landscape.effects)
            self.landscape.fit(rows[known], values[known], flat, partial(progress, "landscape"))
            ends = (torch.arange(QUANTILES, dtype=torch.float64, device=rows.device) + 0.5) / QUANTILES
            found = torch.quantile(self.landscape.value(rows[known]), ends)
            rising = 1e-4 * torch.arange(QUANTILES, device=rows.device)
            self.quantiles[1] = torch.cummax(found, 0).values + rising
        noise = torch.randn(CALIBRATION_ROWS, self.latent_size, generator=generator).to(self.quantiles.device)
        mean = float((rows != self.encoder.reference).sum(1).double().mean())
        low, high = -MOST_STAY, MOST_STAY
        for _ in range(CALIBRATION_STEPS):
            self.stay.fill_(0.5 * (low + high))
            made = self.decode(noise.to(next(self.decoder.parameters())))[LETTERS]
            more = float((made != self.encoder.reference).sum(1).double().mean()) > mean
            low, high = (float(self.stay), high) if more else (low, float(self.stay))

    def _whole(self, batch: Batch) -> Letters:
        """The batch's letters, at gaps the reference's."""
        rows = batch[LETTERS].long()
        return rows if batch.mask is None else torch.where(batch.mask, rows, self.encoder.reference)

    # --- latent space -------------------------------------------------------------------------------------------------

    @property
    def noise_is_latent(self) -> bool:
        return True

    def draft(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        return self.decode(latent, condition)

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(s, e): the normal score of the row's value, and the mean of q(z | x, c) relative to p(z | c)."""
        if self.landscape is None:
            condition = batch.condition
            score = None
        else:
            value = self.landscape.value(self._whole(batch))
            score = _between(self.quantiles[1], self.quantiles[0], value)
            condition = self._filled_condition(batch.condition, value)
        z = self.posterior_given(self.encoder(batch), batch.with_condition(condition)).mean
        prior = self.prior.gaussian(z, condition)
        noise = (z - prior.mean) * (-prior.log_std).exp()
        return noise if score is None else torch.cat([score[:, None].to(noise), noise], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The likeliest row with the requested value and number of changes; without a value, with that of s."""
        check_latents(latent, self.latent_size)
        wanted, changes = None, None
        if self.landscape is not None:
            score, latent = latent[:, 0].double(), latent[:, 1:]
            wanted = _between(self.quantiles[0], self.quantiles[1], score)
            if condition is not None:
                asked = self.landscape.link.sums(condition[:, self.landscape.place].double())
                wanted = torch.where(asked.isnan(), wanted, asked)
            condition = self._filled_condition(condition, wanted)
        if condition is not None and self.changes is not None:
            changes = self.changes.changes(condition)
        log_p = self.decoder(self.prior(latent, condition), condition).logits.double().log_softmax(-1)
        return Batch({LETTERS: self._likeliest(log_p, wanted, changes)})

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself: `decode` maps it to a draw of p(z | c)."""
        check_latents(noise, self.latent_size)
        return noise

    def _filled_condition(self, condition: Condition, sums: Float[Tensor, " batch"]) -> Tensor:
        """The condition, with the value of these sums where none is requested."""
        assert self.landscape is not None
        like = next(self.decoder.parameters())
        given = like.new_full((len(sums), self.properties), torch.nan) if condition is None else condition.to(like)
        filled, place = given.clone(), self.landscape.place
        knots = self.landscape.link.knots
        value = _between(knots[0], knots[1], sums).to(like)
        filled[:, place] = torch.where(given[:, place].isnan(), value, given[:, place])
        return filled

    def _likeliest(
        self, log_p: Scores, wanted: Float[Tensor, " batch"] | None, changes: Float[Tensor, " batch"] | None
    ) -> Letters:
        """Modes of p(x | z, c) with about the wanted sums and the requested number of changes (NaN: the likeliest)."""
        focus = self.encoder.reference
        own = focus[:, None] == torch.arange(self.letters, device=focus.device)
        gain = log_p - log_p.masked_fill(~own, 0.0).sum(-1, keepdim=True)  # of a change, over the reference's letter
        gain = (gain - torch.where(own, 0.0, self.stay)).masked_fill(own, -torch.inf)
        if wanted is None or self.landscape is None:
            return self._changed(gain, changes)
        effects = self.landscape.effects
        found, miss = focus.expand(len(gain), -1), torch.full_like(wanted, torch.inf)
        low, high = torch.full_like(wanted, -1.0), torch.ones_like(wanted)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            rows = self._changed(gain + STEEPEST * middle[:, None, None] ** 3 * effects, changes)
            over = self.landscape.value(rows) - wanted
            nearer = over.abs() < miss
            found, miss = torch.where(nearer[:, None], rows, found), torch.where(nearer, over.abs(), miss)
            low, high = torch.where(over < 0, middle, low), torch.where(over < 0, high, middle)
        return found

    def _changed(self, gain: Scores, changes: Float[Tensor, " batch"] | None) -> Letters:
        """The letters of greatest gain, in the columns of greatest gain."""
        best, letter = gain.max(-1)
        taken = best > 0
        if changes is not None:
            rank = best.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
            taken = torch.where(changes.isnan()[:, None], taken, rank < changes[:, None])
        return torch.where(taken, letter, self.encoder.reference)


def _between(
    x: Float[Tensor, " knot"], y: Float[Tensor, " knot"], at: Float[Tensor, " item"]
) -> Float[Tensor, " item"]:
    """Linear interpolation, and beyond the ends straight on."""
    place = torch.searchsorted(x, at.contiguous()).clamp(1, len(x) - 1)
    return y[place - 1] + (at - x[place - 1]) / (x[place] - x[place - 1]) * (y[place] - y[place - 1])
