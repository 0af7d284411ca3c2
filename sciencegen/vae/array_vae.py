"""The variational autoencoder of arrays of numbers: any item that a domain encodes as a vector of fixed length.

    log p(x | c) >= E_q(z|x,c) log N(x; mean(z, c), std^2) - KL(q(z | x, c) || p(z | c))

It is a `ConditionalVAE` with networks for arrays. Posterior, prior, bound and training with missing labels are
settings. A latent is (e, u): z = flow(e) of a flow p(z | c) that is fitted to the posteriors after training, and u is
the decoder's noise, x = mean(z, c) + std u, so that `decode(encode(x))` is x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.mlp import LayerSettings
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
    EvidenceEncoder,
    LikelihoodColumn,
    PseudoPosterior,
    with_dropout,
    with_shared_counts,
)
from sciencegen.vae.bounds import BoundTerms, Warmup, check_importance_samples, importance_weighted_bound
from sciencegen.vae.conditions import DiscreteInference, GaussianInference
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFit, PriorFitSettings, fit_prior
from sciencegen.vae.likelihoods import Likelihood, Multinomial
from sciencegen.vae.model import VAE, Accept, ConditionalVAE, VAEParts, VAESettings
from sciencegen.vae.posteriors import (
    POSTERIORS,
    DiagonalGaussian,
    FullCovariancePosterior,
    GaussianPosterior,
    HamiltonianRefinement,
    ProductPosterior,
    SampledPosterior,
)
from sciencegen.vae.priors import (
    LATENT_PRIORS,
    ConditionalGaussianPrior,
    LadderPosterior,
    LadderPrior,
    LowestLevel,
    MixturePrior,
    StandardNormalPrior,
    VampPrior,
)

CONDITIONAL = ("conditional", "conditional_scale")
PRIORS = ("standard_normal", *CONDITIONAL, "mixture", "vamp", "flow")
OF_TRAINING = "training"
"""`latent_prior` of draws that are those of the training's prior."""
BOUNDS = ("elbo", "importance_weighted")
COUNT_INPUTS = ("logarithms", "normalized")
HAMILTONIAN = "hamiltonian"
FULL_COVARIANCE = "full_covariance"
PRODUCT = "product"
POSTERIOR_NAMES = (*POSTERIORS, FULL_COVARIANCE, PRODUCT, HAMILTONIAN)


