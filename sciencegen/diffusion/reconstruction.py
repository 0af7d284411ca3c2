"""Draws of which a linear function is known: reconstruction guidance and replacement, in the null space of the rest.

With H x = y known and H+ the pseudoinverse, d(x) = H+ (y - H x) is the least change of x that makes it agree. At each
noise level the estimate x^(z) is changed twice:

    x1 = x^ + (dx^/dz)^T d(x^) / alpha       Song et al. 2023 (pseudoinverse-guided diffusion, eq. 8, r = sigma)
    x2 = x1 + d(x1)                          Wang et al. 2023 (denoising diffusion null-space model, eq. 13)

The first step moves what is unknown as far as the network connects it to what is known; the second one makes the
known part exact. y may depend on the estimate, so that it can be placed anew at every level.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import Denoiser, Levels, coefficients
from sciencegen.diffusion.state import Fields, State, differentiable

Correction = Callable[[Fields], Fields]
"""Estimates of the state's fields -> d, the least changes after which they agree with what is known."""


def reconstructing(denoise: Denoiser, state: State, correction: Correction, strength: float = 1.0) -> Denoiser:
    """Guide a denoiser so that its estimates agree with what is known.

    strength: factor of the gradient, the first step above; 0 is replacement alone.
    """

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        if not strength:
            return _replaced(denoise(z, log_snr, condition, mask), correction)
        estimate, gradients = _gradients(denoise, state, correction, Batch(z, mask, condition), log_snr)
        scale = {name: strength / coefficients(state, name, log_snr, z[name]).alpha for name in state.fields}
        moved = {name: estimate[name] + scale[name] * gradients[name] for name in state.fields}
        return _replaced(moved, correction)

    return guided


def _replaced(estimate: Fields, correction: Correction) -> Fields:
    """x2 above."""
    change = correction(estimate)
    return {name: value + change[name] for name, value in estimate.items()}


def _gradients(
    denoise: Denoiser, state: State, correction: Correction, z: Batch, log_snr: Levels
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The estimate, and the product of its transposed Jacobian with the correction."""
    with torch.inference_mode(False), torch.enable_grad():
        seen = z.map(differentiable)
        leaves = {name: seen[name].detach().requires_grad_() for name in state.fields}
        found = denoise({**seen.fields, **leaves}, differentiable(log_snr), seen.condition, seen.mask)
        estimate = {name: found[name].detach() for name in state.fields}
        change = correction(estimate)
        outputs, directions = ([values[name] for name in state.fields] for values in (found, change))
        gradients = torch.autograd.grad(outputs, list(leaves.values()), directions)
    return estimate, dict(zip(leaves, gradients, strict=True))


def least_change(
    matrix: Float[Tensor, "batch row column"], where: Bool[Tensor, "batch row"], change: Float[Tensor, "batch row axis"]
) -> Float[Tensor, "batch column axis"]:
    """The least x with (M x)_i = change_i in the rows at `where`: M_w^T (M_w M_w^T)^-1 change_w."""
    both = (where[:, :, None] & where[:, None, :]).to(matrix)
    gram = matrix @ matrix.mT * both + torch.diag_embed((~where).to(matrix))
    return matrix.mT @ torch.linalg.solve(gram, change * where[..., None])
