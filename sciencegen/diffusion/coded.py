"""A diffusion model of items that become vectors of real numbers by a random code, and so may be discrete.

With q(v | x) the code, and v read as x with certainty, p(x) = P(read(v) = x) of the diffusion's p(v) is bounded by

    log p(x) >= E_q(v|x)[ log p(v) - log q(v | x) ]                                      Ho et al. 2019, eq. 12

(variational dequantization; of a real number, -log q is the log volume of its change of scale). A mask says which
numbers of a vector are known: the denoiser gets it, so that the model is p of the known cells for any set of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch, concatenate
from sciencegen.diffusion.guidance import inpainting
from sciencegen.diffusion.likelihood import exact_divergence, keyed_divergence
from sciencegen.diffusion.model import EVALUATION_SEED as SEED
from sciencegen.diffusion.model import Condition, DiffusionModel
from sciencegen.diffusion.steering import Steering, best_particles
from sciencegen.errors import ConfigError

Accept = Callable[[Batch], Tensor]


@runtime_checkable
class Coding(Protocol):
    """Items as vectors, in a field of a Batch whose mask [batch number] is False at the unknown numbers."""

    def drawn(self, batch: Batch, generator: Generator) -> tuple[Batch, Float[Tensor, " batch"]]:
        """Random codes v ~ q(v | x), and -log q(v | x) of the known cells."""

    def centre(self, batch: Batch) -> Batch:
        """The code without noise."""

    def read(self, batch: Batch) -> Batch:
        """The items of vectors."""


class CodedDiffusion(nn.Module):
    """A `LatentModel`: a diffusion of codes.

    Parameters
    ----------
    coding : Coding
    diffusion : DiffusionModel
        Of one field, the vectors; `vector_diffusion(..., masked=True)`.
    hidden : float
        Share of the items of which cells are hidden in training: for each of them a rate u ~ U(0, 1) is drawn, and
        each cell is hidden with probability u.
    samples : int
        Codes of each item by which `bound` bounds log p.
    exact : bool
        Whether log p(v) is computed with one backward pass for each number, or estimated without bias by one pass
        (`likelihood.keyed_divergence`), for large networks.
    """

    def __init__(
        self, coding: Coding, diffusion: DiffusionModel, hidden: float = 0.0, samples: int = 1, exact: bool = True
    ) -> None:
        super().__init__()
        if not 0 <= hidden <= 1 or samples < 1:
            raise ConfigError(f"Expected hidden between 0 and 1, 1 sample or more, got {hidden} and {samples}.")
        self.coding, self.diffusion, self.hidden, self.samples = coding, diffusion, hidden, samples
        self.exact = exact
        (self.field,) = diffusion.state.fields
        self.latent_size = self.semantic_size = diffusion.latent_size

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """The loss of the diffusion (`DiffusionModel.loss`) of random codes."""
        return self.diffusion.loss(self.embed(batch, generator), step, generator)

    def embed(self, batch: Batch, generator: Generator) -> Batch:
        """Random codes, of which cells are hidden as in training."""
        if not self.hidden:
            return self.coding.drawn(batch, generator)[0]
        return self.coding.drawn(Batch(batch.fields, self._shown(batch, generator), batch.condition), generator)[0]

    def _shown(self, batch: Batch, generator: Generator) -> Bool[Tensor, "batch cell"]:
        value = next(iter(batch.fields.values()))
        uniform = torch.rand(len(value), 2 + value.shape[1], generator=generator, device=generator.device).to(value)
        hidden = (uniform[:, 2:] < uniform[:, :1]) & (uniform[:, 1:2] < self.hidden)
        known = torch.ones_like(hidden) if batch.mask is None else batch.mask
        left = known & ~hidden
        return torch.where(left.any(1, keepdim=True), left, known)

    def finish(self, batches: Iterable[Batch], generator: Generator) -> None:
        """Nothing is left to fit."""

    # --- evidence -----------------------------------------------------------------------------------------------------

    def bound(self, batch: Batch) -> Float[Tensor, " batch"]:
        """The importance-weighted bound of log p(x | c) of the known cells in nats, by codes of each item
        (Burda et al. 2016, eq. 8). log p(v | c) is that of the probability-flow ODE. The seed is fixed, and the noise
        of an item doesn't depend on the others."""
        rows = (batch.select(slice(at, at + 1)).repeat_interleave(self.samples) for at in range(len(batch)))
        of_items = [self.coding.drawn(row, Generator().manual_seed(SEED)) for row in rows]
        codes, spread = concatenate([one for one, _ in of_items]), torch.cat([one for _, one in of_items])
        divergence = exact_divergence if self.exact else keyed_divergence(self.diffusion.state, codes)
        log_weights = self.diffusion.log_prob(codes, divergence) + spread
        return torch.logsumexp(log_weights.unflatten(0, (-1, self.samples)), 1) - math.log(self.samples)

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """The noise of each item by the probability-flow ODE, without the condition; gaps are filled first."""
        return self.diffusion.encode(self._whole(self.coding.centre(batch.with_condition(None))))

    def _whole(self, codes: Batch) -> Batch:
        """Codes without gaps: the unknown numbers are drawn from the centre of the noise, given the known ones."""
        value, mask = codes[self.field], codes.mask
        if mask is None or mask.all():
            return Batch(codes.fields, None, codes.condition)
        start = Batch({self.field: torch.zeros_like(value)}, None, codes.condition)
        filled = self.diffusion.complete(
            start, start.fields, lambda denoise: inpainting(denoise, {self.field: value}, {self.field: mask})
        )
        return Batch({self.field: torch.where(mask, value, filled[self.field])}, None, codes.condition)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The inverse of `encode`."""
        return self.coding.read(self.diffusion.decode(latent, condition))

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself: latents are standard normal under every condition."""
        return self.diffusion.sample(noise, condition)

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        """Draw items of p(x | c) with the diffusion's sampler and guidance; `accept` is not used."""
        return self.coding.read(self.diffusion.generate(noise, condition))

    @torch.no_grad()
    def steered(
        self, noise: Float[Tensor, "particle latent"], steering: Steering, condition: Condition = None
    ) -> Batch:
        """One item for each `steering.count` rows: the best of its particles. The reward is that of items."""
        start = self.diffusion.start(noise, condition, None)
        drawn = self.diffusion.draw_steered(start, steering.after(self.coding.read))
        return best_particles(self.coding.read(drawn), steering)
