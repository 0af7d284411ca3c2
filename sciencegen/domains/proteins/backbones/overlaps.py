"""Draws of chains without overlaps: residues that an estimate places closer than those of proteins are moved apart.

Where two parts of a drawn chain come to lie in the same place they stay there: estimates at high noise are means, and
at low noise the network has seen no chain that passes through itself. So estimates are moved, `ROUNDS` times, by

    w <- w - r (C^T / s^2) dE/dc,     E = 1/4 sum_{|i - j| >= 3} (d_A - |a_i - a_j|)_+^2 + (d_B - |b_i - b_j|)_+^2

with whitened coordinates w, positions c = C w (`equivariant.chain`), alpha carbons a, and beta carbons b, which keep
their places relative to them; and by forces toward the centre while the radius of gyration is above the estimate's, so
that parts move into empty places instead of outward. d_A and d_B are distances within which few native residues lie.
C^T makes it a move that the noise could have made: where one residue is pushed, those around it follow, and bonds
hardly change. Both are guiding potentials as in Watson et al. 2023 (RFdiffusion), applied to the estimate itself.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciencegen.diffusion.process import Denoiser, Levels
from sciencegen.diffusion.state import Fields
from sciencegen.domains.proteins.backbones.beta_carbons import beta_carbons
from sciencegen.domains.proteins.backbones.bond_geometry import OVERLAP_SEPARATION
from sciencegen.networks.equivariant.chain import colour, pull_back
from sciencegen.networks.equivariant.graph import centred, exactly
from sciencegen.networks.equivariant.residue_frames import place_along_chain
from sciencegen.networks.equivariant.residues import ATOMS, BOND, CHAIN, TRACE

ALPHA_DISTANCE, BETA_DISTANCE = 4.3, 4.2
"""Ångström: d_A and d_B."""
FIRST_LEVEL = 0.0
"""Log-SNR from which on estimates are moved: those of more noise are means of different folds."""
RATE, ROUNDS = 0.25, 6
CENTRING = 0.5
"""Of the forces toward the centre: the share of the excess over the estimate's radius."""
LONGEST_MOVE = 1.0
"""Ångström: longest move of a residue in one round."""


def without_overlaps(denoise: Denoiser) -> Denoiser:
    """A denoiser whose estimates are moved as above. They hold no gradient of the move."""

    def moved(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise(z, log_snr, condition, mask)
        if float(log_snr.min()) < FIRST_LEVEL:
            return estimate
        trace, atoms = (estimate[name].detach() for name in (TRACE, ATOMS))
        change = exactly(trace_change, trace, atoms, z.get(CHAIN), mask)
        return {**estimate, TRACE: estimate[TRACE] + change}

    return moved


@torch.no_grad()
def trace_change(
    trace: Float[Tensor, "batch residue 3"],
    atoms: Float[Tensor, "batch residue 6"],
    chain: Tensor | None = None,
    mask: Bool[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The change of whitened coordinates that moves overlapping residues apart, zero where there are none.

    Parameters
    ----------
    trace, atoms : tensor
        Alpha carbons in whitened coordinates; N and C relative to them, over `BOND`.
    chain : tensor [batch, residue], optional
        The number of each residue's chain.
    mask : tensor [batch, residue], optional
        False for padding.
    """
    real = torch.ones_like(trace[..., 0], dtype=torch.bool) if mask is None else mask
    count, index = real.sum(1), place_along_chain(trace, chain)
    pairs = real[:, :, None] & real[:, None] & ((index[:, :, None] - index[:, None]).abs() >= OVERLAP_SEPARATION)
    positions, beta = colour(trace, count, chain), beta_carbons(*(BOND * atoms).split(3, -1))
    size = gyration(positions, real)
    total = torch.zeros_like(trace)
    for _ in range(ROUNDS):
        forces = repulsion(positions, pairs, ALPHA_DISTANCE) + repulsion(positions + beta, pairs, BETA_DISTANCE)
        if not forces.any():
            break
        overlapping = forces.flatten(1).any(1)[:, None, None]  # others of the batch stay, as they would alone
        excess = 1 - size / gyration(positions, real)
        forces = forces - overlapping * CENTRING * excess * centred(positions, real)
        step = RATE * pull_back(forces, count, chain) * real[..., None]
        shift = colour(step, count, chain)
        longest = shift.norm(dim=-1).amax(1)[:, None, None]
        shorter = LONGEST_MOVE / longest.clamp(min=LONGEST_MOVE)
        positions, total = positions + shorter * shift, total + shorter * step
    return total


def repulsion(
    points: Float[Tensor, "batch residue 3"], pairs: Bool[Tensor, "batch residue residue"], distance: float
) -> Float[Tensor, "batch residue 3"]:
    """-dE/dr of E = 1/4 sum over ordered pairs of max(0, distance - |r_i - r_j|)^2."""
    apart = points[:, :, None] - points[:, None]
    length = apart.norm(dim=-1).clamp(min=1e-3)
    push = (distance - length).clamp(min=0) * pairs / length
    return (push[..., None] * apart).sum(2)


def gyration(
    points: Float[Tensor, "batch residue 3"], real: Bool[Tensor, "batch residue"]
) -> Float[Tensor, "batch 1 1"]:
    """Radius of gyration."""
    squares = centred(points, real).square().sum((1, 2)) / real.sum(1)
    return squares.sqrt()[:, None, None]
