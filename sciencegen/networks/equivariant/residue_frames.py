"""Frames of residues, and what a residue sees from its own: its atoms, and its neighbours along the chain."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

LARGEST_SEPARATION = 32
"""Residues farther apart along the chain, or of different chains, look equally far."""
LENGTH_UNIT = 10.0
"""Ångström: the unit in which the network sees coordinates."""


class Frames(NamedTuple):
    """Positions of the alpha carbons in ångström, rotations from each residue's frame (columns are its axes), and the
    positions of N and C relative to CA."""

    positions: Float[Tensor, "batch residue 3"]
    rotations: Float[Tensor, "batch residue 3 3"]
    atoms: Float[Tensor, "batch residue 2 3"]


def frames(positions: Float[Tensor, "batch residue 3"], atoms: Float[Tensor, "batch residue 2 3"]) -> Frames:
    """Right-handed frames by orthogonalization: the first axis to C, the second toward N."""
    nitrogen, carbon = atoms.unbind(2)
    first = functional.normalize(carbon, dim=-1, eps=1e-6)
    second = functional.normalize(nitrogen - (nitrogen * first).sum(-1, keepdim=True) * first, dim=-1, eps=1e-6)
    rotations = torch.stack([first, second, torch.linalg.cross(first, second)], -1)
    return Frames(positions, rotations, atoms)


def place_along_chain(
    like: Float[Tensor, "batch residue 3"], chain: Int[Tensor, "batch residue"] | None
) -> Int[Tensor, "_ residue"]:
    """The number of each residue, with a jump of more than `LARGEST_SEPARATION` from each chain to the next."""
    index = torch.arange(like.shape[1], device=like.device)[None]
    return index if chain is None else index + 2 * LARGEST_SEPARATION * chain


NEAR = (-2, -1, 1, 2)
LOCAL_FEATURES = 6 + 3 * len(NEAR) + 2


def local_features(
    positions: Float[Tensor, "batch residue 3"],
    rotations: Float[Tensor, "batch residue 3 3"],
    atoms: Float[Tensor, "batch residue 2 3"],
    real: Float[Tensor, "batch residue 1"],
    index: Int[Tensor, "_ residue"],
) -> Float[Tensor, "batch residue feature"]:
    """N and C, and the alpha carbons of the next residues along the chain, in each residue's frame; and which of the
    chain's ends is at the residue."""
    seen = [torch.einsum("brxy,brvx->brvy", rotations, atoms).flatten(2)]
    near = {offset: _joined(real, index, offset) for offset in NEAR}
    for offset, there in near.items():
        shifted = torch.roll(positions, -offset, 1)
        seen.append(torch.einsum("brxy,brx->bry", rotations, (shifted - positions) / LENGTH_UNIT) * there)
    return torch.cat([*seen, 1 - near[-1], 1 - near[1]], -1)


def _joined(real: Tensor, index: Tensor, offset: int) -> Float[Tensor, "batch residue 1"]:
    """1 where the residue at this offset exists and is of the same chain, else 0."""
    count, far = index.shape[1], 4 * LARGEST_SEPARATION
    there = functional.pad(real, (0, 0, 2, 2))[:, 2 + offset : 2 + count + offset]
    number = functional.pad(index, (2, 2), value=-far)[:, 2 + offset : 2 + count + offset]
    return there * (number - index == offset)[..., None]
