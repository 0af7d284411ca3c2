"""Generates molecules in three dimensions: a joint diffusion of positions, atom types, charges and bonds.

Hoogeboom et al. 2022 (EDM), with bonds as a separate field (Vignac et al. 2023, MiDi). Classes are one-hot vectors
with continuous noise. A sample counts as well formed if its coordinates imply its bonds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.diffusion.spaces import Categorical, Euclidean, ZeroCentre
from sciencegen.diffusion.state import Field, State
from sciencegen.domains.molecules.conformers import LOG_SNR_ENDS, POSITION_SCALE
from sciencegen.domains.molecules.geometry import BOND_TYPES, Geometry
from sciencegen.domains.molecules.geometry_representation import GeometryRepresentation
from sciencegen.domains.molecules.stability import stability_figures
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.equivariant.denoiser import EquivariantDenoiser, FieldShape
from sciencegen.networks.equivariant.pairs import PairNetworkSettings

CHECKED_DRAWS = 256


@dataclass(frozen=True)
class JointSettings:
    """network, diffusion: nested settings; the sampler adds noise in each step, which corrects earlier errors (it calls
    the network twice a step). log_snr_shift: of the cosine schedule. class_shift: shift of the log-SNR of types,
    charges and bonds relative to positions; below 0 they are denoised later."""

    network: PairNetworkSettings = field(default_factory=PairNetworkSettings)
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            prediction="x",
            weighting="edm",
            dropout=ConditionDropout(some=0.9, everything=0.1, few=0.5),
            sampler="churn",
            steps=24,
            last_time=0.02,
            crowding=1.2,
        )
    )
    log_snr_shift: float = 1.0
    class_shift: float = -2.0


def joint(representation: GeometryRepresentation, settings: JointSettings) -> SizedDiffusion:
    """Build a joint diffusion of positions in ångström, atom types, charges and bonds."""
    types, bonds, largest = len(representation.elements), len(BOND_TYPES), max(representation.sizes)
    fields = {
        "types": FieldShape(types, categorical=True),
        "charges": FieldShape(1),
        "bonds": FieldShape(bonds, pairs=True, categorical=True),
    }
    conditions = len(representation.properties)
    network = EquivariantDenoiser(fields, conditions, settings.network, POSITION_SCALE)
    state = State(
        {
            "positions": Field(ZeroCentre()),
            "types": Field(Categorical(types), settings.class_shift),
            "charges": Field(Euclidean(), settings.class_shift),
            "bonds": Field(Categorical(bonds), settings.class_shift, positions=2),
        }
    )
    shapes = {
        "positions": (largest, 3),
        "types": (largest, types),
        "charges": (largest, 1),
        "bonds": (largest, largest, bonds),
    }
    schedule = Cosine(*LOG_SNR_ENDS, settings.log_snr_shift)
    diffusion = DiffusionModel(network, state, schedule, shapes, settings.diffusion)
    return SizedDiffusion(diffusion, size_table(representation))


def size_table(representation: GeometryRepresentation) -> SizeTable:
    """Distribution of the number of atoms in the training molecules, with the properties' moments at each number."""
    return SizeTable(
        torch.tensor(list(representation.sizes)),
        torch.tensor(list(representation.sizes.values()), dtype=torch.float64),
        torch.from_numpy(representation.size_mean),
        torch.from_numpy(representation.size_std),
    )


def check(model: SizedDiffusion, representation: GeometryRepresentation, known: Sequence[Geometry]) -> dict[str, float]:
    """With unconditional samples: the shares of stable atoms and molecules (if the tables have all elements), and of
    molecules whose coordinates imply their bonds."""
    generator = torch.Generator().manual_seed(0)
    batch = model.generate(torch.randn(CHECKED_DRAWS, model.latent_size, generator=generator))
    well_formed = float(np.mean(representation.well_formed(batch, representation.decode(batch))))
    stable = stability_figures(representation.elements.tolist(), representation.geometries(batch))
    return {"well_formed": well_formed, **stable}
