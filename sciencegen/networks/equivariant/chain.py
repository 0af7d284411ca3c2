"""Coordinates along a chain as a linear map of standard normal numbers, so that noise looks like a folded polymer.

White noise tears a chain apart: its neighbours lie as far from each other as any two residues. Here positions are a
mean-reverting walk (Ingraham et al. 2023, Chroma, supplementary section on globular covariance),

    c_1 = s w_1,     c_i = b c_{i-1} + a w_i,     a = 3.8 / sqrt 3,     b^2 = 1 - a^2 / s^2,     s = R(N) / sqrt 3

of steps with the length between two alpha carbons and of the spread of a globule, R(N) = 2.2 N^0.38 angstrom (Skolnick
et al. 1997). A diffusion of w with white noise is one of c with this covariance, and a rotation of c is one of w.

Where several chains make an assembly, each chain starts anew as the first one, with the spread of the whole.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

STEP = 3.8
"""Ångström between the alpha carbons of neighbouring residues."""


def globule_radius(count: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Radius of gyration of a folded chain of `count` residues, in ångström."""
    return 2.2 * count.to(torch.get_default_dtype()) ** 0.38


def _walk(
    count: Int[Tensor, " batch"], like: Tensor
) -> tuple[Float[Tensor, "batch 1 1"], Float[Tensor, "batch 1 1"], float]:
    """Factors s, b and a, for each item. `like` gives type and device."""
    radius = globule_radius(count).clamp(min=1.01 * STEP)
    spread, keep = radius / 3**0.5, (1 - (STEP / radius).square()).sqrt()
    return spread[:, None, None].to(like), keep[:, None, None].to(like), STEP / 3**0.5


def _starts(chain: Int[Tensor, "batch residue"]) -> Bool[Tensor, "batch residue 1"]:
    """Which residues are the first of a chain."""
    changes = chain[:, 1:] != chain[:, :-1]
    return torch.cat([torch.ones_like(changes[:, :1]), changes], 1)[..., None]


def _decay(keep: Float[Tensor, "batch 1 1"], residues: int) -> Float[Tensor, "batch residue residue"]:
    """b^(i-k) of residues i and k, 0 for k > i."""
    index = torch.arange(residues, device=keep.device)
    return (keep ** (index[:, None] - index).clamp(min=0)).tril()


def whiten(
    positions: Float[Tensor, "batch residue 3"],
    count: Int[Tensor, " batch"],
    chain: Int[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The numbers w of positions c in ångström. chain: number of each residue's chain; None: there is one chain."""
    spread, keep, step = _walk(count, positions)
    following = (positions[:, 1:] - keep * positions[:, :-1]) / step
    numbers = torch.cat([positions[:, :1] / spread, following], 1)
    return numbers if chain is None else torch.where(_starts(chain), positions / spread, numbers)


def colour(
    numbers: Float[Tensor, "batch residue 3"],
    count: Int[Tensor, " batch"],
    chain: Int[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The positions c of numbers w, the inverse of `whiten`: c_i = s b^(i-1) w_1 + sum_k a b^(i-k) w_k."""
    decay, scale = _factors(numbers, count, chain)
    return decay @ (scale * numbers)


def pull_back(
    forces: Float[Tensor, "batch residue 3"],
    count: Int[Tensor, " batch"],
    chain: Int[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The transpose of `colour`, over the variance s^2 of a position: forces on positions as those on numbers.

    If the numbers move by them, positions move by the noise's covariance times the forces: where one residue is pulled,
    those around it follow, and bonds hardly change.
    """
    decay, scale = _factors(forces, count, chain)
    return scale * (decay.mT @ forces) / _walk(count, forces)[0].square()


def _factors(
    like: Float[Tensor, "batch residue 3"], count: Int[Tensor, " batch"], chain: Int[Tensor, "batch residue"] | None
) -> tuple[Float[Tensor, "batch residue residue"], Float[Tensor, "batch residue 1"]]:
    """The two factors of `colour`: b^(i-k) within each chain, and s where a chain starts or a elsewhere."""
    spread, keep, step = _walk(count, like)
    decay = _decay(keep, like.shape[1])
    if chain is None:
        first = torch.arange(like.shape[1], device=like.device)[None, :, None] == 0
    else:
        first, decay = _starts(chain), decay * (chain[:, :, None] == chain[:, None, :])
    return decay, torch.where(first, spread, step)


def walk_matrix(count: Int[Tensor, " batch"], residues: int) -> Float[Tensor, "batch residue residue"]:
    """The matrix of `colour`: positions of one chain are its product with the numbers."""
    spread, keep, step = _walk(count, torch.empty(0, device=count.device))
    decay = _decay(keep, residues)
    return torch.cat([decay[:, :, :1] * spread, decay[:, :, 1:] * step], 2)
