"""Coordinates for a given molecule: a diffusion over positions, conditioned on atoms and bonds.

Hoogeboom et al. 2022 (EDM) noise positions and types together; here the graph is not noised, so that valences are
right by construction (Xu et al. 2022, GeoDiff), and the network is `networks.equivariant`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from rdkit import Chem

from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.spaces import ZeroCentre
from sciencegen.diffusion.state import Field, State
from sciencegen.domains.molecules.geometry import BOND_TYPES, Geometry, with_implicit_hydrogens
from sciencegen.domains.molecules.geometry_representation import GeometryRepresentation
from sciencegen.domains.molecules.stability import stability_figures
from sciencegen.items import Refusal
from sciencegen.networks.equivariant.denoiser import EquivariantDenoiser, FieldShape
from sciencegen.networks.equivariant.pairs import PairNetworkSettings

POSITION_SCALE = 1.5
"""Ångström: the standard deviation of a coordinate of small organic molecules about their centre."""
LOG_SNR_ENDS = 9.0, -6.0
"""Noise of 0.01 Å, and of 20 times the data's scale: other levels don't help training and cost sampling steps."""
CHECK_ROWS = 64


@dataclass(frozen=True)
class ConformerSettings:
    """network, diffusion: nested settings. log_snr_shift: of the cosine schedule; at log-SNR 7 the noise is 0.03 Å,
    about the difference between a double bond and a single one, and the sampler stops at a slightly higher one."""

    network: PairNetworkSettings = field(default_factory=PairNetworkSettings)
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            prediction="x", weighting="edm", sampler="dpm-solver", steps=16, last_time=0.015, crowding=1.5
        )
    )
    log_snr_shift: float = 1.0


def conformers(representation: GeometryRepresentation, settings: ConformerSettings) -> DiffusionModel:
    """Build a diffusion of positions in ångström; types, charges and bonds are inputs without noise."""
    fields = {
        "types": FieldShape(len(representation.elements), noised=False),
        "charges": FieldShape(1, noised=False),
        "bonds": FieldShape(len(BOND_TYPES), pairs=True, noised=False),
    }
    network = EquivariantDenoiser(fields, 0, settings.network, POSITION_SCALE)
    state, schedule = State({"positions": Field(ZeroCentre())}), Cosine(*LOG_SNR_ENDS, settings.log_snr_shift)
    return DiffusionModel(network, state, schedule, {"positions": (max(representation.sizes), 3)}, settings.diffusion)


def check(model: DiffusionModel, representation: GeometryRepresentation, known: Sequence[Geometry]) -> dict[str, float]:
    """With one sample for each known graph: the shares of stable atoms and molecules (if the tables have all elements),
    and of molecules whose coordinates imply the given bonds."""
    made, right = [], []
    for start in range(0, len(known), CHECK_ROWS):
        batch = representation.batch(known[start : start + CHECK_ROWS])
        generator = torch.Generator().manual_seed(start)
        drawn = model.complete(batch, model.state.noise(batch, generator))
        made += representation.geometries(drawn)
        for molecule in representation.decode(drawn):
            right.append(not isinstance(molecule, Refusal) and _confirmed(representation, molecule))
    return {"right_bonds": float(np.mean(right)), **stability_figures(representation.elements.tolist(), made)}


def _confirmed(representation: GeometryRepresentation, molecule: Chem.Mol) -> bool:
    flat = with_implicit_hydrogens(molecule)
    Chem.RemoveStereochemistry(flat)
    return not isinstance(representation.confirmed(flat, molecule), Refusal)
