"""Variations of given backbones by partial diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.model import Condition
from sciencegen.diffusion.partial import vary
from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.assemblies import copy_count
from sciencegen.domains.proteins.backbones.design_lengths import length_range
from sciencegen.domains.proteins.backbones.files import parse, read
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.oligomers import rewhitened, symmetric, with_copies
from sciencegen.domains.proteins.backbones.representation import padded_places, why_broken
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal

LEVEL = 0.3
"""Default noise level."""


@dataclass(frozen=True, eq=False)
class VariationTask:
    """Variations of chains. places: N, CA and C of each, ångström. copies: number of chains of their assemblies."""

    model: SizedDiffusion
    places: Sequence[Float[np.ndarray, "residue 3 3"]]
    copies: int
    level: float

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """Each row varies one of the chains, by its first number."""
        share = torch.special.ndtr(noise[:, 0].cpu().double())
        chosen = (share * len(self.places)).long().clamp(max=len(self.places) - 1).tolist()
        bend = symmetric(self.model, self.copies) if self.copies > 1 else None

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            chains = padded_places([self.places[chosen[row]] for row in rows.tolist()]).to(noise.device)
            start = rewhitened(Batch(chains.fields, None, z.condition), 1, self.copies)
            return rewhitened(vary(self.model.diffusion, start, z.fields, self.level, bend), self.copies, 1)

        counts = torch.tensor([len(self.places[one]) for one in chosen])
        drawn = self.model.each_size(noise, counts, work, condition)
        return with_copies(drawn, self.copies) if self.copies > 1 else drawn


def variation_task(model: SizedDiffusion, settings: TaskSettings) -> VariationTask:
    """Read the chains to vary, and check that they have lengths that `where` accepts."""
    items, asked = _items(str(settings.vary)), length_range(model, settings)
    for item in items:
        if refusal := why_broken(item):
            raise DataError(f"Expected chains to `vary` that the model can draw, got {item.name}: {refusal.reason}.")
    symmetries = {item.symmetry for item in items}
    if len(symmetries) > 1:
        raise ConfigError(f"Expected chains of one symmetry to `vary`, got {', '.join(sorted(symmetries))}.")
    lengths = sorted({len(item) for item in items})
    copies = copy_count(symmetries.pop())
    if copies * lengths[-1] > model.largest:
        raise ConfigError(
            f"Expected chains, and assemblies, of at most {model.largest} residues to `vary`, the longest chain that "
            f"the model has seen, got one of {copies * lengths[-1]}. Pass a part of it."
        )
    if other := [one for one in lengths if not asked.shortest <= one <= asked.longest]:
        raise ConfigError(
            f"Expected `vary` and `where` that agree, got a chain of {other[0]} residues and a length of {asked}. "
            "A variation keeps the number of residues; change one of them."
        )
    level = LEVEL if settings.noise_level is None else settings.noise_level
    return VariationTask(model, [_placed(item) for item in items], copies, level)


def _items(source: str) -> list[Backbone]:
    """All items of a file or a folder, or the item of a reference such as `designs.pdb[3]`."""
    path = Path(source)
    texts = [row.text for row in read(path)] if path.exists() else [source]
    items = [parse(text) for text in texts]
    if refused := next((one for one in items if isinstance(one, Refusal)), None):
        raise DataError(f"Expected backbones to `vary` in {source}, got one that can't be read: {refused.reason}.")
    if not items:
        raise DataError(f"Expected backbones to `vary` in {source}, found none.")
    return [item for item in items if isinstance(item, Backbone)]


def _placed(item: Backbone) -> Float[np.ndarray, "residue 3 3"]:
    """N, CA and C; a chain by itself is centred, as the model has seen it, an assembly has its own axis."""
    places = item.coordinates[:, :3].astype(np.float64)
    return places if item.symmetry else places - places[:, 1].mean(0)
