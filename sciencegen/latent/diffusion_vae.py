"""A variational autoencoder whose decoder is a diffusion: of items that are sets of positions, of various sizes.

    log p(x | c) >= E_q(z|x) [ log p(n | z) + log p(x | n, z, c) ] - KL(q(z | x) || p(z | c))

n is the number of positions, and the diffusion bounds log p(x | n, z, c) (Kingma et al. 2021): z stands beside the
condition in its denoiser, which has to draw what z leaves open. Decoding starts from one fixed noise, so that an item
depends on its latent alone, and continuously. Preechakul et al. 2022 (diffusion autoencoders); Xie et al. 2022 (CDVAE)
for crystals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.diffusion.model import Accept, Condition, DiffusionSettings, HoldsDiffusion
from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.errors import unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.mlp import MLP
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.records import to_record
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFit, PriorFitSettings, fit_prior
from sciencegen.vae.posteriors import DiagonalGaussian, standard_normal_kl
from sciencegen.vae.priors import LATENT_PRIORS

DECODING_SEED = 0


def diffusion_prior(
    width: int, layers: int, settings: Mapping[str, object], size: int, properties: int
) -> DiffusionPrior:
    """A diffusion p(z | c) of latents of a size, to be fitted after the training of its autoencoder. width, layers: of
    its network. settings: those of `DiffusionSettings` that aren't the default ones."""
    diffusion = to_record(DiffusionSettings, settings, "latent_diffusion", DiffusionSettings())
    with torch.random.fork_rng(devices=()):  # the initial autoencoder is then the same as with a flow
        return DiffusionPrior(size, properties, VectorDiffusionSettings(width, layers, diffusion))


@dataclass(frozen=True)
class DiffusionVAESettings:
    """latent: size of z. beta: weight of the KL by step, relative to the diffusion's loss for each dimension.
    size_weight: weight of -log p(n | z). dropout: of conditions. latent_prior: p(z | c), fitted after training,
    "flow" or "diffusion", with the sizes of `flow`; latent_diffusion: settings of the latter. steps: of the
    diffusion when latents are decoded, with the sampler `sampler`, which draws no noise."""

    latent: int = 48
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 500, 0.0, 1e-4))
    size_weight: float = 0.1
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.3))
    latent_prior: str = "flow"
    latent_diffusion: Mapping[str, object] = field(default_factory=dict)
    flow: FlowSettings = field(default_factory=FlowSettings)
    sampler: str = "dpm-solver"
    steps: int = 24

    def __post_init__(self) -> None:
        if self.latent_prior not in LATENT_PRIORS:
            raise unknown_name("latent_prior", self.latent_prior, LATENT_PRIORS)


class DiffusionVAE(HoldsDiffusion):
    """A `LatentModel` of items that a `SizedDiffusion` draws.

    encoder: batch -> mean and logarithm of the standard deviation of z. decoder: its network reads the condition and z
    beside it. A latent is the noise that the prior maps to z.
    """

    def __init__(
        self, encoder: nn.Module, decoder: SizedDiffusion, properties: int, settings: DiffusionVAESettings | None = None
    ) -> None:
        super().__init__(decoder.diffusion)
        s = self.settings = settings or DiffusionVAESettings()
        self.encoder, self.properties = encoder, properties
        self._decoder = (decoder,)  # in a tuple: the weights of its diffusion are registered already
        self.latent_size = self.semantic_size = s.latent
        self.sizes = MLP(s.latent, len(decoder.table.sizes), 64, 1)
        diffused = partial(diffusion_prior, s.flow.width, s.flow.layers, s.latent_diffusion)
        make = partial(FlowPrior, settings=s.flow) if s.latent_prior == "flow" else diffused
        self.prior: FlowPrior | DiffusionPrior = make(s.latent, properties)

    @property
    def encodes(self) -> bool:
        """Whether items have latents: they do, whatever the decoder's fields are."""
        return True

    @property
    def decoder(self) -> SizedDiffusion:
        """Draws items of given sizes from noise, a condition and z."""
        return self._decoder[0]

    def posterior_of(self, batch: Batch) -> DiagonalGaussian:
        """q(z | x)."""
        return DiagonalGaussian(*self.encoder(self.diffusion.state.embed(batch)))

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars: loss, denoising (for each dimension), size and kl (for each item, in nats)."""
        assert batch.mask is not None  # items differ in size
        s, posterior = self.settings, self.posterior_of(batch)
        code, _ = posterior.sample(generator)
        given = self._beside(code, s.dropout(batch.condition, generator))
        denoising = self.diffusion.loss(batch.with_condition(given), step, generator)["loss"]
        place = torch.searchsorted(self.decoder.table.sizes.to(code.device), batch.mask.sum(1))
        size = functional.cross_entropy(self.sizes(code), place)
        kl = standard_normal_kl(posterior).mean()
        loss = denoising + s.size_weight * size + s.beta(step) * kl
        return {"loss": loss, "denoising": denoising.detach(), "size": size.detach(), "kl": kl.detach()}

    def _beside(self, code: Tensor, condition: Condition) -> Float[Tensor, "batch column"]:
        if condition is None:
            condition = code.new_full((len(code), self.properties), torch.nan)
        return torch.cat([condition, code], 1)

    @torch.no_grad()
    def finish(
        self,
        batches: Iterable[Batch],
        generator: Generator,
        steps: int = 3000,
        batch: int = 512,
        progress: Progress = no_progress,
    ) -> PriorFit:
        """Fit the prior p(z | c) to the codes of the training items."""
        means, deviations, conditions = [], [], []
        for one in batches:
            posterior = self.posterior_of(one)
            means.append(posterior.mean)
            deviations.append(posterior.log_std)
            conditions.append(one.condition)
        given = None if conditions[0] is None else torch.cat([one for one in conditions if one is not None])
        with torch.enable_grad():
            return fit_prior(
                self.prior, torch.cat(means), given, generator, log_std=torch.cat(deviations),
                settings=PriorFitSettings(steps=steps, batch=batch), progress=partial(progress, "prior of codes"),
            )  # fmt: skip

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """The posterior's mean through the prior's inverse."""
        return self.prior.inverse(self.posterior_of(batch).mean)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The likeliest size, and an item of it from the fixed noise."""
        check_latents(latent, self.latent_size)
        return self._decoded(self.prior(latent), condition)

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """Latents whose codes follow p(z | c); without a condition the noise itself."""
        check_latents(noise, self.latent_size)
        return noise if condition is None else self.prior.inverse(self.prior(noise, condition))

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        """Items whose codes are draws of p(z | c)."""
        check_latents(noise, self.latent_size)
        return self._decoded(self.prior.draw(noise, condition), condition)

    def _decoded(self, code: Float[Tensor, "batch latent"], condition: Condition) -> Batch:
        s, diffusion = self.settings, self.diffusion
        counts = self.decoder.table.sizes[self.sizes(code).argmax(1).cpu()]
        generator = Generator().manual_seed(DECODING_SEED)
        start = standard_normal((1, self.decoder.latent_size), generator, code).expand(len(code), -1)

        def work(z: Batch, rows: Tensor) -> Batch:
            z = Batch(diffusion.state.project(z.fields, None), None, z.condition)
            return diffusion.draw(z, s.sampler, s.steps)

        drawn = self.decoder.each_size(start, counts, work, self._beside(code, condition))
        return Batch(drawn.fields, drawn.mask, condition)
