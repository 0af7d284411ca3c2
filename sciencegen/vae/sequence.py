"""The variational autoencoder of sequences: a code for the whole, and the decoder's own noise for the rest.

    p(x | c) = integral over z, u of  p(z | c) N(u; 0, I) [x = decode(z, u, c)],
    ELBO     = E_q(z|x) log p(x | z, c) - KL(q(z | x) || N(0, I)).

z [batch code] says what the sequence is about. u [batch position] is the noise that ancestral sampling used, one number
for each position (see `autoregressive`); its posterior is exact and costs the bound nothing. A latent is the row
(e, u), where e is z seen through the flow prior fitted after training, z = flow(e): so every latent is standard normal
under the prior, every point decodes to a likely sequence, and `decode(encode(x))` is x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.networks.mlp import MLP
from sciencegen.networks.sequence import RecurrentDecoder, SequenceEncoder
from sciencegen.vae import autoregressive
from sciencegen.vae.autoregressive import AutoregressiveCategorical
from sciencegen.vae.bounds import BoundTerms
from sciencegen.vae.conditions import ConditionDropout, condition_features
from sciencegen.vae.flow_prior import FlowPrior
from sciencegen.vae.gaussian import DiagonalGaussian, check_latents
from sciencegen.vae.posteriors import GaussianPosterior
from sciencegen.vae.prior_fitting import FlowFit, FlowFitSettings, fit_flow_prior
from sciencegen.vae.warmup import Warmup

END, START = 0, 1
"""Token numbers with a meaning of their own; END also fills the masked positions."""

Condition = Float[Tensor, "batch property"] | None


@dataclass(frozen=True)
class SequenceVAESettings:
    """Sizes and training weights.

    length: most tokens of a sequence, the end included. beta: weight of the KL by step; it may end below 1, since the
    flow prior repairs what an imperfect match to N(0, I) leaves. property_weight: weight of reading the properties off
    z, which arranges the codes by property (Gómez-Bombarelli et al. 2018). dropout: conditions to forget.
    guidance: how far decoding under a condition leans away from the unconditional model (Ho & Salimans 2022, eq. 6).
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
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=1.0, everything=0.4))
    guidance: float = 0.0


