"""Items made of symmetric copies of one unit, drawn by symmetrized noise and estimates.

The unit's noise is turned by each operation of a group of rotations, the denoiser sees all copies together, and its
estimates, turned back, are averaged: the symmetric whole that is nearest to the estimate. Every sampler keeps the
symmetry exactly, because it draws the unit alone. Watson et al. 2023 (RFdiffusion, symmetric noise).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.diffusion.process import Denoiser, Levels
from sciencegen.diffusion.state import Fields, State


def copies(
    vectors: Float[Tensor, "batch position axis"], rotations: Float[Tensor, "copy 3 3"]
) -> Float[Tensor, "batch copies axis"]:
    """All copies after each other. The last dimension has one or more vectors of three numbers each."""
    turned = torch.einsum("cxy,bpvy->bcpvx", rotations.to(vectors), vectors.unflatten(-1, (-1, 3)))
    return turned.flatten(3).flatten(1, 2)


def mean_unit(
    vectors: Float[Tensor, "batch copies axis"], rotations: Float[Tensor, "copy 3 3"]
) -> Float[Tensor, "batch position axis"]:
    """The mean of all copies, each turned back; the inverse of `copies`."""
    parts = vectors.unflatten(-1, (-1, 3)).unflatten(1, (len(rotations), -1))
    return torch.einsum("cxy,bcpvx->bpvy", rotations.to(vectors), parts).flatten(2) / len(rotations)


def symmetrized(denoise: Denoiser, state: State, rotations: Float[Tensor, "copy 3 3"], name: str) -> Denoiser:
    """A denoiser of the unit, by one of all copies. Every field of the state has vectors at positions; `name` is the
    given field [batch position] in which the denoiser finds the number of each position's copy."""

    def unit(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        count = len(rotations)
        every = {field: copies(z[field], rotations) for field in state.fields}
        first = next(iter(every.values()))
        number = torch.arange(count, device=first.device).repeat_interleave(first.shape[1] // count)
        given = {name: number.expand(len(first), -1)}
        whole = None if mask is None else mask.repeat(1, count)
        estimate = denoise({**z, **every, **given}, log_snr, condition, whole)
        return {field: mean_unit(estimate[field], rotations) for field in state.fields}

    return unit
