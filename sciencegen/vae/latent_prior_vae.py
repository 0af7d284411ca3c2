"""The variational autoencoder of sequences whose latent carries the whole sequence, with a learned prior of latents.

    E_q(z|x) log p(x | z) - beta KL(q(z | x) || N(0, I))      trains encoder and decoder (Kingma & Welling 2014, eq. 3)
    max E_q(z|x) log p(z | c)                                 trains the prior, with z held fixed

Two terms more give near latents similar sequences: z gets further noise before it is decoded, for a share of the rows,
and a head on it predicts which tokens the sequence has, in any order (Zhao, Zhao & Eskénazi 2017, eq. 5).

The decoder reads z, no condition and no noise. With `drawn_similarity` below 1 it also reads how similar its sequence
is to be to the one whose code z is: a draw of p(z | c) is no sequence's code, and to a decoder that takes it for one it
gives malformed and odd sequences more often.

`generate` takes the likeliest sequence of z, `decode` of several likely ones the one that the encoder maps nearest to
z. So two sequences differ only by their latents, and what is drawn is decided by z ~ p(z | c) (Rombach et al. 2022;
Tomczak & Welling 2018, eq. 6: the best prior is the aggregate posterior, which p(z | c) is fitted to here).

`encode` starts from the encoder's mean and improves it by gradient steps on log p(x | z) (Kim et al. 2018), by more of
them for the sequences that the decoder doesn't make yet.

A latent of this model is e, the prior's noise: z = prior(e). It is standard normal, so that distances, steps and
interpolations have a natural scale, and a point of the bulk of N(0, I) is one of the bulk of p(z).

Under a condition, several latents are drawn for each sequence. They are decoded in the order of how near their
estimated properties are to the condition, until one has measured properties that are near enough; in bfloat16 on
processors that are faster with it. The estimates are a head on z, which also arranges the latents by property
(Gómez-Bombarelli et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.devices import has_fast_bfloat16
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.mlp import MLP
from sciencegen.networks.sequence import AttentiveDecoder, AttentiveStep, BottleneckEncoder, SequenceSizes
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.vae import autoregressive
from sciencegen.vae.autoregressive import (
    END,
    START,
    Accept,
    AutoregressiveCategorical,
    State,
    beam_search,
    best_tries,
    filled,
    first_accepted,
    most_likely,
    placed,
    shift,
    trimmed,
)
from sciencegen.vae.bounds import Warmup, negative_elbo
from sciencegen.vae.flows import FlowPrior, FlowSettings
from sciencegen.vae.model import VAE
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_kl
from sciencegen.vae.priors import LATENT_PRIORS
from sciencegen.vae.sequence_vae import replayed

# Settings of the sequence VAE whose latent carries the sequence.


@dataclass(frozen=True)
class LatentPriorVAESettings:
    """Sizes and training weights.

    Parameters
    ----------
    code : int
        Size of z.
    length : int
        Most tokens of a sequence, the end included.
    networks : SequenceSizes
        Of encoder and decoder.
    latent_prior : {"flow", "diffusion"}
        p(z | c): a normalizing flow, or a variational diffusion.
    latent_diffusion : mapping
        Settings of the diffusion (`diffusion.model.DiffusionSettings`).
    prior_layers, prior_width : int
        Of the prior's network.
    transform : {"affine", "spline"}
        Of a flow's couplings.
    beta : Warmup
        Weight of the KL divergence by step. It may end below 1, since the prior p(z | c) corrects the remaining
        difference from N(0, I).
    noised, radius : float
        Share of the training rows whose z gets further noise before it is decoded, and the largest share of its
        standard deviation. The decoder then gives well-formed sequences also between the codes of the training set.
    bag_weight : float
        Weight of predicting the tokens of the sequence from z regardless of their order, in nats.
    property_weight : float
        Weight of predicting the properties from z.
    drawn_similarity : float
        Below 1, the decoder reads a similarity beside z: 1 for the code of a sequence, this for draws of p(z | c), and
        in training 1 - 0.9 r where the further noise has the share r. At 1, it reads z alone.
    dropout : ConditionDropout
        Of conditions in the training of the prior, so that it takes any subset of the properties.
    candidates, measured : int
        Under a condition: number of latents drawn for each sequence, and how many of them at most, the best by their
        estimated properties, are decoded and measured: the `tries` of `generate`, which `set_tries` sets.
    lean : float
        Under a condition: the share of it by which a larger one is asked for, since draws lean towards the mean.
    near : float
        The distance of the measured properties from the condition that is near enough, in standard deviations.
    beams : int
        Number of sequences that a beam search finds for each latent; the one whose own code is nearest is taken.
    refinements : int
        Gradient steps by which `encode` improves a latent, so that the decoder makes the sequence from it.
    persistence : int
        Most gradient steps, freer ones, for sequences that greedy decoding doesn't make after these.
    share, spread : float
        Of fine-tuning: the share of draws near the new items, the others being those of the model before; and how far
        these draws are from the items, as a share of the latents' standard deviation.
    """

    code: int = 32
    length: int = 128
    networks: SequenceSizes = field(default_factory=SequenceSizes)
    latent_prior: str = "flow"
    latent_diffusion: Mapping[str, object] = field(default_factory=dict)
    prior_layers: int = 6
    prior_width: int = 128
    transform: str = "spline"
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 2_000, 0.01, 0.3))
    noised: float = 0.5
    radius: float = 0.8
    bag_weight: float = 1.0
    property_weight: float = 1.0
    drawn_similarity: float = 1.0
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.3, few=0.5))
    candidates: int = 32
    measured: int = 8
    lean: float = 0.0
    near: float = 0.1
    beams: int = 8
    refinements: int = 8
    persistence: int = 0
    share: float = 0.8
    spread: float = 0.4

    def __post_init__(self) -> None:
        if self.latent_prior not in LATENT_PRIORS:
            raise unknown_name("latent_prior", self.latent_prior, LATENT_PRIORS)
        for name in ("noised", "radius", "share", "spread", "drawn_similarity"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"Expected {name} between 0 and 1, got {getattr(self, name)}.")
        if self.drawn_similarity < 1 and not (self.noised and self.radius):
            raise ConfigError(
                "Expected noised and radius above 0 with a drawn_similarity below 1, got 0. Set drawn_similarity to 1: "
                "the decoder would never read another one in training."
            )
        if not self.share:
            raise ConfigError("Expected a share above 0, got 0: the model would draw as before fine-tuning.")
        for name in ("lean", "near", "refinements", "persistence"):
            if getattr(self, name) < 0:
                raise ConfigError(f"Expected {name} of 0 or more, got {getattr(self, name)}.")
        if min(self.code, self.candidates, self.measured, self.beams) < 1 or self.length < 2:
            raise ConfigError(
                "Expected a code, candidates, measured and beams of 1 or more and a length of 2 or more, "
                f"got {self.code}, {self.candidates}, {self.measured}, {self.beams} and {self.length}."
            )


# Latents of items, improved by gradient steps from what the encoder gives (semi-amortized inference).

RATE = 0.3
"""Of Adam, in standard deviations of the posterior."""
WEIGHT = 0.1
"""w. Of 200 held-out molecules of ZINC250k 92% come back with 0.1, 77% with 1, and 66% without steps."""
LIGHTER = 0.005
"""w of persistent steps. Of 400 ligands of MoleculeACE of 36 to 60 heavy atoms 92% come back with 32 steps at 0.02,
93.5% with 32 at 0.005 and 94% with 64."""
ROUND = 16
"""Persistent steps between two looks at which sequences are made."""

Latent = Float[Tensor, "batch latent"]
Similarity = float | Float[Tensor, "batch 1"]


def refined(
    posterior: DiagonalGaussian,
    log_prob: Callable[[Latent], Float[Tensor, " batch"]],
    steps: int,
    weight: float = WEIGHT,
    start: Latent | None = None,
) -> Latent:
    """The latent from which each item is likely to be decoded, by steps of Adam from the posterior's mean or `start`.

        maximize over u   log p(x | z) - w |u|^2 / 2,     z = mu + sigma u

    Kim et al. 2018, section 3.1. Each row's steps are its own. Gradients are computed in inference mode too.

    Parameters
    ----------
    posterior : DiagonalGaussian
        The encoder's, of each item.
    log_prob : latent -> tensor [batch]
        log p(x | z) in nats, of tensors that were not made in inference mode.
    steps : int
    weight : float
        w.
    start : tensor [batch latent], optional
    """
    if not steps or not len(posterior.mean):
        return posterior.mean if start is None else start
    with torch.inference_mode(False), torch.enable_grad():
        mean, spread = posterior.mean.detach().clone(), posterior.log_std.detach().exp()
        moved = (torch.zeros_like(mean) if start is None else (start - mean) / spread).requires_grad_()
        optimizer = torch.optim.Adam([moved], RATE)
        for _ in range(steps):
            loss = (0.5 * weight * moved.square().sum(1) - log_prob(mean + spread * moved)).sum()
            (moved.grad,) = torch.autograd.grad(loss, moved)
            optimizer.step()
        return (mean + spread * moved).detach()


CODE_DISTANCE = 0.3
"""A distance between latents, in standard deviations of the prior, at which sequences are alike."""
WIDER = 4
"""Times the beams where no sequence is accepted."""

Condition = Float[Tensor, "batch property"] | None
Measure = Callable[[Batch, Sequence[int]], Float[Tensor, "batch property"]]
"""(batch, columns) -> these columns of the condition, measured; NaN in other columns and where a property can't be
measured, infinite in rows that are no items."""


class LatentPriorVAE(VAE):
    """A `LatentModel` of token sequences. A Batch has the field "tokens" [batch position] and its mask.

    Parameters
    ----------
    vocabulary : int
        Number of tokens, the special ones included.
    property_count : int
        Columns of the condition.
    settings : LatentPriorVAESettings, optional
    prior : nn.Module, optional
        p(z | c) where the settings name a diffusion (`diffusion.vectors.DiffusionPrior`).
    measure : Measure, optional
        Measures properties of decoded sequences. None: they are estimated from latents.

    Examples
    --------
    >>> from sciencegen.networks.sequence import SequenceSizes
    >>> sizes = SequenceSizes(token=8, encoder=8, decoder=8, slots=2, slot=8, heads=2, dense=16)
    >>> model = LatentPriorVAE(7, 1, LatentPriorVAESettings(code=3, length=6, networks=sizes, prior_layers=2))
    >>> batch = Batch({"tokens": torch.tensor([[2, 3, 0]])}, torch.ones(1, 3, dtype=bool), torch.tensor([[0.5]]))
    >>> sorted(model.loss(batch, 0, torch.Generator().manual_seed(0)))
    ['bag', 'kl', 'loss', 'prior', 'property_error', 'reconstruction']
    >>> latent = model.encode(batch)
    >>> latent.shape, model.decode(latent)["tokens"].shape[0]
    (torch.Size([1, 3]), 1)
    """

    field = "tokens"
    evaluation_seed = 1509_0519
    prior: Any  # a FlowPrior, or an nn.Module with its methods
    measure: Measure | None

    def __init__(
        self,
        vocabulary: int,
        property_count: int,
        settings: LatentPriorVAESettings | None = None,
        prior: nn.Module | None = None,
        measure: Measure | None = None,
    ) -> None:
        super().__init__()
        s = self.settings = settings or LatentPriorVAESettings()
        if (prior is None) != (s.latent_prior == "flow"):
            raise ConfigError(f"Expected a prior with latent_prior 'diffusion' alone, got '{s.latent_prior}'.")
        self.property_count = property_count
        self.encoder = BottleneckEncoder(vocabulary, s.networks)
        self.posterior = GaussianPosterior(self.encoder.feature_size, s.code)
        self.decoder = AttentiveDecoder(vocabulary, s.code + (s.drawn_similarity < 1), s.networks)
        self.bag = MLP(s.code, vocabulary, s.networks.dense, 1)
        self.properties = MLP(s.code, property_count, s.networks.dense, 2)
        flow = FlowSettings(s.prior_layers, s.prior_width, transform=s.transform)
        self.prior = prior or FlowPrior(s.code, property_count, flow)
        self.semantic_size = self.latent_size = s.code
        self.measure = measure
        self._start: tuple[LatentPriorVAE, ...] = ()

    def starting_from(self, start: LatentPriorVAE) -> LatentPriorVAE:
        """Fine-tune this model from `start`: draws of that one are replayed, and `share` and `spread` apply."""
        self._start = (start.eval(),)  # in a tuple, so that its weights aren't registered as this model's
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LatentPriorVAE:
        """Of `to` and `cuda`: the model that it starts from goes to the same device."""
        for start in self._start:
            start._apply(fn, recurse)
        return super()._apply(fn, recurse)

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per item in nats: loss, reconstruction, denoising, kl, prior, bag, property_error."""
        s, count = self.settings, len(batch)
        batch = replayed(batch, self._start[0], generator) if self._start else batch
        posterior = self.posterior_of(batch)
        code, _ = posterior.sample(generator)
        noisy, radius = self._noised(code, generator)
        noised = radius[:, 0] > 0
        similarity = 1 - 0.9 * radius  # as the Tanimoto similarity of molecules whose codes are trained to be r apart
        log_prob = self.likelihood(noisy, batch, similarity).log_prob(batch["tokens"])
        kl = standard_normal_kl(posterior)
        error = autoregressive.property_error(self.properties(code), batch.condition)
        with torch.autocast(code.device.type, enabled=False):  # a flow's determinants need all digits
            prior = self._prior_loss(code.detach().float(), batch.condition, count, step, generator)
        bag = -self._bag_log_prob(noisy, batch).mean()
        loss = negative_elbo(log_prob, kl, s.beta(step)) + s.bag_weight * bag + s.property_weight * error + prior
        terms = {"reconstruction": -log_prob[~noised].mean(), "kl": kl.mean(), "prior": prior, "bag": bag}
        terms["property_error"] = error
        if noised.any():
            terms["denoising"] = -log_prob[noised].mean()
        return {"loss": loss, **{name: value.detach() for name, value in terms.items()}}

    def _prior_loss(self, code: Latent, condition: Condition, count: int, step: int, generator: Generator) -> Tensor:
        """-log p(z | c); the rows from `count` on are replayed ones, whose conditions are unknown.

        Without a condition, share p_new + (1 - share) p_start is fitted: each row's weight follows from how often its
        condition is dropped. The new items' latents are spread, because the prior of a few items would repeat them.
        """
        s, fit = self.settings, self.prior.fit_loss
        own = s.dropout(None if condition is None else condition[:count], generator)
        if count == len(code):
            return fit(code, own, step, generator)
        free = 1.0 if own is None else float(own.isnan().all(1).float().mean())
        weight = free * (1 - s.share) / s.share
        near = _spread(code[:count], torch.full_like(code[:count, :1], s.spread), generator)
        none = None if condition is None else torch.full_like(condition[count:], torch.nan)
        return fit(near, own, step, generator) + weight * fit(code[count:], none, step, generator)

    def _noised(self, code: Latent, generator: Generator) -> tuple[Latent, Float[Tensor, "batch 1"]]:
        """sqrt(1 - r^2) z + r noise with r ~ U(0, radius) for a share of the rows, else 0; and r."""
        s = self.settings
        uniform = torch.rand(len(code), 2, generator=generator, device=generator.device).to(code)
        noised = uniform[:, 0] < s.noised
        noised[0] = False  # at least one row stays as it is
        radius = (s.radius * uniform[:, 1] * noised)[:, None]
        return _spread(code, radius, generator), radius

    def _bag_log_prob(self, code: Latent, batch: Batch) -> Float[Tensor, " batch"]:
        """sum_t log f(x_t | z), with one distribution f(z) of tokens for all positions but that of the end."""
        tokens = batch["tokens"]
        log_f = torch.log_softmax(self.bag(code).float(), -1).gather(1, tokens)
        return (log_f * (tokens != END)).sum(1)

    def posterior_of(self, batch: Batch) -> DiagonalGaussian:
        """q(z | x)."""
        features = self.encoder(batch["tokens"], batch.mask)
        with torch.autocast(features.device.type, enabled=False):  # codes in full precision
            return self.posterior(features.float())

    def likelihood(self, latent: Latent, batch: Batch, similarity: Similarity = 1.0) -> AutoregressiveCategorical:
        """p(x | z), each position given the true tokens before it."""
        assert batch.mask is not None  # sequences differ in length
        state = self.decoder.start(self._read(latent, similarity))
        logits, _ = self.decoder(autoregressive.previous_tokens(batch, START), state)
        return AutoregressiveCategorical(logits, batch.mask)

    @torch.no_grad()
    def read(self, latent: Latent) -> Float[Tensor, "batch property"]:
        """The estimated properties of what a latent decodes to, standardized as conditions are."""
        check_latents(latent, self.latent_size)
        return self.properties(self.prior(latent))

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Latent:
        """The prior's noise e of the posterior's mean, refined toward a z from which the decoder makes the sequence."""
        s = self.settings
        with torch.inference_mode(False):
            own = trimmed(batch).map(torch.clone)  # autograd can't use tensors of inference mode
        posterior = self.posterior_of(own)
        code = refined(posterior, partial(self._log_prob, own), s.refinements)
        rows = torch.arange(len(code), device=code.device)
        for done in range(0, s.persistence, ROUND):
            with torch.inference_mode(False):
                rest = own.select(rows)
            wrong = ~self._made(code[rows], rest)
            if not wrong.any():
                break
            with torch.inference_mode(False):
                rows, rest = rows[wrong], rest.select(wrong)
            again = DiagonalGaussian(posterior.mean[rows], posterior.log_std[rows])
            steps, start = min(ROUND, s.persistence - done), code[rows] if done else None
            code[rows] = refined(again, partial(self._log_prob, rest), steps, LIGHTER, start)
        return self.prior.inverse(code)

    def _log_prob(self, batch: Batch, latent: Latent) -> Float[Tensor, " batch"]:
        return self.likelihood(latent, batch).log_prob(batch["tokens"])

    def _made(self, code: Latent, batch: Batch) -> Bool[Tensor, " batch"]:
        """Whether greedy decoding makes the sequence of each row; the padding of both is END."""
        made = self._likeliest(code)["tokens"][:, : batch["tokens"].shape[1]]
        assert batch.mask is not None  # sequences differ in length
        return ((made == batch["tokens"]) | ~batch.mask).all(1)

    @torch.no_grad()
    def decode(self, latent: Latent, condition: Condition = None) -> Batch:
        """The sequence of each latent. The condition is not used: the latent holds everything."""
        return self.decode_accepted(latent)

    @property
    def noise_is_latent(self) -> bool:
        """Whether draws are decoded as latents are."""
        return self.settings.drawn_similarity == 1

    @torch.no_grad()
    def draft(self, latent: Latent, condition: Condition = None) -> Batch:
        """The likeliest sequence of each latent, by greedy decoding; the condition is not used, as in `decode`.

        Computed in bfloat16 on processors that are faster with it: about 1 sequence in 20 differs.
        """
        check_latents(latent, self.latent_size)
        return self._likeliest(self.prior(filled(latent))[: len(latent)], 1.0, self._stepping(fast=True))

    @torch.no_grad()
    def decode_accepted(self, latent: Latent, accept: Accept | None = None) -> Batch:
        """As `decode`, but of sequences that are accepted, where a beam search finds some; it is wider for the rest."""
        check_latents(latent, self.latent_size)
        code = self.prior(filled(latent))[: len(latent)]
        decoded, good = self._decoded(code, accept, self.settings.beams)
        if good.all():
            return decoded
        (rest,) = (~good).nonzero(as_tuple=True)
        wider, good = self._decoded(code[rest], accept, WIDER * self.settings.beams)
        return placed(decoded, rest[good], wider.select(good))

    def _decoded(
        self, code: Latent, accept: Accept | None, beams: int, similarity: float = 1.0
    ) -> tuple[Batch, Bool[Tensor, " batch"]]:
        """Of the sequences x that a beam search finds, the accepted one with the largest score, and whether it is one.

            log p(x | z) - n/2 log(1 + |z - mu(x)|^2 / (n CODE_DISTANCE^2)),     n the size of z

        mu(x) is the encoder's mean: a sequence whose own latent is z is decoded even if others are likelier. Near z the
        second term is that of a Gaussian. Where all are far, as from a latent that was refined in many steps, the
        likeliest is decoded.
        """
        step = self._stepping()
        state = self._first_state(step, code, similarity)
        tokens, mask, log_p = beam_search(START, END, step, state, self.settings.length, beams)
        own = self.posterior_of(trimmed(Batch({"tokens": tokens.flatten(0, 1)}, mask.flatten(0, 1)))).mean
        apart = (own.unflatten(0, mask.shape[:2]) - code[:, None]).square().mean(-1) / CODE_DISTANCE**2
        order = (log_p - code.shape[1] / 2 * apart.log1p()).argsort(dim=1, descending=True, stable=True)
        row = torch.arange(len(code), device=order.device)[:, None]
        return first_accepted(Batch({"tokens": tokens[row, order]}, mask[row, order]), accept)

    def _read(self, code: Latent, similarity: Similarity) -> Tensor:
        """What the decoder reads: z, and the similarity if it was trained to."""
        if self.settings.drawn_similarity == 1:
            return code
        return torch.cat([code, code.new_ones(len(code), 1) * similarity], 1)

    def _stepping(self, fast: bool = False) -> AttentiveStep:
        """The decoder, a token at a time; `fast` in bfloat16 on processors that are faster with it."""
        own = self.decoder.token.weight
        return self.decoder.stepping(torch.bfloat16 if fast and has_fast_bfloat16(own.device) else own.dtype)

    def _first_state(self, step: AttentiveStep, code: Latent, similarity: Similarity) -> State:
        return tuple(part[: len(code)] for part in step.start(self._read(filled(code), similarity)))

    @torch.no_grad()
    def sample(self, noise: Latent, condition: Condition = None, accept: Accept | None = None) -> Latent:
        """The latents of the sequences that `generate` draws."""
        return self.encode(self.generate(noise, condition, accept))

    @torch.no_grad()
    def generate(self, noise: Latent, condition: Condition = None, accept: Accept | None = None) -> Batch:
        """The likeliest sequences of draws z ~ p(z | c); under a condition, the best of several for each row."""
        check_latents(noise, self.latent_size)
        if condition is None or condition.isnan().all():
            return self._drawn(noise, accept)
        given = ~condition.isnan().all(1)
        best = self._best(noise[given], condition[given], accept)
        if given.all():
            return best
        drawn = self._drawn(noise[~given], accept).select((~given).cumsum(0).sub(1).clamp_min(0))
        return placed(drawn, given, best)

    def _drawn(self, noise: Latent, accept: Accept | None) -> Batch:
        """Draws of p(z), decoded; where none of several is accepted, and where draws are latents, by a beam search."""
        s, step = self.settings, self._stepping(fast=not self.noise_is_latent)

        def attempt(rows: Tensor, number: int) -> tuple[Batch, Tensor]:
            code = self.prior.draw(shift(filled(noise[rows]), number))[: len(rows)]
            drawn = self._likeliest(code, s.drawn_similarity, step)
            return Batch({**drawn.fields, "code": code}, drawn.mask), torch.zeros(len(rows), device=rows.device)

        rows, tries = torch.arange(len(noise), device=noise.device), 1 if self.noise_is_latent else REDRAWS
        return self._repaired(*best_tries(attempt, accept, rows, tries, 0.0), accept)

    def _repaired(self, drawn: Batch, good: Bool[Tensor, " batch"], accept: Accept | None) -> Batch:
        """The draws, with those that aren't good decoded again from their codes, by beam search."""
        s, whole = self.settings, Batch({"tokens": drawn["tokens"]}, drawn.mask)
        wrong = ~good
        if not wrong.any():
            return whole
        return placed(whole, wrong, self._decoded(drawn["code"][wrong], accept, s.beams, s.drawn_similarity)[0])

    def _likeliest(self, code: Latent, similarity: float = 1.0, step: AttentiveStep | None = None) -> Batch:
        """Greedy decoding."""
        step = step or self._stepping()
        state = self._first_state(step, code, similarity)
        tokens, mask = most_likely(START, END, step, state, self.settings.length)
        return Batch({"tokens": tokens}, mask)

    def _best(self, noise: Latent, condition: Float[Tensor, "batch property"], accept: Accept | None) -> Batch:
        """Several draws for each row, decoded from the one with the best estimates on, until one is near enough."""
        s, count, asked = self.settings, len(noise), filled(condition)
        asked = asked * (1 + s.lean)
        drawn = torch.stack([self.prior.draw(shift(filled(noise), k), asked) for k in range(s.candidates)], 1)
        order = _distance(self.properties(drawn), asked[:, None]).argsort(dim=1, stable=True)[:count]
        rows = torch.arange(count, device=order.device)
        codes = drawn[rows[:, None], order]
        made: dict[int, tuple[Tensor, Batch, Tensor]] = {}
        step = self._stepping(fast=True)
        tries = min(s.measured, s.candidates) if self.measure else 1  # `set_tries` sets s.measured

        def attempt(rows: Tensor, number: int) -> tuple[Batch, Tensor]:
            if number not in made:  # with few rows left, their next tries too, which cost little more
                numbers = range(number, min(number + max(1, TOGETHER // len(rows)), tries))
                which = rows.repeat(len(numbers))
                code = codes[which, torch.tensor(numbers, device=rows.device).repeat_interleave(len(rows))]
                decoded = self._likeliest(code, s.drawn_similarity, step)
                miss = _distance(self._measured(code, decoded, condition[which]), condition[which])
                batch = Batch({**decoded.fields, "code": code}, decoded.mask)
                for at, one in enumerate(numbers):
                    part = torch.arange(at * len(rows), (at + 1) * len(rows), device=rows.device)
                    made[one] = rows, batch.select(part), miss[part]
            earlier, batch, miss = made.pop(number)
            place = torch.searchsorted(earlier, rows)  # rows only become fewer
            return batch.select(place), miss[place]

        return self._repaired(*best_tries(attempt, accept, rows, tries, s.near), accept)

    def set_tries(self, tries: int) -> None:
        """Decode up to `tries` of at least four times as many codes for each condition."""
        self.settings = replace(self.settings, measured=tries, candidates=max(self.settings.candidates, 4 * tries))

    def _measured(
        self, code: Latent, decoded: Batch, condition: Float[Tensor, "batch property"]
    ) -> Float[Tensor, "batch property"]:
        """The properties that the condition is about: as measured, else as estimated."""
        estimated = self.properties(code)
        if self.measure is None:
            return estimated
        measured = self.measure(decoded, (~condition.isnan()).any(0).nonzero()[:, 0].tolist())
        return torch.where(measured.isnan(), estimated.to(measured), measured)


REDRAWS = 4
"""Draws for each row until one is accepted; of the shipped model's 81% are."""
TOGETHER = 64
"""Draws under a condition that are decoded at once, at least, so that few rows don't cost as much as many."""


def _distance(values: Float[Tensor, "*#batch property"], condition: Float[Tensor, "*#batch property"]) -> Tensor:
    """Of the properties that the condition has."""
    return (values - condition).nan_to_num(0.0, posinf=torch.inf).norm(dim=-1)


def _spread(code: Latent, radius: Float[Tensor, "batch 1"], generator: Generator) -> Latent:
    """sqrt(1 - r^2) z + r noise, which is standard normal if z is."""
    return (1 - radius.square()).sqrt() * code + radius * standard_normal(code.shape, generator, code)
