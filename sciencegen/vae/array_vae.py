"""The variational autoencoder of arrays of numbers: any item that a domain encodes as a vector of fixed length.

    log p(x | c) >= E_q(z|x,c) log N(x; mean(z, c), std^2) - KL(q(z | x, c) || p(z | c))

It is a `ConditionalVAE` with networks for arrays. Posterior, prior, bound and training with missing labels are
settings. A latent is (e, u): z = flow(e) of a flow p(z | c) that is fitted to the posteriors after training, and u is
the decoder's noise, x = mean(z, c) + std u, so that `decode(encode(x))` is x.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.shared_noise import check_latents
from sciencegen.vae.array_columns import (
    VALUES,
    ArrayBlock,
    ArrayDecoder,
    ArrayEncoder,
    BlockDecoder,
    BlockEncoder,
    ColumnDecoder,
    ColumnEncoder,
    Condition,
    LikelihoodColumn,
    PseudoPosterior,
    with_dropout,
    with_shared_counts,
)
from sciencegen.vae.array_settings import CONDITIONAL, FULL_COVARIANCE, HAMILTONIAN, ArrayVAESettings
from sciencegen.vae.bounds import BoundTerms, check_importance_samples, importance_weighted_bound
from sciencegen.vae.column_likelihoods import Multinomial
from sciencegen.vae.conditions import DiscreteInference, GaussianInference
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFit, PriorFitSettings, fit_prior
from sciencegen.vae.ladder import LadderPosterior, LadderPrior, LowestLevel
from sciencegen.vae.likelihoods import Likelihood
from sciencegen.vae.model import VAE, Accept, ConditionalVAE, VAEParts
from sciencegen.vae.posteriors import (
    POSTERIORS,
    DiagonalGaussian,
    FullCovariancePosterior,
    GaussianPosterior,
    HamiltonianRefinement,
    SampledPosterior,
)
from sciencegen.vae.priors import ConditionalGaussianPrior, StandardNormalPrior, VampPrior
from sciencegen.vae.warmup import Warmup

Encoder = ArrayEncoder | ColumnEncoder | BlockEncoder
Classes = Sequence[Sequence[float]]
NETWORKS = {**POSTERIORS, FULL_COVARIANCE: FullCovariancePosterior}
"""Names of posteriors -> networks, but for the Hamiltonian one."""
START = -2.0
"""First log standard deviation of the posterior of an identifiable VAE: with that of a standard normal, the decoder
learns to leave out some of the sources."""

MOST_BATCHES = 200
"""Batches to whose latents the prior of draws is fitted; more are thinned. The fit's steps draw from these rows."""


