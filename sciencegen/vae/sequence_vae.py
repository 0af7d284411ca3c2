"""The variational autoencoder of sequences: a code for the whole, noise for the rest, and the decoder as prior.

    E_q(z|x) log p(x | z, c) - beta KL(q(z | x) || N(0, I))     arranges the codes (Kingma & Welling 2014, eq. 3)
    log p(x | c) = log p(x | z = 0, c)                          the decoder without a code, exact
    p(z | c) = E_p(x|c) q(z | x)                                the prior of codes

z [batch code] describes the sequence as a whole. u [batch position] is the noise of ancestral sampling, one number for
each position (see `autoregressive`); its posterior is exact and does not change the bound, so that `decode(encode(x))`
is x. For part of the training rows the code is set to zero, so that the decoder learns p(x | c) alone. The prior that
makes a bound tightest is the aggregate posterior (Tomczak & Welling 2018, eq. 6); here it is taken over the sequences
that the decoder draws without a code: so a sampled code is that of a likely sequence, never one from a gap between
codes. A latent is the row (e, u), with z = flow(e) of a flow p(z | c) that is fitted after training and makes the codes
nearly standard normal: distances, steps and interpolation have a natural scale.

A condition enters the decoder in three ways: as context; at each step as the remaining difference c - E[y | x_<t]; and
by resampling: sequences are drawn until a well-formed one has an estimate near c
(`autoregressive.resample`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout, condition_features
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.mlp import MLP
from sciencegen.networks.sequence import PropertyReader, RecurrentDecoder, SequenceEncoder
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.vae import autoregressive
from sciencegen.vae.autoregressive import (
    END,
    START,
    Accept,
    AutoregressiveCategorical,
    State,
    Step,
    filled,
    placed,
    resample,
)
from sciencegen.vae.bounds import Warmup, negative_elbo
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFit, PriorFitSettings, fit_prior
from sciencegen.vae.model import VAE, Condition
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_kl


@dataclass(frozen=True)
class SequenceVAESettings:
    """Sizes and training weights.

    length: most tokens of a sequence, the end included. beta: weight of the KL by step; it may end below 1, since the
    flow prior corrects the remaining difference from N(0, I). property_weight: weight of predicting the properties from
    z, which arranges the codes by property (Gómez-Bombarelli et al. 2018), and from the tokens. dropout: of conditions.
    code_dropout: share of training rows whose code is set to zero, on which the decoder learns p(x | c).
    temperature: of the decoder's distribution when it draws without a code; below 1 it prefers likely tokens. (The
    noise stays normal: its scale is a setting of sampling.)
    guidance: how far draws under a condition are moved away from the unconditional model (Ho & Salimans 2022, eq. 6).
    tries, near, lean: of resampling under a condition: most draws for each one that is kept; the distance from the
    condition, in standard deviations of the data, that is near enough; share of it that the last try adds.
    """

    code: int = 64
    length: int = 64
    width: int = 192
    heads: int = 4
    layers: int = 2
    hidden: int = 512
    flow_layers: int = 6
    flow_width: int = 192
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 6000, 0.05, 0.4))
    property_weight: float = 1.0
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=1.0, everything=0.3, few=0.5))
    code_dropout: float = 0.6
    temperature: float = 0.8
    guidance: float = 0.0
    tries: int = 32
    near: float = 0.1
    lean: float = 0.5

    def __post_init__(self) -> None:
        if self.tries < 1 or self.near < 0:
            raise ConfigError(f"Expected tries of 1 or more and near of 0 or more, got {self.tries} and {self.near}.")


class SequenceVAE(VAE):
    """A `LatentModel` of token sequences. A Batch has the field "tokens" [batch position] and its mask."""

    field = "tokens"

    def __init__(self, vocabulary: int, property_count: int, settings: SequenceVAESettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.property_count = property_count
        self.encoder = SequenceEncoder(vocabulary, s.width, s.layers, s.heads, s.length)
        self.posterior = GaussianPosterior(self.encoder.feature_size, s.code)
        self.condition = MLP(2 * property_count, 64, 64, 1)
        self.reader = PropertyReader(vocabulary, property_count, 96, 320)
        self.decoder = RecurrentDecoder(vocabulary, 256, s.hidden, s.code + 64, 2 * property_count)
        self.properties = MLP(s.code, property_count, 128, 1)
        self.prior = FlowPrior(s.code, property_count, FlowSettings(s.flow_layers, s.flow_width))
        self.semantic_size, self.latent_size = s.code, s.code + s.length

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per item in nats: loss, reconstruction, kl, language (no code), and errors of properties."""
        s = self.settings
        dropped = torch.rand(len(batch), generator=generator, device=generator.device) < s.code_dropout
        dropped = dropped.to(batch["tokens"].device)
        dropped[0] = False  # at least one row has a code
        coded = batch.select(~dropped)
        posterior = self.posterior_of(coded)
        code, _ = posterior.sample(generator)
        condition = s.dropout(batch.condition, generator)
        codes = code.new_zeros(len(batch), s.code).masked_scatter(~dropped[:, None], code)
        expected = self._expected(batch)
        log_prob = self._likelihood(codes, condition, batch, expected).log_prob(batch["tokens"])
        kl = standard_normal_kl(posterior)
        errors = {
            "code_error": autoregressive.property_error(self.properties(code), coded.condition),
            "reading_error": autoregressive.error(expected, batch),
        }
        loss = negative_elbo(log_prob, kl, s.beta(step), items=len(batch)) + s.property_weight * sum(errors.values())
        shares = {"reconstruction": -log_prob[~dropped], "kl": kl, "language": -log_prob[dropped]}
        shown = {name: value.mean() for name, value in shares.items() if len(value)}
        return {"loss": loss, **shown, **errors}

    @torch.no_grad()
    def read(self, batch: Batch) -> Float[Tensor, "batch property"]:
        """The model's own estimate of each sequence's properties, standardized as conditions are."""
        return autoregressive.at_end(self._expected(batch), batch)

    def _expected(self, batch: Batch) -> Float[Tensor, "batch step property"]:
        return autoregressive.expected(self.reader, batch, START)

    def posterior_of(self, batch: Batch) -> DiagonalGaussian:
        """q(z | x)."""
        return self.posterior(self.encoder(batch["tokens"], batch.mask))

    def likelihood(self, latent: Tensor, batch: Batch) -> AutoregressiveCategorical:
        """p(x | z, c), each position given the true tokens before it."""
        return self._likelihood(latent, batch.condition, batch, self._expected(batch))

    def _likelihood(
        self, code: Tensor, condition: Condition, batch: Batch, expected: Tensor
    ) -> AutoregressiveCategorical:
        every_step = None if condition is None else condition[:, None]
        context, notes = self._context(code, condition), _notes(expected[:, :-1].detach(), every_step)
        previous, first = autoregressive.previous_tokens(batch, START), self.decoder.first_state(context)
        logits, _ = self.decoder(previous, context, notes, first)
        return AutoregressiveCategorical(logits, _mask(batch))

    def _context(self, code: Tensor, condition: Condition) -> Tensor:
        return torch.cat([code, self.condition(condition_features(condition, code, self.property_count))], -1)

    @torch.no_grad()
    def log_prob(self, batch: Batch) -> Float[Tensor, " batch"]:
        """Exact log p(x | c) in nats, for one try of `generate` at temperature 1 and without guidance."""
        no_code = self._zero_code(len(batch), batch["tokens"].device)
        return self.likelihood(no_code, batch).log_prob(batch["tokens"])

    @torch.no_grad()
    def posteriors(self, batches: Iterable[Batch]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Means, log standard deviations and conditions of many items, each [item ...], to fit the flow."""
        rows = [(self.posterior_of(b), b.condition) for b in batches]
        condition = None if rows[0][1] is None else torch.cat([c for _, c in rows if c is not None])
        return torch.cat([p.mean for p, _ in rows]), torch.cat([p.log_std for p, _ in rows]), condition

    def finish(
        self,
        batches: Iterable[Batch],
        generator: Generator,
        steps: int = 3000,
        batch: int = 512,
        progress: Progress = no_progress,
    ) -> PriorFit:
        """Fit the flow prior p(z | c) to the trained model's codes; call once after training."""
        mean, log_std, condition = self.posteriors(batches)
        settings, named = PriorFitSettings(steps=steps, batch=batch), partial(progress, "prior of codes")
        return fit_prior(self.prior, mean, condition, generator, log_std=log_std, settings=settings, progress=named)

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(e, u): the posterior's mean through the flow's inverse, then the median noise that decodes to it."""
        centre = self.prior.inverse(self.posterior_of(batch).mean)
        noise = autoregressive.encode(batch["tokens"], _mask(batch), START, *self._steps_of(centre, None))
        return torch.cat([centre, nn.functional.pad(noise, (0, self.settings.length - noise.shape[1]))], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        check_latents(latent, self.latent_size)
        centre, noise = latent.split([self.settings.code, self.settings.length], 1)
        tokens, mask = autoregressive.decode(noise, START, END, *self._steps_of(centre, condition))
        return Batch({"tokens": tokens}, mask)

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        """Sequences of p(x | c) from standard normal noise, of which only the part u is used.

        Under a condition they are resampled; accept: which draws are well formed.
        """
        check_latents(noise, self.latent_size)
        s, noise = self.settings, noise[:, self.settings.code :]
        if condition is None or s.tries == 1:
            return self._draw(noise, condition)
        given = ~condition.isnan().all(1)
        if not given.any():
            return self._draw(noise, condition)
        found = resample(self._draw, self._miss, accept, noise[given], condition[given], s.tries, s.near, s.lean)
        # rows without a condition are drawn once, independent of other rows
        return found if given.all() else placed(self._draw(noise, condition), given, found)

    def set_tries(self, tries: int) -> None:
        """Draw up to `tries` sequences for each condition."""
        self.settings = replace(self.settings, tries=tries)

    def _miss(self, batch: Batch, condition: Float[Tensor, "batch property"]) -> Float[Tensor, " batch"]:
        """Distance of the estimated properties from the condition; infinite without an end token."""
        ended = (batch["tokens"] == END).any(1)
        reading = self.read(batch.map(filled))[: len(batch)]
        distance = (reading - condition).nan_to_num(0.0).norm(dim=1)
        return torch.where(ended, distance, torch.inf)

    def _draw(self, noise: Float[Tensor, "batch position"], condition: Condition) -> Batch:
        """One try of `generate`: ancestral sampling without a code."""
        step, state = self._steps_given(self._zero_code(len(noise), noise.device), condition)

        def sharper(previous: Tensor, state: State) -> tuple[Tensor, State]:
            logits, state = step(previous, state)
            return logits / self.settings.temperature, state

        tokens, mask = autoregressive.decode(noise, START, END, sharper, state)
        return Batch({"tokens": tokens}, mask)

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """Noise to latents of the prior: those of the sequences that `generate` draws."""
        return self.encode(self.generate(noise, condition, accept))

    def _zero_code(self, count: int, device: torch.device) -> Tensor:
        return torch.zeros(count, self.settings.code, device=device)

    def _steps_of(self, centre: Tensor, condition: Condition) -> tuple[Step, State]:
        """`_steps` for the part e of a latent."""
        return self._steps_given(self.prior(filled(centre))[: len(centre)], condition)

    def _steps_given(self, code: Tensor, condition: Condition) -> tuple[Step, State]:
        """`_steps`, with results that do not depend on the number of rows."""
        condition_features(condition, code, self.property_count)  # checks its shape before rows are added
        step, state = self._steps(filled(code), None if condition is None else filled(condition))
        return step, tuple(part[: len(code)] for part in state)

    def _steps(self, code: Tensor, condition: Condition) -> tuple[Step, State]:
        """Next-token logits, and the first state; with guidance w:  (1 + w) logits(z, c) - w logits(z)."""
        write, read = self.decoder.stepping(), self.reader.stepping()

        def step(previous: Tensor, state: State) -> tuple[Tensor, State]:
            context, constant, condition, hidden, seen = state
            seen = read(previous[:, 0], seen)
            notes = _notes(self.reader.output(seen), condition)
            hidden = write(previous[:, 0], hidden, constant, notes)
            logits = self.decoder.logits(hidden, torch.cat([context, notes], 1))
            return logits[:, None], (context, constant, condition, hidden, seen)

        def first(condition: Condition) -> State:
            context = self._context(code, condition)
            if condition is None:
                condition = code.new_full((len(code), self.property_count), torch.nan)
            unread = code.new_zeros(len(code), self.reader.hidden)
            return context, write.first(context), condition, self.decoder.first_state(context), unread

        weight = self.settings.guidance
        if condition is None or not weight:
            return step, first(condition)

        def guided(previous: Tensor, state: State) -> tuple[Tensor, State]:
            conditional, with_condition = step(previous, state[: len(state) // 2])
            free, without = step(previous, state[len(state) // 2 :])
            conditional, free = torch.log_softmax(conditional, -1), torch.log_softmax(free, -1)
            return (1 + weight) * conditional - weight * free, (*with_condition, *without)

        return guided, (*first(condition), *first(None))


def _notes(expected: Float[Tensor, "*row property"], condition: Tensor | None) -> Float[Tensor, "*row note"]:
    """[E[y | x_<t], c - E[y | x_<t] if c is given, else 0] at each step."""
    if condition is None:
        return torch.cat([expected, torch.zeros_like(expected)], -1)
    return torch.cat([expected, (condition - expected).nan_to_num(0.0)], -1)


def _mask(batch: Batch) -> Bool[Tensor, "batch position"]:
    assert batch.mask is not None  # sequences differ in length
    return batch.mask


# Generative replay: fine-tune a model of sequences on new items and on draws of the model that it started from.
#
# Without the draws, a few hundred new items make it forget what a well-formed sequence is. Shin, Lee, Kim & Kim,
# NeurIPS 2017.


@runtime_checkable
class ReplayDrawing(Protocol):
    """A model that draws sequences from standard normal noise."""

    latent_size: int

    def generate(self, noise: Tensor) -> Batch: ...


def replayed(batch: Batch, model: ReplayDrawing, generator: Generator) -> Batch:
    """The batch, then as many draws of a model, whose conditions are unknown; draws without an end are left out."""
    like = torch.empty(0, device=batch["tokens"].device)
    drawn = model.generate(standard_normal((len(batch), model.latent_size), generator, like))
    assert drawn.mask is not None  # sequences differ in length
    drawn = drawn.select(((drawn["tokens"] == END) & drawn.mask).any(1))
    condition = batch.condition
    if condition is not None:
        unknown = condition.new_full((len(drawn), condition.shape[1]), torch.nan)
        condition = torch.cat([condition, unknown])
    length = max(_longest(batch), _longest(drawn))
    tokens, mask = (
        torch.cat(parts) for parts in zip(_of_length(batch, length), _of_length(drawn, length), strict=True)
    )
    return Batch({"tokens": tokens}, mask, condition)


def _longest(batch: Batch) -> int:
    assert batch.mask is not None
    return int(batch.mask.sum(1).max()) if len(batch) else 0


def _of_length(batch: Batch, length: int) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """Tokens and mask, padded or cut to `length` positions."""
    assert batch.mask is not None
    lacking = length - batch.mask.shape[1]
    return functional.pad(batch["tokens"], (0, lacking), value=END), functional.pad(batch.mask, (0, lacking))
