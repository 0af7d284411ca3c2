"""Cyclic oligomers by symmetric noise: one chain is drawn, the network sees all chains of the assembly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.model import Bend, Condition
from sciencegen.diffusion.process import Denoiser
from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.diffusion.state import with_fields
from sciencegen.diffusion.symmetric_copies import symmetrized
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.assemblies import copy_count, rotations
from sciencegen.domains.proteins.backbones.design_lengths import LengthRange, length_range
from sciencegen.domains.proteins.backbones.items import SHORTEST
from sciencegen.domains.proteins.backbones.representation import COPIES
from sciencegen.errors import ConfigError
from sciencegen.networks.equivariant.chain import colour, whiten
from sciencegen.networks.equivariant.residues import CHAIN, TRACE

RARE = 1e-6
"""Relative frequency of assemblies whose size no training chain has."""


@dataclass(frozen=True)
class OligomerTask:
    """Assemblies of `copies` equal chains. lengths: of a chain."""

    model: SizedDiffusion
    copies: int
    lengths: LengthRange

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """A batch with the given field `copies`."""
        diffusion, settings = self.model.diffusion, self.model.diffusion.settings

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            x = diffusion.draw(z, settings.sampler, settings.steps, bend=symmetric(self.model, self.copies))
            return rewhitened(x, self.copies, 1)

        drawn = self.model.each_size(noise, self._counts(noise[:, 0].cpu()), work, condition)
        return with_copies(drawn, self.copies)

    def _counts(self, quantile: Float[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """Lengths of a chain, by the distribution of the whole assembly's size among the training chains."""
        lengths = torch.arange(self.lengths.shortest, self.lengths.longest + 1)
        table = self.model.table
        place = self.copies * lengths - int(table.sizes[0])
        inside = (place >= 0) & (place < len(table.counts))
        weight = torch.where(inside, table.counts.cpu().double()[place.clamp(0, len(table.counts) - 1)], RARE)
        below = weight.cumsum(0) / weight.sum()
        chosen = torch.searchsorted(below, torch.special.ndtr(quantile.double()))
        return lengths[chosen.clamp(max=len(lengths) - 1)]


def symmetric(model: SizedDiffusion, copies: int) -> Bend:
    """A function from the denoiser of whole assemblies to that of one chain."""
    group = torch.from_numpy(rotations(copies))

    def bend(denoise: Denoiser) -> Denoiser:
        return symmetrized(denoise, model.state, group, CHAIN)

    return bend


def rewhitened(x: Batch, before: int, after: int) -> Batch:
    """Chains of one size whose trace is whitened as part of an assembly of `after` chains, instead of `before`."""
    count = torch.full((len(x),), x[TRACE].shape[1], device=x[TRACE].device)
    return with_fields(x, {TRACE: whiten(colour(x[TRACE], before * count), after * count)})


def with_copies(x: Batch, copies: int) -> Batch:
    """The batch with the number of chains of each assembly."""
    return with_fields(x, {COPIES: torch.full((len(x),), copies, device=x[TRACE].device)})


def oligomer_task(model: SizedDiffusion, settings: TaskSettings) -> OligomerTask:
    """Check that the model can draw so many residues."""
    copies, asked = copy_count(str(settings.symmetry)), length_range(model, settings)
    lengths = LengthRange(asked.shortest, min(asked.longest, model.largest // copies))
    if model.largest // copies < SHORTEST:
        raise ConfigError(
            f"Expected a `symmetry` of at most C{model.largest // SHORTEST} with this model, got {settings.symmetry}: "
            f"it sees all chains together, at most {model.largest} residues. Choose fewer copies."
        )
    if lengths.shortest > lengths.longest:
        raise ConfigError(
            f"Expected {copies} chains of {SHORTEST} to {model.largest // copies} residues with `symmetry` "
            f"{settings.symmetry}, got a length of {asked}: the longest chain that the model has seen has "
            f"{model.largest}, and it sees all chains together. Ask for shorter chains or fewer copies."
        )
    return OligomerTask(model, copies, lengths)