class ArrayVAE(VAE):
    """A `LatentModel` of arrays; a Batch has the field "values" [batch column], standardized.

    Parameters
    ----------
    size : int
        Columns of an array.
    property_count : int
        Columns of the condition.
    settings : ArrayVAESettings, optional
    columns : sequence of Column, optional
        A likelihood for each column; by default all are Gaussian, with a learned standard deviation.
    blocks : sequence of Block, optional
        Columns that are the numbers of a series or an image.
    parts : VAEParts, optional
        Other networks than these make, for a model of another decoder.
    classes : sequence of sequence of float, optional
        The standardized rows that stand for the classes in the first columns of the condition, such as one-hot codes,
        in place of `label_values`; for `semi_supervised`.

    Examples
    --------
    >>> model = ArrayVAE(size=3, property_count=1, settings=ArrayVAESettings(latent=2, width=16))
    >>> batch = Batch({"values": torch.randn(5, 3)}, condition=torch.randn(5, 1))
    >>> sorted(model.loss(batch, 0, torch.Generator().manual_seed(0)))
    ['beta', 'bound', 'kl', 'loss', 'reconstruction']
    >>> latent = model.encode(batch)
    >>> latent.shape, torch.allclose(model.decode(latent)["values"], batch["values"], atol=1e-5)
    (torch.Size([5, 5]), True)
    """

    field = VALUES

    def __init__(
        self,
        size: int,
        property_count: int,
        settings: ArrayVAESettings | None = None,
        columns: Sequence[LikelihoodColumn] = (),
        blocks: Sequence[ArrayBlock] = (),
        parts: VAEParts | None = None,
        classes: Classes = (),
    ) -> None:
        super().__init__()
        s = self.settings = settings or ArrayVAESettings()
        self.columns = tuple(columns)
        if s.semi_supervised and not property_count:
            raise ConfigError("Expected a property to infer with semi_supervised, got none. Name a condition.")
        parts = parts or _parts(size, property_count, s, columns, blocks, classes)
        self.vae = ConditionalVAE(parts, VALUES, s.training())
        latent = self.vae.latent_size
        flow = FlowSettings(s.flow_layers, s.flow_width) if s.flow_layers else None
        self.prior = None if flow is None else FlowPrior(latent, property_count, flow)
        self.sizes = [latent, size if s.decoder_noise else 0]
        self.semantic_size, self.latent_size = latent, sum(self.sizes)

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per item in nats (`ConditionalVAE.loss`)."""
        return self.vae.loss(with_dropout(batch, self.columns, self.settings.count_dropout, generator), step, generator)

    def finish(
        self,
        batches: Iterable[Batch],
        generator: Generator,
        steps: int = 0,
        batch: int = 512,
        progress: Progress = no_progress,
        trained: int = 0,
    ) -> PriorFit | None:
        """Fit the flow prior p(z | c) of draws to the trained model's posteriors; call once after training.

        steps: 0 for `prior_steps` of the settings, and no more than the `trained` ones, if these are known.
        """
        if self.prior is None:
            return None
        steps = steps or min(self.settings.prior_steps, trained or self.settings.prior_steps)
        latents, log_std, condition = self._posteriors(batches, generator)
        # `_posteriors` has applied dropout
        settings = PriorFitSettings(steps=steps, batch=batch, dropout=ConditionDropout())
        named = partial(progress, "prior of codes")
        return fit_prior(self.prior, latents, condition, generator, log_std=log_std, settings=settings, progress=named)

    @torch.no_grad()
    def _posteriors(
        self, batches: Iterable[Batch], generator: Generator
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Codes of the items, log standard deviations of a Gaussian posterior, and the conditions. A code depends on
        c: each item is used with its complete condition, with none, and with what dropout leaves of it. Of very many
        batches every second one is used, or every fourth ..., so that memory doesn't grow with their number."""
        kept: list[list[tuple[SampledPosterior, Condition]]] = []
        stride = 1
        for number, one in enumerate(batches):
            if number % stride:
                continue
            features, whole = self.vae.encoder(one), self.vae.completed_condition(one)
            views = map(one.with_condition, self.settings.dropout.views(whole, generator))
            kept.append([(self.vae.posterior_given(features, view), view.condition) for view in views])
            if len(kept) > MOST_BATCHES:
                kept, stride = kept[::2], 2 * stride
        rows = [row for views in kept for row in views]
        found = [condition for _, condition in rows if condition is not None]
        condition = torch.cat(found) if found else None
        gaussians = [q for q, _ in rows if isinstance(q, DiagonalGaussian)]
        if gaussians:
            return torch.cat([q.mean for q in gaussians]), torch.cat([q.log_std for q in gaussians]), condition
        return torch.cat([q.sample(generator)[0] for q, _ in rows]), None, condition

    # --- evidence -----------------------------------------------------------------------------------------------------

    def posterior_of(self, batch: Batch) -> SampledPosterior:
        """q(z | x, c)."""
        return self.vae.posterior_of(batch)

    def likelihood(self, latent: Tensor, batch: Batch) -> Likelihood:
        """p(x | z, c)."""
        return self.vae.decoder(latent, batch.condition, batch)

    def log_prior(self, latent: Tensor, condition: Condition) -> Float[Tensor, " batch"]:
        """Log p(z | c), of the fitted prior if there is one."""
        return (self.vae.prior if self.prior is None else self.prior).log_prob(latent, condition)

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """As of any VAE; what is missing of a condition is inferred, if there is a head for it."""
        return super().terms(batch.with_condition(self.vae.completed_condition(batch)), generator)

    @torch.no_grad()
    def bound(
        self, batch: Batch, importance_samples: int = 1, generator: Generator | None = None, **settings: float | None
    ) -> Float[Tensor, " batch"]:
        """As of any VAE, but each item is encoded once for all of its samples; missing values are marginalized."""
        check_importance_samples(importance_samples, Warmup())
        z, log_posterior = self.posterior_of(batch).sample(self.noise_of_evaluation(generator), importance_samples)
        rows = batch.with_condition(self.vae.completed_condition(batch)).repeat_interleave(importance_samples)
        reconstruction = self.likelihood(z, rows).log_prob(rows[VALUES])
        log_weights = reconstruction + self.log_prior(z, rows.condition) - log_posterior
        return importance_weighted_bound(log_weights.unflatten(0, (-1, importance_samples)))

    @torch.no_grad()
    def infer_condition(self, batch: Batch) -> Float[Tensor, "batch property"]:
        """The condition, with missing values replaced by the most likely of q(c | x) (with `semi_supervised`)."""
        completed = self.vae.completed_condition(batch) if self.settings.semi_supervised else None
        if completed is None:
            raise ConfigError("Expected a model that infers conditions, got one without. Train with semi_supervised.")
        return completed

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(e, u): the posterior's mean through the flow's inverse, then the decoder's noise; 0 at a missing number.
        The condition isn't used, so that the latent describes all of the item."""
        code = self.vae.posterior_given(self.vae.encoder(batch), batch.with_condition(None)).mean
        centre = code if self.prior is None else self.prior.inverse(code)
        if not self.settings.decoder_noise:
            return centre
        likelihood = self.vae.decoder(self._code(centre))
        noise = likelihood.noise(batch[VALUES])
        return torch.cat(
            [centre, noise if batch.mask is None else noise * with_shared_counts(batch.mask, self.columns)], 1
        )

    @torch.no_grad()
    def inferred(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> dict[str, Tensor]:
        """What the items of latents have beyond their columns, by name: `sources` [item latent], z of an identifiable
        VAE, and of each multinomial likelihood `shares_<name>` [item column], E[x | z] / total (Liang et al. 2018)."""
        check_latents(latent, self.latent_size)
        code = self._code(latent[:, : self.sizes[0]])
        found = {} if self.settings.decoder_condition else {"sources": code}
        if not any(column.multinomial for column in self.columns):
            return found
        likelihood = self.vae.decoder(code, condition)
        pairs = zip(likelihood.groups, likelihood.distributions, strict=True)
        shares = {group.index[0]: p.logits.softmax(1) for group, p in pairs if isinstance(p, Multinomial)}
        return found | {f"shares_{self.columns[first].multinomial}": one for first, one in shares.items()}

    def _code(self, centre: Float[Tensor, "batch code"]) -> Float[Tensor, "batch code"]:
        return centre if self.prior is None else self.prior(centre)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        check_latents(latent, self.latent_size)
        centre, noise = latent.split(self.sizes, 1)
        likelihood = self.vae.decoder(self._code(centre), condition)
        return Batch({VALUES: likelihood.from_noise(noise) if self.settings.decoder_noise else likelihood.mode})

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """One draw per row; `accept` is ignored."""
        check_latents(noise, self.latent_size)
        centre, own = noise.split(self.sizes, 1)
        if self.prior is None:
            return torch.cat([self.vae.prior(centre, condition), own], 1)
        return torch.cat([self.prior.inverse(self.prior(centre, condition)), own], 1)


def _encoder(
    size: int, s: ArrayVAESettings, columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock]
) -> Encoder:
    if blocks and s.direct:
        raise ConfigError("Expected no series and no images with direct, which they don't have. Leave it out.")
    if blocks:
        return BlockEncoder(columns, blocks, s.width, s.depth)
    networks = s.width, s.depth, s.direct
    return ColumnEncoder(columns, *networks) if columns else ArrayEncoder(size, *networks)


