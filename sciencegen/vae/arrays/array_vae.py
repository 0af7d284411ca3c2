"""The variational autoencoder of arrays of numbers: any item that a domain encodes as a vector of fixed length.

    log p(x | c) >= E_q(z|x,c) log N(x; mean(z, c), std^2) - KL(q(z | x, c) || p(z | c))

It is a `ConditionalVAE` with networks for arrays. Posterior, prior, bound and training with missing labels are
settings. A latent is (e, u): z = flow(e) of a flow p(z | c) that is fitted to the posteriors after training, and u is
the decoder's noise, x = mean(z, c) + std u, so that `decode(encode(x))` is x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.normal import check_latents
from sciencegen.vae.arrays.networks import VALUES, ArrayDecoder, ArrayEncoder, Condition, PseudoPosterior
from sciencegen.vae.bounds import BoundTerms
from sciencegen.vae.flow_prior import FlowPrior, FlowSettings
from sciencegen.vae.gaussian import DiagonalGaussian
from sciencegen.vae.model import EVALUATION_SEED, ConditionalVAE, VAEParts, VAESettings
from sciencegen.vae.posteriors import POSTERIORS, Posterior
from sciencegen.vae.prior_fitting import PriorFit, PriorFitSettings, fit_prior
from sciencegen.vae.priors import ConditionalGaussianPrior, StandardNormalPrior, VampPrior
from sciencegen.vae.semi_supervised import DiscreteInference, GaussianInference
from sciencegen.vae.warmup import Warmup

PRIORS = ("standard_normal", "conditional", "vamp")
BOUNDS = ("elbo", "importance_weighted")

Accept = Callable[[Batch], Tensor]


@dataclass(frozen=True)
class ArrayVAESettings:
    """Sizes, distributions and training weights.

    Attributes
    ----------
    latent, width, depth : int
        Size of z; width and number of hidden layers of encoder and decoder.
    posterior : {"gaussian", "iaf"}
        q(z | x, c): a diagonal Gaussian [1]_, or one transformed by an inverse autoregressive flow [2]_.
    prior : {"standard_normal", "conditional", "vamp"}
        p(z | c) of training: N(0, I), a Gaussian that depends on c [3]_, or a mixture of posteriors of `components`
        learned pseudo-items [4]_ (with a Gaussian posterior).
    bound : {"elbo", "importance_weighted"}
        The objective; the second has `samples` latents for each item [5]_, and beta doesn't apply to it.
    beta : Warmup
        Weight of the KL divergence by step; it starts at 0, so that the model learns to use the latent.
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
    flow_layers, flow_width : int
        Of the flow prior for sampling, fitted after training; with 0 layers, samples are from the training prior.
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
    """

    latent: int = 8
    width: int = 128
    depth: int = 2
    posterior: str = "gaussian"
    prior: str = "standard_normal"
    components: int = 32
    bound: str = "elbo"
    samples: int = 8
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 1000))
    free_bits: float = 0.0
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.1, few=0.5))
    semi_supervised: bool = False
    label_weight: float = 1.0
    label_values: tuple[float, ...] = ()
    flow_layers: int = 6
    flow_width: int = 64
    decoder_noise: bool = True

    def __post_init__(self) -> None:
        for name, known in (("posterior", POSTERIORS), ("prior", PRIORS), ("bound", BOUNDS)):
            if (chosen := getattr(self, name)) not in known:
                raise unknown_name(name, chosen, known)
        if self.prior == "vamp" and self.posterior != "gaussian":
            raise ConfigError(f"Expected posterior 'gaussian' with prior 'vamp', got '{self.posterior}'.")
        if min(self.latent, self.width, self.components) < 1 or min(self.depth, self.flow_layers) < 0:
            raise ConfigError(
                "Expected latent, width and components of 1 or more, depth and flow_layers of 0 or more, got "
                f"{self.latent}, {self.width}, {self.components}, {self.depth} and {self.flow_layers}."
            )
        if self.label_values and not self.semi_supervised:
            raise ConfigError("Expected semi_supervised with label_values, which it infers. Set it, or leave them out.")
        self.training()

    def training(self) -> VAESettings:
        """The settings of the `ConditionalVAE`."""
        weighted = self.bound == "importance_weighted"
        beta, samples = (Warmup(), self.samples) if weighted else (self.beta, 1)
        return VAESettings(beta, self.free_bits, samples, self.dropout, self.label_weight)


class ArrayVAE(nn.Module):
    """A `LatentModel` of arrays; a Batch has the field "values" [batch column], standardized.

    Parameters
    ----------
    size : int
        Columns of an array.
    property_count : int
        Columns of the condition.
    settings : ArrayVAESettings, optional

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

    def __init__(self, size: int, property_count: int, settings: ArrayVAESettings | None = None) -> None:
        super().__init__()
        s = self.settings = settings or ArrayVAESettings()
        if s.semi_supervised and not property_count:
            raise ConfigError("Expected a property to infer with semi_supervised, got none. Name a condition.")
        encoder = ArrayEncoder(size, s.width, s.depth)
        posterior = POSTERIORS[s.posterior](s.width, s.latent, property_count, s.width, 1)
        prior: nn.Module = StandardNormalPrior(s.latent)
        if s.prior == "conditional":
            prior = ConditionalGaussianPrior(s.latent, property_count)
        elif s.prior == "vamp":
            pseudo = PseudoPosterior(encoder, posterior)
            prior = VampPrior(s.latent, pseudo, torch.randn(s.components, size), property_count)
        decoder = ArrayDecoder(size, s.latent, property_count, s.width, s.depth)
        head: nn.Module | None = None
        if s.label_values:
            head = DiscreteInference(s.width, property_count, s.label_values)
        elif s.semi_supervised:
            head = GaussianInference(s.width, property_count)
        self.vae = ConditionalVAE(VAEParts(encoder, decoder, posterior, prior, head), VALUES, s.training())
        flow = FlowSettings(s.flow_layers, s.flow_width) if s.flow_layers else None
        self.prior: FlowPrior | None = None if flow is None else FlowPrior(s.latent, property_count, flow)
        self.sizes = [s.latent, size if s.decoder_noise else 0]
        self.semantic_size, self.latent_size = s.latent, sum(self.sizes)

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per item in nats (`ConditionalVAE.loss`)."""
        return self.vae.loss(batch, step, generator)

    def finish(
        self,
        batches: Iterable[Batch],
        generator: Generator,
        steps: int = 2000,
        batch: int = 512,
        progress: Progress = no_progress,
    ) -> PriorFit | None:
        """Fit the flow prior p(z | c) of draws to the trained model's posteriors; call once after training."""
        if self.prior is None:
            return None
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
        c: each item is used with its complete condition, with none, and with what dropout leaves of it."""
        rows: list[tuple[Posterior, Condition]] = []
        for one in batches:
            features, whole = self.vae.encoder(one), self.vae.completed_condition(one)
            views = self.settings.dropout.views(whole, generator)
            rows += [(self.vae.posterior(features, condition), condition) for condition in views]
        found = [condition for _, condition in rows if condition is not None]
        condition = torch.cat(found) if found else None
        gaussians = [q for q, _ in rows if isinstance(q, DiagonalGaussian)]
        if gaussians:
            return torch.cat([q.mean for q in gaussians]), torch.cat([q.log_std for q in gaussians]), condition
        return torch.cat([q.sample(generator)[0] for q, _ in rows]), None, condition

    # --- evidence -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> BoundTerms:
        """The two terms of the bound of log p(x | c) under the fitted prior, in nats; one sample of a fixed seed."""
        condition = self.vae.completed_condition(batch)
        z, log_posterior = self.vae.posterior_of(batch).sample(generator or Generator().manual_seed(EVALUATION_SEED))
        reconstruction = self.vae.decoder(z, condition, batch).log_prob(batch[VALUES])
        prior = self.vae.prior if self.prior is None else self.prior
        return BoundTerms(reconstruction, log_posterior - prior.log_prob(z, condition))

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
        code = self.vae.posterior(self.vae.encoder(batch), None).mean
        centre = code if self.prior is None else self.prior.inverse(code)
        if not self.settings.decoder_noise:
            return centre
        likelihood = self.vae.decoder(self._code(centre))
        noise = (batch[VALUES] - likelihood.mean) * (-likelihood.log_std).exp()
        return torch.cat([centre, noise if batch.mask is None else noise * batch.mask], 1)

    def _code(self, centre: Float[Tensor, "batch code"]) -> Float[Tensor, "batch code"]:
        return centre if self.prior is None else self.prior(centre)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        check_latents(latent, self.latent_size)
        centre, noise = latent.split(self.sizes, 1)
        likelihood = self.vae.decoder(self._code(centre), condition)
        spread = likelihood.log_std.exp() * noise if self.settings.decoder_noise else 0.0
        return Batch({VALUES: likelihood.mean + spread})

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

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        return self.decode(self.sample(noise, condition), condition)
