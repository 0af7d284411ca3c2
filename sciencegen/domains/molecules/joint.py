"""Molecules in three dimensions from nothing: positions, atom types, charges and bonds are noised together.

Hoogeboom et al. 2022 (EDM), with bonds as a field of their own (Vignac et al. 2023, MiDi). Classes are one-hot vectors
in continuous noise. What is drawn counts as well formed where its bonds are those that its coordinates imply.
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
    """network, diffusion: their own settings; fresh noise on the way mends what went wrong before (two evaluations of
    the network a step). log_snr_shift: of the cosine schedule. class_shift: of the log-SNR of types, charges and bonds,
    beside the positions'; below 0 they are decided later."""

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
    """Positions in ångström; what an atom is and what bonds it has are decided beside them."""
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
    """How many atoms the training molecules have, with the properties' mean and deviation at each number."""
    return SizeTable(
        torch.tensor(list(representation.sizes)),
        torch.tensor(list(representation.sizes.values()), dtype=torch.float64),
        torch.from_numpy(representation.size_mean),
        torch.from_numpy(representation.size_std),
    )


def check(model: SizedDiffusion, representation: GeometryRepresentation, known: Sequence[Geometry]) -> dict[str, float]:
    """Of free draws: the shares of stable atoms and molecules (where the tables have the elements), and of molecules
    whose bonds are those of their coordinates."""
    generator = torch.Generator().manual_seed(0)
    batch = model.generate(torch.randn(CHECKED_DRAWS, model.latent_size, generator=generator))
    well_formed = float(np.mean(representation.well_formed(batch, representation.decode(batch))))
    stable = stability_figures(representation.elements.tolist(), representation.geometries(batch))
    return {"well_formed": well_formed, **stable}
