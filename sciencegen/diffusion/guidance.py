"""Guidance: functions that take a denoiser and return one guided by a condition, an observation or a known part.

Guidance changes the estimate x^ at a given z. The score s and the estimate are related by x^ = (z + sigma^2 s) / alpha,
so every sampler, likelihood and search accepts a guided denoiser like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciencegen.diffusion.process import Denoiser, Levels, coefficients
from sciencegen.diffusion.state import Fields, State, differentiable
from sciencegen.errors import ShapeError

Evidence = Callable[[Fields, Levels, Tensor | None, Tensor | None], Float[Tensor, " batch"]]
"""(z, log_snr, condition, mask) -> log p(y | z) in nats up to a constant, differentiable in z."""


def classifier_free(denoise: Denoiser, weight: float) -> Denoiser:
    """x^ = (1 + w) x^(z, c) - w x^(z). Ho & Salimans 2022, eq. 6, stated there for eps.

    The dropped condition is NaN, as in training. weight 0 is the conditional model; without a condition, guidance has
    no effect.
    """

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        conditional = denoise(z, log_snr, condition, mask)
        if condition is None or weight == 0:
            return conditional
        free = denoise(z, log_snr, torch.full_like(condition, torch.nan), mask)
        return {name: (1 + weight) * conditional[name] - weight * free[name] for name in conditional}

    return guided


def predictor_gradient(denoise: Denoiser, state: State, evidence: Evidence, scale: float = 1.0) -> Denoiser:
    """x^ + scale (sigma^2 / alpha) grad_z log p(y | z). Dhariwal & Nichol 2021, section 4; Song et al. 2021b, eq. 14.

    With the exact log p(y | z) and scale 1 this is the exact denoiser of p(x | y).
    """

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        nested = torch.is_grad_enabled() and all(z[name].requires_grad for name in state.fields)  # for a log density
        with torch.inference_mode(False), torch.enable_grad():
            seen = {name: differentiable(value) for name, value in z.items()}
            leaves = {name: z[name] if nested else seen[name].detach().requires_grad_() for name in state.fields}
            known = [None if value is None else differentiable(value) for value in (condition, mask)]
            total = evidence({**seen, **leaves}, differentiable(log_snr), *known).sum()
            gradients = torch.autograd.grad(
                total, list(leaves.values()), create_graph=nested, allow_unused=True, materialize_grads=True
            )
        estimate = dict(denoise(z, log_snr, condition, mask))
        for name, gradient in zip(leaves, gradients, strict=True):
            at = coefficients(state, name, log_snr, z[name])
            estimate[name] = estimate[name] + scale * at.sigma.square() / at.alpha * gradient
        return estimate

    return guided


def of_estimate(denoise: Denoiser, log_prob: Callable[[Fields], Float[Tensor, " batch"]]) -> Evidence:
    """Approximate log p(y | z) by log p(y | x^(z)), for predictors of clean items. Chung et al. 2023, section 3.

    `log_prob` gets the denoiser's estimates and given fields; the gradient passes through the denoiser.
    """

    def evidence(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Tensor:
        return log_prob({**z, **denoise(z, log_snr, condition, mask)})

    return evidence


def inpainting(
    denoise: Denoiser, known: Fields, where: Mapping[str, Bool[Tensor, "..."]], rigid: Collection[str] = ()
) -> Denoiser:
    """Replace the known entries of the estimate, so that the rest is drawn to fit them.

    known: fields of x. where: True at the entries that are known, broadcastable against the field. Deterministic
    samplers end at the known entries. There z keeps its initial noise, alpha x + sigma eps, so this is the replacement
    method of Song et al. 2021b (appendix I.2) with the same noise at all levels.
    rigid: fields of points [batch position axis] of which only the distances are known. At each level the known points
    are rotated, translated and reflected to fit the estimate best. So the noise decides where they lie, as without
    inpainting; fixed places would conflict with it. This needs a network that is equivariant to these operations.
    """
    for name in where:
        if name not in known:
            raise ShapeError(f"Expected known values of '{name}', got those of {sorted(known)}.")

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = dict(denoise(z, log_snr, condition, mask))
        for name, there in where.items():
            value = fitted(known[name], there, estimate[name]) if name in rigid else known[name]
            estimate[name] = torch.where(there, value, estimate[name])
        return estimate

    return guided


def fitted(
    points: Float[Tensor, "batch position axis"], where: Bool[Tensor, "#batch position 1"],
    places: Float[Tensor, "batch position axis"], reflect: bool = True,
) -> Float[Tensor, "batch position axis"]:  # fmt: skip
    """Points rotated or reflected, and translated, so that those at `where` fit `places` best (least squares).

    With centred points P, Q and P^T Q = U S V^T, it is U V^T. Schönemann 1966 (orthogonal Procrustes problem).
    reflect: whether reflections are allowed; else it is U diag(1, .., det U V^T) V^T. Kabsch 1978. Rows whose places
    aren't finite give points that aren't finite.
    """
    weight = where.to(points)
    count = weight.sum(1, keepdim=True).clamp(min=1)
    centre, target = ((weight * one).sum(1, keepdim=True) / count for one in (points, places))
    covariance = (weight * (points - centre)).mT @ (places - target)
    left, _, right = torch.linalg.svd(covariance.nan_to_num(0.0, 0.0, 0.0))  # it raises for others, for all rows
    if not reflect:
        handed = torch.linalg.det(left @ right).sign()
        left = torch.cat([left[..., :-1], left[..., -1:] * handed[:, None, None]], -1)
    return (points - centre) @ left @ right + target