@dataclass(frozen=True)
class ArrayVAESettings:
    """Sizes, distributions and training weights.

    Attributes
    ----------
    latent, width, depth : int
        Size of z; width and number of hidden layers of encoder and decoder.
    direct : bool
        Whether linear maps are added to encoder and decoder, of their inputs to their outputs: a start for data that
        are nearly linear in their latents.
    layers : tuple of int
        Sizes of a ladder of latents in place of `latent`, from the lowest, which the decoder reads, to the top: the
        prior goes from the top down, and the posterior merges it with the encoder's evidence by precision [7]_.
    posterior : {"gaussian", "iaf", "full_covariance", "product", "hamiltonian"}
        q(z | x, c): a diagonal Gaussian [1]_, one transformed by an inverse autoregressive flow [2]_, a Gaussian with
        all covariances, one that is a product of the evidence of each known cell [13]_, or a diagonal one whose samples
        are refined by `leapfrog_steps` on the gradient of log p(x, z | c) [8]_.
    prior : {"standard_normal", "conditional", "conditional_scale", "mixture", "vamp", "flow"}
        p(z | c) of training: N(0, I), a Gaussian that depends on c [3]_, one of mean 0 whose scales depend on c [9]_,
        a mixture of `components` learned Gaussians, one of posteriors of so many learned pseudo-items [4]_ (with a
        Gaussian posterior), or a normalizing flow of `flow_layers` layers [11]_.
    decoder_condition : bool
        Whether posterior and decoder read c. Without, c enters by a conditional prior alone, which then is never
        trained without c: the identifiable VAE, whose latents are independent sources given c [9]_.
    noise : float
        Standard deviation of Gaussian likelihoods, in those of the columns; 0 for one that the decoder learns. With a
        fixed one, a decoder that has not yet learned a column doesn't explain it by noise.
    bound : {"elbo", "importance_weighted"}
        The objective; the second has `samples` latents for each item [5]_, and beta doesn't apply to it.
    beta : Warmup
        Weight of the KL divergence by step; it starts at 0, so that the model learns to use the latent.
    count_inputs : {"logarithms", "normalized"}
        How the encoder reads the counts of a multinomial likelihood: by their logarithms, or divided by the root of the
        mean of a row's squares [10]_.
    count_dropout : float
        Share of these counts that the encoder doesn't read in training, drawn anew in each step [10]_.
    free_bits : float
        Nats of each latent dimension that are not penalized.
    dropout : ConditionDropout
        Of conditions in training, so that one model takes any subset of the properties.
    semi_supervised : bool
        Infer missing properties by q(c | x), a head on the encoder, which is trained on known properties with the
        weight `label_weight` [6]_. Otherwise the networks get missing properties as missing.
    label_values : tuple of float
        The values of the first property where it is a class. With `semi_supervised`, q(c | x) is then a categorical
        distribution over these values, and other missing properties stay missing. `array_recipe` takes them in the
        units of the data, `ArrayVAE` standardized.
    latent_prior : {"flow", "diffusion", "training"}
        p(z | c) of draws, fitted to the latents after training: a flow, or a diffusion [12]_; or that of the training.
    flow_layers, flow_width : int
        Of the network of a flow, or of the diffusion; with 0 layers, draws are from the training's prior.
    latent_diffusion : mapping
        Settings of the diffusion of latents (`diffusion.model.DiffusionSettings`), such as the schedule of its noise.
    prior_steps : int
        Steps of the fit of the prior of draws, and no more than the training had.
    decoder_noise : bool
        Whether a latent contains the decoder's noise too. If so, samples follow p(x | c) and every item is restored
        from its latent; otherwise both are the decoder's mean.

    References
    ----------
    .. [1] Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014.
    .. [2] Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", NeurIPS 2016, algorithm 1.
    .. [3] Sohn et al., "Learning Structured Output Representation using Deep Conditional Generative Models", NeurIPS
       2015, eq. 4.
    .. [4] Tomczak & Welling, "VAE with a VampPrior", AISTATS 2018, eq. 9.
    .. [5] Burda et al., "Importance Weighted Autoencoders", ICLR 2016, eq. 8.
    .. [6] Kingma et al., "Semi-supervised Learning with Deep Generative Models", NeurIPS 2014, eq. 7 and 9.
    .. [7] Sønderby et al., "Ladder Variational Autoencoders", NeurIPS 2016, eq. 16 to 19.
    .. [8] Salimans, Kingma & Welling, "Markov Chain Monte Carlo and Variational Inference: Bridging the Gap", ICML
       2015, algorithm 3.
    .. [9] Khemakhem, Kingma, Monti & Hyvärinen, "Variational Autoencoders and Nonlinear ICA", AISTATS 2020, eq. 5 to 7.
    .. [10] Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, section 2.1.3 and its code.
    .. [11] Chen et al., "Variational Lossy Autoencoder", ICLR 2017, section 3.2.
    .. [12] Vahdat, Kreis & Kautz, "Score-based Generative Modeling in Latent Space", NeurIPS 2021, with the
       autoencoder fixed.
    .. [13] Wu & Goodman, "Multimodal Generative Models for Scalable Weakly-Supervised Learning", NeurIPS 2018, eq. 3.
    """

    latent: int = 8
    width: int = 128
    depth: int = 2
    direct: bool = False
    layers: tuple[int, ...] = ()
    posterior: str = "gaussian"
    leapfrog_steps: int = 3
    prior: str = "standard_normal"
    decoder_condition: bool = True
    noise: float = 0.0
    components: int = 32
    bound: str = "elbo"
    samples: int = 8
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 1000))
    count_inputs: str = "logarithms"
    count_dropout: float = 0.0
    free_bits: float = 0.0
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.1, few=0.5))
    semi_supervised: bool = False
    label_weight: float = 1.0
    label_values: tuple[float, ...] = ()
    latent_prior: str = "flow"
    flow_layers: int = 6
    flow_width: int = 64
    latent_diffusion: Mapping[str, object] = field(default_factory=dict)
    prior_steps: int = 2000
    decoder_noise: bool = True

    def __post_init__(self) -> None:
        if self.prior == "diffusion":
            raise ConfigError(
                f"Expected a prior of the training ({', '.join(PRIORS)}), got 'diffusion', which is fitted to the "
                "latents after the training. Set latent_prior=diffusion, and draws are its."
            )
        names = {"posterior": POSTERIOR_NAMES, "prior": PRIORS, "bound": BOUNDS, "count_inputs": COUNT_INPUTS}
        names["latent_prior"] = (*LATENT_PRIORS, OF_TRAINING)
        for name, known in names.items():
            if (chosen := getattr(self, name)) not in known:
                raise unknown_name(name, chosen, known)
        self._check_parts()
        self._check_numbers()
        self.training()

    def _check_parts(self) -> None:
        """Raise an error for a posterior, a prior and layers that don't go together."""
        if self.prior == "vamp" and self.posterior != "gaussian":
            raise ConfigError(f"Expected posterior 'gaussian' with prior 'vamp', got '{self.posterior}'.")
        if not self.decoder_condition and self.prior not in CONDITIONAL:
            raise ConfigError(
                "Expected prior 'conditional' or 'conditional_scale' where the decoder doesn't read the condition, got "
                f"'{self.prior}'. Set one, or leave decoder_condition out."
            )
        if self.layers and (self.posterior, self.prior) != ("gaussian", "standard_normal"):
            raise ConfigError(
                "Expected posterior 'gaussian' and prior 'standard_normal' with `layers`, which set both, got "
                f"'{self.posterior}' and '{self.prior}'."
            )
        if self.posterior == PRODUCT and self.semi_supervised:
            raise ConfigError(
                "Expected no semi_supervised with posterior 'product', which has no network. Leave one out."
            )
        if self.direct and (self.layers or self.semi_supervised or self.prior == "vamp"):
            raise ConfigError("Expected no layers, no semi_supervised and no prior 'vamp' with direct. Leave it out.")
        if not self.flow_layers and (self.prior == "flow" or self.latent_prior == "diffusion"):
            raise ConfigError("Expected flow_layers of 1 or more with a flow or a diffusion as a prior, got 0.")
        if self.latent_diffusion and self.latent_prior != "diffusion":
            raise ConfigError(
                f"Expected latent_prior 'diffusion' with latent_diffusion, got '{self.latent_prior}'. Set it, or leave "
                "latent_diffusion out."
            )
        if self.label_values and not self.semi_supervised:
            raise ConfigError("Expected semi_supervised with label_values, which it infers. Set it, or leave them out.")

    def _check_numbers(self) -> None:
        """Raise an error for sizes, counts and the noise out of their ranges."""
        if min(self.layers, default=1) < 1 or self.leapfrog_steps < 1:
            raise ConfigError(
                "Expected layers of size 1 or more, and 1 or more leapfrog_steps, got "
                f"{list(self.layers)} and {self.leapfrog_steps}."
            )
        if not 0 <= self.noise <= 1:
            raise ConfigError(f"Expected noise from 0 to 1 standard deviations, got {self.noise}. 0 learns it.")
        if not 0 <= self.count_dropout < 1:
            raise ConfigError(f"Expected count_dropout from 0 to below 1, got {self.count_dropout}.")
        if self.prior_steps < 1:
            raise ConfigError(
                f"Expected prior_steps of 1 or more, got {self.prior_steps}. Without a flow: flow_layers=0."
            )
        if min(self.latent, self.width, self.components) < 1 or min(self.depth, self.flow_layers) < 0:
            raise ConfigError(
                "Expected latent, width and components of 1 or more, depth and flow_layers of 0 or more, got "
                f"{self.latent}, {self.width}, {self.components}, {self.depth} and {self.flow_layers}."
            )

    def training(self) -> VAESettings:
        """The settings of the `ConditionalVAE`."""
        weighted = self.bound == "importance_weighted"
        beta, samples = (Warmup(), self.samples) if weighted else (self.beta, 1)
        dropout = self.dropout if self.decoder_condition else ConditionDropout()
        return VAESettings(beta, self.free_bits, samples, dropout, self.label_weight)

    @property
    def flow(self) -> FlowSettings:
        """Of a flow as a prior."""
        return FlowSettings(self.flow_layers, self.flow_width)

    @property
    def network(self) -> LayerSettings:
        """Of the networks that map features to latents and back."""
        return LayerSettings(direct=self.direct)

    def read_by_decoder(self, properties: int) -> int:
        """Columns of the condition that posterior and decoder read, of those that there are."""
        return properties if self.decoder_condition else 0


