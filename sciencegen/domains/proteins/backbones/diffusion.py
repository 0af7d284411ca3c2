"""The diffusion model of backbones: noise that looks like a folded polymer, an SE(3)-equivariant network of residues.

Each chain is the whitened trace of its alpha carbons and the positions of N and C relative to them. Lengths follow the
training chains, or the requested condition `length`, which the network doesn't see: it knows the number of residues.
Conditions that aren't requested follow the training chains too, so that draws have the secondary structure of nature.

Frames of residues with flow matching on SO(3), as in FrameFlow (Yim et al. 2023), were tried in place of N and C. On
equal time neither state drew clearly better chains (`tests/benchmarks/backbone_states.py`). Coordinates are the simpler
one: likelihoods, samplers and guidance are those of any Euclidean field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.objectives import Norms
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field, Fields, State
from sciencegen.diffusion.typical_conditions import TypicalConditions
from sciencegen.domains.proteins.backbones.overlaps import without_overlaps
from sciencegen.domains.proteins.backbones.properties import measure
from sciencegen.domains.proteins.backbones.representation import LENGTH, BackboneRepresentation
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Refusal
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.equivariant.chain import colour, globule_radius
from sciencegen.networks.equivariant.graph import exactly
from sciencegen.networks.equivariant.residues import ATOMS, TRACE, ResidueDenoiser, ResidueNetworkSettings

CONDITIONS = (LENGTH, "helix", "strand", "rg_ratio")
TRAINING = {"batch_size": 12, "learning_rate": 6e-4}
CHECKED_DRAWS = 8
CPU_ROWS = 4
"""More chains at once are slower, since features of pairs leave the processor's cache."""
CONTACT, APART = 7.0, 3
"""Ångström: distance of alpha carbons in contact, at least so many residues apart."""
LOG_SNR_ENDS, SHIFT = (9.0, -9.0), 1.0


@dataclass(frozen=True)
class BackboneDiffusionSettings:
    """network, diffusion: nested settings. placement: weight, from 0 to 1, of errors of positions and contacts in the
    loss (`chain_norms`). condition_bias: by how much draws exceed the values of conditions, such as {rg_ratio: 0.07},
    measured after training; less is asked of the network. excluded_volume: whether residues that overlap are moved
    apart while chains are drawn (`overlaps`)."""

    network: ResidueNetworkSettings = field(default_factory=ResidueNetworkSettings)
    placement: float = 0.6
    condition_bias: Mapping[str, float] = field(default_factory=dict)
    excluded_volume: bool = True
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            prediction="v",
            weighting="edm",
            dropout=ConditionDropout(some=0.5, everything=0.5),
            sampler="ancestral",
            steps=49,
            crowding=1.5,
            step_noise=0.5,
            self_conditioning=0.5,
        )
    )

    def __post_init__(self) -> None:
        if not 0 <= self.placement <= 1:
            raise ConfigError(f"Expected a placement from 0 to 1, got {self.placement}. Choose one between.")
        for name, value in self.condition_bias.items():
            if not np.isfinite(value):
                raise ConfigError(f"Expected a number as condition_bias of '{name}', got {value}. Leave it out.")


def backbone_diffusion(representation: BackboneRepresentation, settings: BackboneDiffusionSettings) -> SizedDiffusion:
    """Build the model of chains up to the longest training chain."""
    columns = [column for column, name in enumerate(representation.properties) if name != LENGTH]
    state = State({TRACE: Field(Euclidean()), ATOMS: Field(Euclidean())})
    longest = int(representation.sizes[-1])
    shapes = {TRACE: (longest, 3), ATOMS: (longest, 6)}
    network = ResidueDenoiser(columns, settings.network, recalls=settings.diffusion.self_conditioning > 0)
    norms = chain_norms(state, settings.placement)
    guide = without_overlaps if settings.excluded_volume else None
    diffusion = DiffusionModel(network, state, Cosine(*LOG_SNR_ENDS, SHIFT), shapes, settings.diffusion, norms, guide)
    return SizedDiffusion(
        diffusion, size_table(representation), typical_conditions(representation, settings.condition_bias)
    )


