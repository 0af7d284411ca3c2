"""A small conditional VAE over variants of one length, trained on what a campaign has measured so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.domains.proteins.design import design_features, letters
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.metrics.numbers import fit_warp
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.optimization.evolution import crank_nicolson_step
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.likelihoods import Categorical
from sciencegen.vae.model import ConditionalVAE, VAEParts, VAESettings
from sciencegen.vae.posteriors import GaussianPosterior
from sciencegen.vae.priors import StandardNormalPrior

WIDTH, LATENT, STEPS, BATCH = 64, 4, 400, 96
HIGH = (1.5, 2.0, 2.5, 3.0)
"""Standard deviations (of log fitness) that draws are asked for."""


class Encoder(nn.Module):
    def __init__(self, sites: int) -> None:
        super().__init__()
        table = np.concatenate([np.eye(len(ALPHABET)), letters()], 1)
        self.register_buffer("table", torch.as_tensor(table, dtype=torch.float32))
        self.network = MLP(sites * table.shape[1], WIDTH, WIDTH, 1)

    def forward(self, batch: Batch) -> Tensor:
        return functional.silu(self.network(self.table[batch["codes"]].flatten(1)))


class Decoder(nn.Module):
    def __init__(self, sites: int) -> None:
        super().__init__()
        self.sites, self.network = sites, MLP(LATENT + 2, sites * len(ALPHABET), WIDTH, 2)

    def forward(self, latent: Tensor, condition: Tensor | None, batch: Batch | None) -> Categorical:
        told = torch.cat([latent, condition_features(condition, latent, 1)], -1)
        return Categorical(self.network(told).unflatten(-1, (self.sites, len(ALPHABET))))


class LatentVariants:
    """Trained when made; `near` and `draw` are a campaign's moves."""

    def __init__(self, known: Sequence[str], values: np.ndarray, generator: np.random.Generator) -> None:
        rows = design_features(known)
        assert rows is not None
        sites = rows.codes.shape[1]
        self._warp = fit_warp("log", values)
        self._fitness = dict(zip(known, self._warp.forward(values).tolist(), strict=True))
        self._noise = torch.Generator().manual_seed(int(generator.integers(2**62)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator.integers(2**31)))  # initial weights come from the global generator
            posterior, prior = GaussianPosterior(WIDTH, LATENT, 1), StandardNormalPrior(LATENT)
            settings = VAESettings(Warmup("linear", STEPS // 2, 0.1, 1.0))
            self.model = ConditionalVAE(VAEParts(Encoder(sites), Decoder(sites), posterior, prior), "codes", settings)
        condition = torch.tensor([[self._fitness[one]] for one in known], dtype=torch.float32)
        self._train(Batch({"codes": torch.as_tensor(rows.codes.astype(np.int64))}, None, condition))

    def _train(self, data: Batch) -> None:
        """Adam; good variants are seen oftener, by exp of their standardized log fitness."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3, weight_decay=1e-3)
        assert data.condition is not None
        weights = data.condition[:, 0].exp()
        for step in range(STEPS):
            rows = torch.multinomial(weights, BATCH, replacement=True, generator=self._noise)
            optimizer.zero_grad()
            self.model.loss(data.select(rows), step, self._noise)["loss"].backward()
            optimizer.step()
        self.model.eval().requires_grad_(False)

    def near(self, parents: Sequence[str], generator: np.random.Generator) -> list[str]:
        """Encode, step, decode under a fitness higher than the parent's."""
        rows = design_features(parents)
        assert rows is not None
        own = torch.tensor([[self._fitness.get(one, HIGH[0])] for one in parents], dtype=torch.float32)
        latents = self.model.encode(Batch({"codes": torch.as_tensor(rows.codes.astype(np.int64))}, None, own)).numpy()
        steps = generator.choice([0.2, 0.5, 0.8], (len(parents), 1))
        moved = crank_nicolson_step(latents, steps, np.ones(LATENT, bool), generator)
        return self._decode(moved, own + 0.5)

    def draw(self, count: int, generator: np.random.Generator) -> list[str]:
        """From the prior, under a high fitness."""
        condition = torch.as_tensor(generator.choice(HIGH, (count, 1)), dtype=torch.float32)
        return self._decode(generator.standard_normal((count, LATENT)), condition)

    def _decode(self, latents: np.ndarray, condition: Tensor) -> list[str]:
        likelihood = self.model.decoder(torch.as_tensor(latents, dtype=torch.float32), condition, None)
        return ["".join(ALPHABET[code] for code in row) for row in likelihood.sample(self._noise).tolist()]