class SequenceVAE(nn.Module):
    """A `LatentModel` of token sequences. A Batch has the field "tokens" [batch position] and its mask."""

    def __init__(self, vocabulary: int, property_count: int, settings: SequenceVAESettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.property_count = property_count
        self.encoder = SequenceEncoder(vocabulary, s.width, s.layers, s.heads, s.length)
        self.posterior = GaussianPosterior(self.encoder.feature_size, s.code)
        self.condition = MLP(2 * property_count, 64, 64, 1)
        self.decoder = RecurrentDecoder(vocabulary, 256, s.hidden, s.code + 64)
        self.properties = MLP(s.code, property_count, 128, 1)
        self.prior = FlowPrior(s.code, property_count, s.flow_layers, s.flow_width)
        self.semantic_size, self.latent_size = s.code, s.code + s.length

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per item in nats: loss, reconstruction, kl, and the squared error of the properties."""
        posterior = self.posterior(self.encoder(batch["tokens"], batch.mask))
        code, _ = posterior.sample(generator)
        condition = self.settings.dropout(batch.condition, generator)
        reconstruction = -self.likelihood(code, condition, batch).log_prob(batch["tokens"]).mean()
        kl = standard_normal_kl(posterior).mean()
        error = self._property_error(code, batch.condition)
        loss = reconstruction + self.settings.beta(step) * kl + self.settings.property_weight * error
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl, "property_error": error}

    def _property_error(self, code: Tensor, condition: Condition) -> Tensor:
        if condition is None or not self.property_count:
            return code.new_zeros(())
        error = (self.properties(code) - condition.nan_to_num(0.0)).square()
        return (error * ~condition.isnan()).sum(1).mean()

    def likelihood(self, code: Tensor, condition: Condition, batch: Batch) -> AutoregressiveCategorical:
        """p(x | z, c), each position given the true tokens before it."""
        tokens = batch["tokens"]
        previous = torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], 1)
        logits, _ = self.decoder(previous, self._context(code, condition))
        return AutoregressiveCategorical(logits, batch.mask)

    def _context(self, code: Tensor, condition: Condition) -> Tensor:
        return torch.cat([code, self.condition(condition_features(condition, code, self.property_count))], -1)

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator) -> BoundTerms:
        """The two halves of the evidence lower bound under the fitted flow prior, in nats, for each item."""
        posterior = self.posterior(self.encoder(batch["tokens"], batch.mask))
        code, log_posterior = posterior.sample(generator)
        kl = log_posterior - self.prior.log_prob(code, batch.condition)
        return BoundTerms(self.likelihood(code, batch.condition, batch).log_prob(batch["tokens"]), kl)

    @torch.no_grad()
    def posteriors(self, batches: Iterable[Batch]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Means, log standard deviations and conditions of many items, each [item ...]; what the flow is fitted to."""
        rows = [(self.posterior(self.encoder(b["tokens"], b.mask)), b.condition) for b in batches]
        condition = None if rows[0][1] is None else torch.cat([c for _, c in rows])
        return torch.cat([p.mean for p, _ in rows]), torch.cat([p.log_std for p, _ in rows]), condition

    def finish(self, batches: Iterable[Batch], generator: Generator, steps: int = 3000, batch: int = 512) -> FlowFit:
        """Fit the flow prior p(z | c) to the trained model's codes; call once after training."""
        mean, log_std, condition = self.posteriors(batches)
        return fit_flow_prior(
            self.prior, mean, condition, steps, batch, generator, log_std=log_std, settings=FlowFitSettings()
        )

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(e, u): the posterior's centre through the flow, then the median noise that decodes to this sequence."""
        code = self.posterior(self.encoder(batch["tokens"], batch.mask)).mean
        centre = self.prior.inverse(code)
        noise = autoregressive.encode(batch["tokens"], batch.mask, START, self._step(self.prior(centre), None))
        return torch.cat([centre, nn.functional.pad(noise, (0, self.settings.length - noise.shape[1]))], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        check_latents(latent, self.latent_size)
        centre, noise = latent.split([self.settings.code, self.settings.length], 1)
        tokens, mask = autoregressive.decode(noise, START, END, self._step(self.prior(centre), condition))
        return Batch({"tokens": tokens}, mask)

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None
    ) -> Float[Tensor, "batch latent"]:
        """Noise to latents of p(z | c): only the code's part depends on the condition."""
        check_latents(noise, self.latent_size)
        if condition is None:
            return noise
        centre, rest = noise.split([self.settings.code, self.settings.length], 1)
        return torch.cat([self.prior.inverse(self.prior(centre, condition)), rest], 1)

    def _step(self, code: Tensor, condition: Condition) -> Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]:
        """Next-token logits; with guidance w:  (1 + w) logits(z, c) - w logits(z)."""
        context, weight = self._context(code, condition), self.settings.guidance
        if condition is None or not weight:
            return lambda previous, state: self.decoder(previous, context, state)
        both = torch.cat([context, self._context(code, None)])

        def step(previous: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
            logits, state = self.decoder(previous.repeat(2, 1), both, state)
            asked, free = torch.log_softmax(logits, -1).chunk(2)
            return (1 + weight) * asked - weight * free, state

        return step


def standard_normal_kl(posterior: DiagonalGaussian) -> Float[Tensor, " batch"]:
    """KL(N(m, s^2) || N(0, I)) = 1/2 sum (m^2 + s^2 - 1) - sum log s. Kingma & Welling 2014, appendix B."""
    mean, log_std = posterior.mean.float(), posterior.log_std.float()
    return (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(-1)