def _decoder(
    size: int, properties: int, s: ArrayVAESettings, columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock]
) -> nn.Module:
    sizes = s.layers[0] if s.layers else s.latent, s.read_by_decoder(properties), s.width, s.depth
    if blocks:
        return BlockDecoder(columns, blocks, *sizes)
    return ColumnDecoder(columns, *sizes, s.network) if columns else ArrayDecoder(size, *sizes, s.noise, s.network)


def _parts(
    size: int, properties: int, s: ArrayVAESettings, columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock],
    classes: Classes,
) -> VAEParts:  # fmt: skip
    encoder = _encoder(size, s, columns, blocks)
    latents = latents_of(encoder, properties, s)  # before the decoder: the order decides the first weights
    return parts_of(encoder, latents, _decoder(size, properties, s, columns, blocks), properties, s, classes)


def parts_of(
    encoder: Encoder, latents: tuple[nn.Module, nn.Module], decoder: nn.Module, properties: int, s: ArrayVAESettings,
    classes: Classes = (),
) -> VAEParts:  # fmt: skip
    """The networks of the `ConditionalVAE`. latents: posterior and prior."""
    posterior, prior = latents
    head: nn.Module | None = None
    if s.label_values or (s.semi_supervised and classes):
        head = DiscreteInference(s.width, properties, s.label_values or classes)
    elif s.semi_supervised:
        head = GaussianInference(s.width, properties)
    steps = HamiltonianRefinement(s.latent, s.leapfrog_steps) if s.posterior == HAMILTONIAN else None
    lowest = LowestLevel(decoder, s.layers[0]) if s.layers else decoder
    return VAEParts(encoder, lowest, posterior, prior, head, steps)


def latents_of(encoder: Encoder, properties: int, s: ArrayVAESettings) -> tuple[nn.Module, nn.Module]:
    """Posterior and prior of the settings."""
    if s.layers:
        ladder = LadderPrior(s.layers, s.width)
        return LadderPosterior(s.width, ladder, properties, s.width), ladder
    base = NETWORKS["gaussian" if s.posterior == HAMILTONIAN else s.posterior]
    posterior = base(encoder.features, s.latent, s.read_by_decoder(properties), s.width, 1, layers=s.network)
    if not s.decoder_condition and isinstance(posterior, GaussianPosterior | FullCovariancePosterior):
        nn.init.constant_(posterior.head.output.bias[s.latent : 2 * s.latent], START)
    if s.prior == "conditional_scale" and not properties:
        raise ConfigError(
            "Expected a condition with prior 'conditional_scale', whose scale depends on it, got none. Name columns as "
            "conditions, or choose another prior."
        )
    if s.prior in CONDITIONAL:
        return posterior, ConditionalGaussianPrior(s.latent, properties, centred=s.prior == "conditional_scale")
    if s.prior == "vamp":
        pseudo = PseudoPosterior(encoder, posterior)
        return posterior, VampPrior(s.latent, pseudo, torch.randn(s.components, encoder.inputs), properties)
    return posterior, StandardNormalPrior(s.latent)
