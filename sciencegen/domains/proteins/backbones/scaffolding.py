"""Motif scaffolding: chains drawn around the residues of a motif, whose rigid placement is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.guidance import fitted
from sciencegen.diffusion.model import Condition
from sciencegen.diffusion.reconstruction import Correction, least_change, reconstructing
from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.diffusion.state import Fields
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.contigs import Lengths
from sciencegen.domains.proteins.backbones.design_lengths import length_range
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.joining import join
from sciencegen.domains.proteins.backbones.motifs import Motif, read_motif
from sciencegen.domains.proteins.backbones.reading import POSITIONS
from sciencegen.domains.proteins.backbones.representation import (
    LENGTH,
    LETTER,
    LETTERS_IN_ORDER,
    OXYGEN,
    around_trace,
    padded_places,
    places_of,
    relative_to_trace,
)
from sciencegen.domains.proteins.residue_atoms import UNKNOWN
from sciencegen.errors import ConfigError
from sciencegen.networks.equivariant.chain import walk_matrix
from sciencegen.networks.equivariant.residues import ATOMS, TRACE

SAMPLER = "ancestral"
"""Random steps correct what guidance leaves wrong at earlier ones, so that fewer chains break at the motif."""

Layout = Bool[np.ndarray, " residue"]
"""Of a chain: True at the motif's residues."""


@dataclass(frozen=True, eq=False)
class MotifTask:
    """Draws around a motif, in the frame of its file.

    The free lengths follow from each row's noise. Estimates are guided by reconstruction and replaced at the motif,
    which is placed anew at every level; in the end its exact atoms replace the drawn ones, and the neighbours fit them.
    """

    model: SizedDiffusion
    motif: Motif
    lengths: Lengths
    sampler: str = SAMPLER

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """A batch with the given fields `letter` and `oxygen`."""
        diffusion, layouts = self.model.diffusion, [self._layout(row) for row in noise.cpu().numpy()]

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            correction = self._correction([layouts[row] for row in rows.tolist()], z[TRACE])
            return diffusion.draw(
                z,
                self.sampler,
                diffusion.settings.steps,
                bend=lambda denoise: reconstructing(denoise, diffusion.state, correction),
            )

        counts = torch.tensor([len(one) for one in layouts])
        drawn = self.model.each_size(noise, counts, work, condition).to("cpu")
        return self._joined(places_of(drawn), layouts, drawn)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that says where the motif is."""
        return (POSITIONS,)

    def cells(self, item: Backbone) -> tuple[str]:
        """The residues of the motif's pieces in a design, such as `21-33,53-60`."""
        return (motif_positions(self.motif, item),)

    def _layout(self, row: Float[np.ndarray, " latent"]) -> Layout:
        key = int.from_bytes(blake2b(row.tobytes(), digest_size=8).digest())
        before, *after = self.lengths.draw(np.random.Generator(np.random.Philox(key)))
        parts = [np.zeros(before, bool)]
        for size, free in zip(self.motif.sizes, after, strict=True):
            parts += [np.ones(size, bool), np.zeros(free, bool)]
        return np.concatenate(parts)

    def _correction(self, layouts: Sequence[Layout], like: Tensor) -> Correction:
        """The correction for chains of one length."""
        fixed = np.stack(layouts)
        places = np.zeros((*fixed.shape, 3, 3))
        for row, there in enumerate(fixed):
            places[row, there] = self.motif.coordinates[:, :3] - self.motif.coordinates[:, 1].mean(0)
        return motif_correction(torch.from_numpy(places).to(like), torch.from_numpy(fixed).to(like.device))

    def _joined(self, drawn: Sequence[np.ndarray], layouts: Sequence[Layout], like: Batch) -> Batch:
        """The chains with the motif's exact atoms and letters."""
        places = [join(one, fixed, self.motif.coordinates) for one, fixed in zip(drawn, layouts, strict=True)]
        assert like.mask is not None  # chains differ in length
        size = like.mask.shape[1]
        letters = np.full((len(places), size), LETTERS_IN_ORDER.index(UNKNOWN))
        oxygens = np.full((len(places), size, 3), np.nan, np.float32)
        for row, (one, fixed) in enumerate(zip(places, layouts, strict=True)):
            there = np.flatnonzero(fixed)
            letters[row, there] = [LETTERS_IN_ORDER.index(letter) for letter in self.motif.sequence]
            oxygens[row, there] = (one[:, 3] - one[:, 1])[there]
        batch = padded_places([one[:, :3] for one in places], size)
        given = {LETTER: torch.from_numpy(letters), OXYGEN: torch.from_numpy(oxygens)}
        return Batch({**batch.fields, **given}, batch.mask, like.condition)


def motif_positions(motif: Motif, item: Backbone) -> str:
    """The residue numbers of each piece in an item, which has the motif's alpha carbons in the same frame."""
    apart = np.linalg.norm(motif.coordinates[:, None, 1] - item.trace, axis=-1)
    rows, stops = apart.argmin(1), np.cumsum(motif.sizes)
    ends = (
        (item.numbers[rows[stop - size]], item.numbers[rows[stop - 1]])
        for size, stop in zip(motif.sizes, stops, strict=True)
    )
    return ",".join(first if first == last else f"{first}-{last}" for first, last in ends)


def motif_correction(
    motif: Float[Tensor, "batch residue 3 3"], fixed: Bool[Tensor, "batch residue"]
) -> Correction:  # fmt: skip
    """The least changes of whitened traces and of N and C after which the fixed residues have the motif's shape.

    motif: N, CA and C of the fixed residues in ångström, in any frame, which is fitted to each estimate.
    """
    count = torch.full(fixed.shape[:1], fixed.shape[1], device=fixed.device)
    walk = walk_matrix(count, fixed.shape[1]).to(motif)
    points, there = motif.flatten(1, 2), fixed.repeat_interleave(3, 1)[..., None]

    def correction(estimate: Fields) -> dict[str, Tensor]:
        trace = walk @ estimate[TRACE]
        places = around_trace(trace, estimate[ATOMS]).flatten(1, 2)
        placed = fitted(points, there, places, reflect=False).unflatten(1, (-1, 3))
        return {
            TRACE: least_change(walk, fixed, placed[:, :, 1] - trace),
            ATOMS: (relative_to_trace(placed) - estimate[ATOMS]) * fixed[..., None],
        }

    return correction


def motif_task(model: SizedDiffusion, settings: TaskSettings) -> MotifTask:
    """Read the motif, and check that designs around it have lengths that the model can draw and that `where` accepts.

    Raises
    ------
    ConfigError, DataError
        With what to change.
    """
    asked, what = length_range(model, settings), "`contigs`" if settings.contigs else "a `scaffold`"
    longest = model.largest if LENGTH in settings.bounds else None
    motif = read_motif(Path(str(settings.scaffold)), settings.contigs, longest)
    lengths = Lengths(motif.free, len(motif), *asked)
    least, most = lengths.possible
    if least > model.largest:
        raise ConfigError(
            f"Expected {what} of at most {model.largest} residues with those around it, the longest chain that the "
            f"model has seen, got at least {least}. Choose fewer by `contigs`."
        )
    if most == len(motif):
        raise ConfigError("Expected `contigs` with free residues to draw, such as '10-40,A163-181,10-40', got none.")
    if lengths.empty:
        raise ConfigError(
            f"Expected {what} and `where` that agree, got designs of {least} to {most} residues and a length of "
            f"{asked}. Change one of them."
        )
    return MotifTask(model, motif, lengths, settings.sampler or SAMPLER)
