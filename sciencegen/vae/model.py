"""What all variational autoencoders share, and the conditional one of any data, built from four networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.shared_noise import check_latents
from sciencegen.vae.bounds import (
    BoundTerms,
    Warmup,
    check_importance_samples,
    doubly_reparameterized_surrogate,
    effective_sample_size,
    importance_weighted_bound,
    kl_terms,
    negative_elbo,
    segment_logsumexp,
)
from sciencegen.vae.conditions import Completion, as_given
from sciencegen.vae.likelihoods import Likelihood
from sciencegen.vae.posteriors import DiagonalGaussian, HamiltonianRefinement, JointDensity, SampledPosterior

Accept = Callable[[Batch], Tensor]
Condition = Float[Tensor, "batch property"] | None


class VAE(nn.Module):
    """What the autoencoders of this package share: bounds of log p(x | c), and draws of p(x | c).

        log p(x | c) >= E_q(z|x,c) log p(x | z, c) - KL(q(z | x, c) || p(z | c))        Kingma & Welling 2014, eq. 3
        log p(x | c) >= E log 1/K sum_k p(x | z_k, c) p(z_k | c) / q(z_k | x, c)        Burda et al. 2016, eq. 8

    A model has `posterior_of`, `likelihood` and a `prior`, of which `terms` are made, or `terms` of its own; `loss`,
    `encode`, `decode` and `sample`. field: of a Batch, which is modelled. evaluation_seed: not 0, since data simulated
    with seed 0 must not be evaluated with the same noise.
    """

    field: str
    latent_size: int
    semantic_size: int
    evaluation_seed: ClassVar[int] = 1312_6114
    prior: Any  # an nn.Module with the methods of a Prior; no static type expresses both

    def posterior_of(self, batch: Batch) -> SampledPosterior:
        """q(z | x, c)."""
        raise NotImplementedError

    def likelihood(self, latent: Float[Tensor, "batch latent"], batch: Batch) -> Any:
        """p(x | z, c), with the condition of the batch; an object with `log_prob`."""
        raise NotImplementedError

    def log_prior(self, latent: Float[Tensor, "batch latent"], condition: Condition) -> Float[Tensor, " batch"]:
        """Log p(z | c) of draws."""
        return self.prior.log_prob(latent, condition)

    def noise_of_evaluation(self, generator: Generator | None) -> Generator:
        """The generator, or one of the fixed seed."""
        return generator or Generator().manual_seed(self.evaluation_seed)

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """The two terms of the evidence lower bound of each item under the prior of draws, in nats, from one sample of
        z; by default of a fixed seed."""
        z, log_posterior = self.posterior_of(batch).sample(self.noise_of_evaluation(generator))
        reconstruction = self.likelihood(z, batch).log_prob(batch[self.field])
        return BoundTerms(reconstruction, log_posterior - self.log_prior(z, batch.condition))

    def bound(
        self, batch: Batch, importance_samples: int = 1, generator: Generator | None = None, **settings: float | None
    ) -> Float[Tensor, " batch"]:
        """A lower bound of log p(x | c) in nats, tighter with more samples; by default of a fixed seed. settings: of
        `terms`."""
        check_importance_samples(importance_samples, Warmup())
        terms = self.terms(batch.repeat_interleave(importance_samples), generator, **settings)
        return importance_weighted_bound(terms.elbo.unflatten(0, (-1, importance_samples)))

    def finish(self, batches: Iterable[Batch], generator: Generator) -> object:
        """Fit what remains after training; by default nothing."""
        return None

    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        raise NotImplementedError

    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        raise NotImplementedError

    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        """The latents of `sample`, decoded."""
        return self.decode(self.sample(noise, condition, accept), condition)


@dataclass(frozen=True)
class VAESettings:
    """Settings of training.

    beta: weight of the KL by step. free_bits: nats per KL group that are not penalized (one group per latent dimension
    if posterior and prior are diagonal Gaussians, else a single one). importance_samples: 1 trains the ELBO, more the
    importance-weighted bound (Burda et al. 2016), to which beta and free_bits don't apply. dropout: of conditions.
    label_weight: weight of log q(c | x) of known conditions, if a head infers them (Kingma et al. 2014, eq. 9).
    """

    beta: Warmup = field(default_factory=Warmup)
    free_bits: float = 0.0
    importance_samples: int = 1
    dropout: ConditionDropout = field(default_factory=ConditionDropout)
    label_weight: float = 1.0

    def __post_init__(self) -> None:
        check_importance_samples(self.importance_samples, self.beta, self.free_bits)


@dataclass(frozen=True)
class _Entries:
    """One latent for each entry of a completion: log p(x | z, c), log p(z | c), log q(z | x, c) and the KL's groups.
    doubly: log q was computed with the detached posterior."""

    latent: Tensor
    reconstruction: Tensor
    log_prior: Tensor
    log_posterior: Tensor
    kl: Tensor
    doubly: bool

    @property
    def log_weights(self) -> Tensor:
        """Log p(x | z, c) p(z | c) / q(z | x, c)."""
        return self.reconstruction + self.log_prior - self.log_posterior


@dataclass(frozen=True)
class VAEParts:
    """The networks of a `ConditionalVAE`.

    encoder: batch -> features [batch feature]; must not use the condition if `inference` is given.
    decoder: (z, condition, batch) -> a Likelihood of the batch's field; batch is None in `decode`.
    posterior: (features, condition) -> a Posterior. prior: a Prior.
    inference: q(c | x) for missing conditions; None: they are marginalized.
    refinement: of a Gaussian posterior, by Hamiltonian steps.
    """

    encoder: nn.Module
    decoder: nn.Module
    posterior: nn.Module
    prior: nn.Module
    inference: nn.Module | None = None
    refinement: HamiltonianRefinement | None = None


class ConditionalVAE(VAE):
    """p(x | c) = integral of p(x | z, c) p(z | c). Sohn et al. 2015, eq. 4; Kingma & Welling 2014 without a condition.

    field: the modelled field of the Batch. emit(likelihood, condition) -> Batch: the output of `decode`; by default
    the likelihood's mode as `field`.
    """

    # Any: each is an nn.Module and has a protocol (Posterior, Prior, ...); no static type expresses both.
    encoder: Any
    decoder: Any
    posterior: Any
    inference: Any

    def __init__(
        self,
        parts: VAEParts,
        field: str,
        settings: VAESettings | None = None,
        emit: Callable[[Likelihood, Tensor | None], Batch] | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.inference = parts.encoder, parts.decoder, parts.inference
        self.posterior, self.prior, self.refinement = parts.posterior, parts.prior, parts.refinement
        self.field, self.settings, self.emit = field, settings or VAESettings(), emit
        self.latent_size = self.semantic_size = self.prior.latent_size
        if self.posterior.latent_size != self.latent_size:
            raise ConfigError(
                "Expected posterior and prior of one latent size, "
                f"got {self.posterior.latent_size} and {self.latent_size}."
            )

    def posterior_of(self, batch: Batch) -> SampledPosterior:
        """q(z | x, c), with missing values of c inferred if there is a head."""
        features = self.encoder(batch)
        return self.posterior_given(features, batch.with_condition(self._filled(features, batch.condition)))

    def posterior_given(self, features: Float[Tensor, "batch feature"], batch: Batch) -> SampledPosterior:
        """q(z | x, c) with the batch's own condition. features: of the encoder."""
        posterior = self.posterior(features, batch.condition)
        if self.refinement is None:
            return posterior
        return self.refinement(posterior, JointDensity(self.decoder, self.prior.log_prob, self.field, batch))

    def completed_condition(self, batch: Batch) -> Float[Tensor, "batch property"] | None:
        """The batch's condition with q(c | x)'s likeliest values where it is missing; as it is without a head."""
        return batch.condition if self.inference is None else self._filled(self.encoder(batch), batch.condition)

    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        return self.posterior_of(batch).mean

    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        check_latents(latent, self.latent_size)
        likelihood = self.decoder(latent, condition, None)
        if self.emit is not None:
            return self.emit(likelihood, condition)
        return Batch({self.field: likelihood.mode}, likelihood.mask, condition)

    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """One draw per row; `accept` is ignored."""
        return self.prior(noise, condition)

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per item in nats: loss, reconstruction, kl, bound (of log p(x | c)), beta, and label.

        Of the importance-weighted bound: loss, bound, and the effective number of samples.
        """
        features = self.encoder(batch)
        settings, beta = self.settings, self.settings.beta(step)
        if settings.importance_samples > 1:
            terms = self._importance_loss(batch, features, generator)
        else:
            reconstruction, groups, condition_kl = self._elbo(batch, features, settings.dropout, generator)
            kl = groups.sum(-1) + condition_kl
            loss = negative_elbo(reconstruction, groups, beta, settings.free_bits) + condition_kl.mean()
            shown = {"reconstruction": -reconstruction, "kl": kl, "bound": reconstruction - kl}
            terms = {"loss": loss, **{name: value.mean().detach() for name, value in shown.items()}}
            terms["beta"] = loss.new_tensor(beta).detach()
        if self.inference is not None and batch.condition is not None:
            label = -self.inference.label_log_prob(features, batch.condition).mean()
            terms |= {"loss": terms["loss"] + settings.label_weight * label, "label": label.detach()}
        return terms

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """The two terms of the evidence lower bound of each item, without dropout; by default with a fixed seed."""
        generator, features = self.noise_of_evaluation(generator), self.encoder(batch)
        reconstruction, groups, condition_kl = self._elbo(batch, features, ConditionDropout(), generator)
        return BoundTerms(reconstruction, groups.sum(-1) + condition_kl)

    @torch.no_grad()
    def bound(
        self, batch: Batch, importance_samples: int = 1, generator: Generator | None = None, **settings: float | None
    ) -> Float[Tensor, " batch"]:
        """A lower bound of log p(x | what is known of c), tighter with more samples. Burda et al. 2016, eq. 8."""
        check_importance_samples(importance_samples, Warmup())
        generator, features = self.noise_of_evaluation(generator), self.encoder(batch)
        return self._importance_bound(batch, features, importance_samples, ConditionDropout(), generator)[0]

    def _elbo(
        self, batch: Batch, features: Tensor, dropout: ConditionDropout, generator: Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """E log p(x | z, c) [batch], KL(q(z) || p(z)) [batch group], KL(q(c) || p(c)) [batch]."""
        batch, forgotten = self._forget(batch, dropout, generator)
        completion = self._complete(batch, features, forgotten, generator)
        entries = self._entries(batch, features, completion, generator)
        weight, rows = completion.log_weight.exp(), completion.rows
        reconstruction = features.new_zeros(len(batch)).index_add(0, rows, weight * entries.reconstruction)
        groups = features.new_zeros(len(batch), entries.kl.shape[1])
        return reconstruction, groups.index_add(0, rows, weight[:, None] * entries.kl), completion.kl

    def _importance_loss(self, batch: Batch, features: Tensor, generator: Generator) -> dict[str, Tensor]:
        """The negative importance-weighted bound. Where the posterior is Gaussian and no condition is inferred, its
        gradient is the doubly reparameterized one, whose noise doesn't grow with their number (Tucker et al. 2019)."""
        count, dropout = self.settings.importance_samples, self.settings.dropout
        bound, entries = self._importance_bound(batch, features, count, dropout, generator, doubly=True)
        loss, shown = -bound.mean(), {"bound": bound.mean().detach()}
        if self.inference is None:
            log_weights = entries.log_weights.unflatten(0, (-1, count))
            shown["effective_samples"] = effective_sample_size(log_weights).mean().detach()
            if entries.doubly:
                surrogate = doubly_reparameterized_surrogate(entries.latent, log_weights).mean()
                loss = -(surrogate + (bound.mean() - surrogate).detach())
        return {"loss": loss, **shown}

    def _importance_bound(
        self, batch: Batch, features: Tensor, count: int, dropout: ConditionDropout, generator: Generator,
        doubly: bool = False,
    ) -> tuple[Tensor, _Entries]:  # fmt: skip
        """Log 1/K sum_k sum_c q(c|x) [ p(x|z,c) p(z|c) / q(z|x,c) ] [ p(c) / q(c|x) ], with one z per term."""
        size = len(batch)
        batch, forgotten = self._forget(batch, dropout, generator)
        forgotten = None if forgotten is None else forgotten.repeat_interleave(count, 0)
        batch, features = batch.repeat_interleave(count), features.repeat_interleave(count, 0)
        completion = self._complete(batch, features, forgotten, generator)
        entries = self._entries(batch, features, completion, generator, doubly and self.inference is None)
        log_weights = entries.log_weights + completion.log_weight + completion.log_ratio
        rows = completion.rows.div(count, rounding_mode="floor")
        return segment_logsumexp(log_weights, rows, size) - math.log(count), entries

    def _forget(
        self, batch: Batch, dropout: ConditionDropout, generator: Generator
    ) -> tuple[Batch, Bool[Tensor, "batch property"] | None]:
        """The batch, with a condition of NaN if a head has to infer it all; and which values dropout hides."""
        if batch.condition is None and self.inference is not None:
            like = next(self.inference.parameters())
            batch = batch.with_condition(like.new_full((len(batch), self.inference.property_count), torch.nan))
        if batch.condition is None or dropout == ConditionDropout():
            return batch, None
        return batch, dropout.draw(batch.condition, generator)

    def _complete(self, batch: Batch, features: Tensor, forgotten: Tensor | None, generator: Generator) -> Completion:
        """Values hidden by dropout become NaN and are not inferred; missing values are inferred if there is a head."""
        condition = batch.condition
        if condition is not None and forgotten is not None:
            condition = condition.masked_fill(forgotten, torch.nan)
        if self.inference is None:
            return as_given(features, condition)
        missing = torch.isnan(cast(Tensor, batch.condition))  # set by _forget
        missing = missing if forgotten is None else missing & ~forgotten
        return self.inference.complete(features, condition, missing, generator)

    def _filled(self, features: Tensor, condition: Tensor | None) -> Any:
        if self.inference is None:
            return condition
        if condition is None:
            condition = features.new_full((features.shape[0], self.inference.property_count), torch.nan)
        return self.inference.fill(features, condition)

    def _entries(
        self, batch: Batch, features: Tensor, completion: Completion, generator: Generator, doubly: bool = False
    ) -> _Entries:
        entries = batch.select(completion.rows).with_condition(completion.condition)
        posterior = self.posterior_given(features[completion.rows], entries)
        latent, log_posterior = posterior.sample(generator)
        if doubly := doubly and isinstance(posterior, DiagonalGaussian):
            log_posterior = posterior.detach().log_prob(latent)
        log_prior = self.prior.log_prob(latent, completion.condition)
        reconstruction = self.decoder(latent, completion.condition, entries).log_prob(entries[self.field])
        gaussian = self.prior.gaussian(latent, completion.condition)
        kl = kl_terms(posterior, gaussian, log_posterior, log_prior)
        return _Entries(latent, reconstruction, log_prior, log_posterior, kl, doubly)
