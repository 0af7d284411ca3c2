"""Recipes of crystals: a joint diffusion of fractional coordinates, elements and the cell.

As in DiffCSP (Jiao et al. 2023) and MatterGen (Zeni et al. 2025), atoms diffuse on the torus of fractional coordinates
(`diffusion.spaces.Torus`), with the symmetry of a known crystal (`symmetry`). Elements are one-hot vectors of these and
of their columns of the periodic table (`diffusion.spaces.GroupedCategories`), the cell is the logarithm of its metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings, TypicalConditions
from sciencegen.diffusion.schedules import noise_schedule
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.diffusion.spaces import OrbitState, Torus
from sciencegen.diffusion.state import Euclidean, Field, Fields, State
from sciencegen.domains.crystals import representation
from sciencegen.domains.crystals.elements import reduced_formula
from sciencegen.domains.crystals.geometry import average_distances, shortest_distance
from sciencegen.domains.crystals.items import Crystal
from sciencegen.domains.crystals.representation import CrystalRepresentation
from sciencegen.domains.crystals.symmetry import CrystalDiffusion
from sciencegen.domains.crystals.tasks import TASKS
from sciencegen.domains.recipes import Adaptation, Recipe
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.latent.diffusion_vae import DiffusionVAE, DiffusionVAESettings
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.crystals import CELL, PLACES, TYPES, CrystalDenoiser, CrystalEncoder, CrystalNetworkSettings

LOG_SNR_ENDS = 7.5, -5.0
PLACE_SHIFT = 5.5
"""Noise of 1/1000 to 3/4 of the cell."""
TYPE_SHIFT = 2.0
FREE = 0.2
"""Share of the training crystals whose noise has no symmetry, as variations and kept atoms have none."""
UNBALANCED = 0.1
"""As many draws are balanced by it as structures of the Materials Project: 90%."""
CONDITIONS = ("atoms", "elements", "volume_per_atom", "space_group")
CHECKED_DRAWS = 256


@dataclass(frozen=True)
class CrystalDiffusionSettings:
    """network, diffusion: nested settings. place_shift, type_shift: of the log-SNR of fractional coordinates and of
    elements. place_weight, type_weight: of their errors in the loss. unbalanced: weight, in draws, of compositions that
    no charges balance (1: that of the others)."""

    network: CrystalNetworkSettings = field(default_factory=CrystalNetworkSettings)
    place_shift: float = PLACE_SHIFT
    type_shift: float = TYPE_SHIFT
    place_weight: float = 1.0
    type_weight: float = 1.0
    unbalanced: float = UNBALANCED
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            prediction="x",
            weighting="edm",
            dropout=ConditionDropout(some=0.5, everything=0.2),
            sampler="ancestral",
            steps=50,
            self_conditioning=0.5,
        )
    )


def crystal_diffusion(
    representation: CrystalRepresentation, settings: CrystalDiffusionSettings, latent: int = 0
) -> SizedDiffusion:
    """Build a joint diffusion of fractional coordinates, elements and the cell. latent: size of a code that its network
    reads behind the condition."""
    kinds, largest = representation.kinds, max(representation.sizes)
    elements = kinds.vectors()
    shifts = {PLACES: settings.place_shift, TYPES: settings.type_shift}
    network = CrystalDenoiser(
        elements, len(representation.properties), shifts, latent, representation.cell, settings.network
    )
    fields = {
        PLACES: Field(Torus(), settings.place_shift),
        TYPES: Field(kinds, settings.type_shift),
        CELL: Field(Euclidean(), positions=0),
    }
    state = State(fields) if latent else OrbitState(fields, FREE)
    shapes = {PLACES: (largest, 3), TYPES: (largest, elements.shape[1]), CELL: (6,)}
    weights = {PLACES: settings.place_weight, TYPES: settings.type_weight, CELL: 1.0}

    def norms(errors: Fields, x: Batch) -> dict[str, torch.Tensor]:
        return {name: weights[name] * value for name, value in state.squared_norms(errors, x.mask).items()}

    schedule = noise_schedule(settings.diffusion.schedule or "cosine", *LOG_SNR_ENDS)
    diffusion = DiffusionModel(network, state, schedule, shapes, settings.diffusion, norms)
    table = SizeTable(
        torch.tensor(list(representation.sizes)),
        torch.tensor(list(representation.sizes.values()), dtype=torch.float64),
        torch.from_numpy(representation.size_mean),
        torch.from_numpy(representation.size_std),
    )
    if latent:
        return SizedDiffusion(diffusion, table)
    known = TypicalConditions(torch.from_numpy(representation.known).float(), torch.from_numpy(representation.counts))
    return CrystalDiffusion(
        diffusion, table, known, representation.symmetries, representation.elements, settings.unbalanced
    )


def adapted(
    model: SizedDiffusion, old: CrystalRepresentation, new: CrystalRepresentation,
    settings: CrystalDiffusionSettings, seed: int,
) -> SizedDiffusion:  # fmt: skip
    """The model for the crystals of `new`, with the weights of `model`.

    Raises
    ------
    ConfigError
        If another network is asked for.
    """
    built, known = crystal_diffusion(new, settings), model.state_dict()
    if {name: value.shape for name, value in built.state_dict().items()} != {k: v.shape for k, v in known.items()}:
        raise ConfigError("Expected a `network` of the sizes of the one that is fine-tuned, got another. Leave it out.")
    built.load_state_dict(known)
    return built


@dataclass(frozen=True)
class CrystalVAESettings:
    """vae, encoder: nested settings. decoder: those of the diffusion, whose own dropout of conditions is not used."""

    vae: DiffusionVAESettings = field(default_factory=DiffusionVAESettings)
    encoder: CrystalNetworkSettings = field(default_factory=lambda: CrystalNetworkSettings(layers=3))
    decoder: CrystalDiffusionSettings = field(
        default_factory=lambda: CrystalDiffusionSettings(network=CrystalNetworkSettings(context=128))
    )


def crystal_vae(representation: CrystalRepresentation, settings: CrystalVAESettings) -> DiffusionVAE:
    """Build a VAE whose decoder is a diffusion of crystals."""
    s = settings.vae
    without_dropout = replace(settings.decoder.diffusion, dropout=ConditionDropout())
    decoder = crystal_diffusion(representation, replace(settings.decoder, diffusion=without_dropout), s.latent)
    encoder = CrystalEncoder(representation.kinds.vectors().shape[1], s.latent, representation.cell, settings.encoder)
    return DiffusionVAE(encoder, decoder, len(representation.properties), s)


def reconstruction_figures(
    model: DiffusionVAE, representation: CrystalRepresentation, known: Sequence[Crystal]
) -> Mapping[str, float]:
    """Of decoded codes of held-out crystals: the share with the same formula, with a mean difference of average minimum
    distances within 0.1 Å beside it, and with atoms 0.5 Å or more apart."""
    known = list(known[:CHECKED_DRAWS])
    back = representation.decode(model.decode(model.encode(representation.batch(known))))
    pairs = [(one, other) for one, other in zip(known, back, strict=True) if isinstance(other, Crystal)]
    alike = [reduced_formula(one) == reduced_formula(other) for one, other in pairs]
    near = [float(np.abs(average_distances(one) - average_distances(other)).mean()) < 0.1 for one, other in pairs]
    both = [one and other for one, other in zip(alike, near, strict=True)]
    sound = [shortest_distance(other) >= 0.5 for _, other in pairs]
    count = len(known)
    return {"same_formula": sum(alike) / count, "reconstructed": sum(both) / count, "valid": sum(sound) / count}


def figures(
    model: SizedDiffusion, representation: CrystalRepresentation, known: Sequence[Crystal]
) -> Mapping[str, float]:
    """The share of draws whose atoms are 0.5 Å or more apart."""
    generator = torch.Generator().manual_seed(0)
    drawn = representation.decode(model.generate(torch.randn(CHECKED_DRAWS, model.latent_size, generator=generator)))
    sound = [not isinstance(one, Refusal) and shortest_distance(one) >= 0.5 for one in drawn]
    return {"valid": float(np.mean(sound))}


RECIPES = {
    "crystal-diffusion": Recipe(
        name="crystal-diffusion",
        fit=representation.fit,
        load_representation=representation.load,
        build=crystal_diffusion,
        settings=CrystalDiffusionSettings,
        conditions=CONDITIONS,
        training={"batch_size": 64, "learning_rate": 1.5e-3},
        one_thread=True,
        tasks=TASKS,
        adaptation=Adaptation(adapt_representation=representation.adapt, adapt=adapted, fewest=1),
        description="Diffusion of fractional coordinates, elements and the cell together; an equivariant network.",
        check=figures,
    ),
    "crystal-vae": Recipe(
        name="crystal-vae",
        fit=representation.fit,
        load_representation=representation.load,
        build=crystal_vae,
        settings=CrystalVAESettings,
        conditions=CONDITIONS,
        training={"batch_size": 64, "learning_rate": 1.2e-3},
        one_thread=True,
        description="VAE with a latent for each crystal, decoded by a diffusion; for searches and paths.",
        check=reconstruction_figures,
    ),
}