Encoder = ArrayEncoder | ColumnEncoder | BlockEncoder | EvidenceEncoder
MakePrior = Callable[[int, int], nn.Module]
Classes = Sequence[Sequence[float]]
NETWORKS = {**POSTERIORS, FULL_COVARIANCE: FullCovariancePosterior, PRODUCT: ProductPosterior}
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
    diffused : function, optional
        (size of z, columns of the condition) -> the prior of draws where `latent_prior` is a diffusion
        (`diffusion.vectors.DiffusionPrior`).
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
        diffused: MakePrior | None = None,
    ) -> None:
        super().__init__()
        s = self.settings = settings or ArrayVAESettings()
        self.columns = tuple(columns)
        if s.semi_supervised and not property_count:
            raise ConfigError("Expected a property to infer with semi_supervised, got none. Name a condition.")
        parts = parts or _parts(size, property_count, s, columns, blocks, classes)
        self.vae = ConditionalVAE(parts, VALUES, s.training())
        latent = self.vae.latent_size
        self.prior = None
        if s.latent_prior == "diffusion":
            if diffused is None:
                raise ConfigError("Expected a function that makes the prior with latent_prior 'diffusion', got none.")
            self.prior = diffused(latent, property_count)
        elif s.latent_prior == "flow" and s.flow_layers:
            self.prior = FlowPrior(latent, property_count, s.flow)
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
        return torch.cat([self.prior.inverse(self.prior.draw(centre, condition)), own], 1)


def _encoder(
    size: int, s: ArrayVAESettings, columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock]
) -> Encoder:
    if blocks and s.direct:
        raise ConfigError("Expected no series and no images with direct, which they don't have. Leave it out.")
    if blocks and s.posterior == PRODUCT:
        raise ConfigError("Expected no series and no images with posterior 'product', got some. Choose another one.")
    if blocks:
        return BlockEncoder(columns, blocks, s.width, s.depth)
    if s.posterior == PRODUCT:
        return EvidenceEncoder(columns or [LikelihoodColumn("gaussian")] * size)
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
        assert not isinstance(encoder, EvidenceEncoder)  # the settings refuse it
        pseudo = PseudoPosterior(encoder, posterior)
        return posterior, VampPrior(s.latent, pseudo, torch.randn(s.components, encoder.inputs), properties)
    if s.prior == "mixture":
        return posterior, MixturePrior(s.latent, s.components, properties)
    if s.prior == "flow":
        return posterior, FlowPrior(s.latent, properties, s.flow)
    return posterior, StandardNormalPrior(s.latent)
