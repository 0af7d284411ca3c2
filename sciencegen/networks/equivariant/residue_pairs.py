"""Geometry of pairs of residues: what one sees of another from its own frame, and pulls between them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

FINE = (3.0, 10.5)
"""Ångström: where distances are also seen at a finer scale, that of hydrogen bonds between strands."""


def pair_features(radial: int) -> int:
    """Number of features of `seen_pairs`."""
    return 2 * radial + 15


def seen_pairs(
    positions: Float[Tensor, "batch residue 3"],
    rotations: Float[Tensor, "batch residue 3 3"],
    radial: int,
    reach: float,
) -> Float[Tensor, "batch residue residue feature"]:
    """Distance, directions both ways and relative orientation of each pair, from the frames of both."""
    differences = positions[:, None] - positions[:, :, None]  # from i to j
    distances = differences.square().sum(-1, keepdim=True).add(1e-4).sqrt()
    towards = torch.einsum("bixy,bijx->bijy", rotations, differences / distances)
    back = torch.einsum("bjxy,bijx->bijy", rotations, -differences / distances)
    turned = torch.einsum("bixy,bjxz->bijyz", rotations, rotations).flatten(3)
    coarse = gaussians_between(distances, 0.0, reach, radial)
    return torch.cat([coarse, towards, back, turned, gaussians_between(distances, *FINE, radial)], -1)


def gaussians_between(
    distances: Float[Tensor, "batch residue residue 1"], first: float, last: float, count: int
) -> Float[Tensor, "batch residue residue radial"]:
    """Gaussians of the distance to `count` evenly spaced ones, as wide as their spacing."""
    centres = torch.linspace(first, last, count, device=distances.device, dtype=distances.dtype)
    return torch.exp(-((distances - centres) * (count / (last - first))).square())


def pulled_by(
    positions: Float[Tensor, "batch residue 3"],
    far: Float[Tensor, "batch residue residue"],
    near: Float[Tensor, "batch residue residue"],
    mask: Bool[Tensor, "batch residue"],
) -> tuple[Float[Tensor, "batch residue 3"], Float[Tensor, "batch residue 3"]]:
    """sum_j far_ij (x_j - x_i) / N, and sum_j near_ij (x_j - x_i) / (1 + d_ij), which is bounded at any distance d: a
    force between neighbours in space."""
    real = mask[:, None].to(positions)
    distances = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")  # products lose digits

    def toward(weight: Tensor) -> Tensor:
        return weight @ positions - weight.sum(2, keepdim=True) * positions

    mean, force = real / real.sum(2, keepdim=True), real / (1 + distances)
    return toward(far.to(positions) * mean), toward(near.to(positions) * force)