def chain_norms(state: State, placement: float) -> Norms:
    """Squared errors of a chain, for its trace with a part in real space.

        (1 - p) |w|^2 + p / 2 (sum_i |c_i|^2 + sum_contacts |c_i - c_j|^2) / s^2

    with errors w in whitened coordinates and c = c(w) in ångström, and s the spread of a coordinate in a globule
    (`equivariant.chain`). In w a chain's shape, a sum of them, counts as little as any bond; but a shift of a strand by
    1 Å breaks its hydrogen bonds. Contacts are those of the native chain, as in the auxiliary losses of Yim et al. 2023
    (FrameDiff), each once. They depend on x: the best estimate is a mean weighted by them, not exactly E[x | z].
    """

    def norms(errors: Fields, x: Batch) -> dict[str, Tensor]:
        found = state.squared_norms(errors, x.mask)
        trace = errors[TRACE]
        real = torch.ones_like(trace[..., :1]) if x.mask is None else x.mask[..., None].to(trace)
        placed = exactly(_placed, trace, x[TRACE], real)
        found[TRACE] = (1 - placement) * found[TRACE] + 0.5 * placement * placed
        return found

    return norms


def _placed(
    errors: Float[Tensor, "batch residue 3"],
    whitened: Float[Tensor, "batch residue 3"],
    real: Float[Tensor, "batch residue 1"],
) -> Float[Tensor, " batch"]:
    """Squared errors of positions, and of differences between contacts, over the variance of a position."""
    count = real.sum((1, 2)).long()
    moved, native = (colour(values * real, count) * real for values in (errors, whitened))
    index = torch.arange(native.shape[1], device=native.device)
    contact = torch.cdist(native, native) < CONTACT
    contact = contact & (index - index[:, None] >= APART) & (real * real.mT > 0)
    differences = (moved[:, None] - moved[:, :, None]).square().sum(-1)
    squares = moved.square().sum((1, 2)) + (differences * contact).sum((1, 2))
    return 3 * squares / globule_radius(count).square().to(squares)


def size_table(representation: BackboneRepresentation) -> SizeTable:
    """Distribution of the number of residues, with the properties' moments at each number."""
    parts = (representation.sizes, representation.counts, representation.size_mean, representation.size_std)
    return SizeTable(*map(torch.from_numpy, parts))


def typical_conditions(
    representation: BackboneRepresentation, bias: Mapping[str, float] | None = None
) -> TypicalConditions:
    """Shares of helix and strand, and so on, of training chains: unconditional models draw too few strands.

    Raises
    ------
    UnknownNameError
        If a bias is that of no condition.
    """
    known, lengths, names = representation.known, representation.lengths, list(representation.properties)
    off, seen = np.zeros(len(names)), [name for name in names if name != LENGTH]
    for name, value in (bias or {}).items():
        if name not in seen:
            raise unknown_name("condition that the network sees", name, seen)
        off[names.index(name)] = value / representation.standardization.std[names.index(name)]
    parts = torch.from_numpy(known).float(), torch.from_numpy(lengths)
    return TypicalConditions(*parts, torch.from_numpy(off).float() if bias else None)


def check(
    model: SizedDiffusion, representation: BackboneRepresentation, known: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Of draws without requested conditions: shares that are well formed, and mean shares of helix and strand."""
    noise = torch.randn(CHECKED_DRAWS, model.latent_size, generator=torch.Generator().manual_seed(0))
    batch = model.generate(noise)
    decoded = representation.decode(batch)
    items = [item for item in decoded if not isinstance(item, Refusal)]
    figures = {"well_formed": float(representation.well_formed(batch, decoded).mean())}
    if items:
        figures |= dict(zip(("helix", "strand"), measure(items, ("helix", "strand")).mean(0).tolist(), strict=True))
    return figures
