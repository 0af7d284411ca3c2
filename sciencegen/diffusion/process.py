"""The diffusion process: q(z_t | x), q(z_s | z_t, x), and conversions between the quantities a network may predict.

Variance preserving throughout: alpha^2 = sigmoid(log_snr), sigma^2 = sigmoid(-log_snr). Kingma et al. 2021, section 3.
Other processes differ only by a rescaling of z (ibid., section 5.1). t is noisier than s, log_snr_t < log_snr_s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.state import Field, Fields, State, rows, with_fields
from sciencegen.errors import ShapeError, unknown_name

Levels = Float[Tensor, " batch"]
"""A log-SNR for each item."""


@runtime_checkable
class Denoiser(Protocol):
    """E[x | z] of every field of the state, from noisy z (and given fields) at a log-SNR for each item.

    condition: [batch property], NaN where not given. mask: [batch position], False for padding.
    """

    def __call__(self, z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields: ...


def alpha(log_snr: Tensor) -> Tensor:
    """Scale of the data in z = alpha x + sigma eps; alpha^2 = sigmoid(log_snr)."""
    return torch.sigmoid(log_snr).sqrt()


def sigma(log_snr: Tensor) -> Tensor:
    """Scale of the noise in z = alpha x + sigma eps; sigma^2 = sigmoid(-log_snr)."""
    return torch.sigmoid(-log_snr).sqrt()


@dataclass(frozen=True)
class Coefficients:
    """alpha and sigma of one field, broadcastable against it, from the process's log-SNR."""

    alpha: Tensor
    sigma: Tensor


def coefficients(state: State, name: str, log_snr: Levels, like: Tensor) -> Coefficients:
    """Coefficients of one field, whose log-SNR is the process's plus its own shift; they broadcast against `like`."""
    own = rows(log_snr + state.fields[name].log_snr_shift, like)
    return Coefficients(alpha(own), sigma(own))


def levels(log_snr: Tensor, like: Batch) -> Levels:
    """One number as the log-SNR of every item."""
    return log_snr.expand(len(like))


def predict(denoise: Denoiser, state: State, z: Batch, log_snr: Levels) -> dict[str, Tensor]:
    """The denoiser's estimate of x, checked and projected to the state's spaces. Call denoisers through this."""
    state.check(z.fields, z.mask)
    estimate = denoise(z.fields, log_snr, z.condition, z.mask)
    state.check(estimate, z.mask, "denoiser's estimate")
    for name in state.fields:
        if estimate[name].shape != z[name].shape:
            raise ShapeError(
                f"Expected the denoiser to return '{name}' of shape {list(z[name].shape)}, "
                f"got {list(estimate[name].shape)}."
            )
    return state.project(estimate, z.mask)


def target(state: State, x: Batch, z: Batch, log_snr: Levels) -> dict[str, Tensor]:
    """What the estimates of x from z are compared with in a loss, by the field's space."""

    def of(name: str, field: Field) -> Tensor:
        own = log_snr + field.log_snr_shift
        y = z[name] / coefficients(state, name, log_snr, z[name]).alpha
        return field.space.target(x[name], y, own, field.real(x[name], x.mask))

    return {name: of(name, field) for name, field in state.fields.items()}


def diffuse(state: State, x: Batch, log_snr: Levels, noise: Fields) -> Batch:
    """z_t = alpha x + sigma noise ~ q(z_t | x). Kingma et al. 2021, eq. 1."""
    state.check(x.fields, x.mask)
    state.check(noise, x.mask, "noise")

    def noised(name: str) -> Tensor:
        at = coefficients(state, name, log_snr, x[name])
        return at.alpha * x[name] + at.sigma * noise[name]

    return with_fields(x, {name: noised(name) for name in state.fields})


def diffuse_further(state: State, z: Batch, log_snr_s: Levels, log_snr_t: Levels, noise: Fields) -> Batch:
    """z_t = alpha_t|s z_s + sigma_t|s noise ~ q(z_t | z_s), alpha_t|s = alpha_t / alpha_s. Ibid., appendix A.

    sigma_t|s^2 = sigma_t^2 (1 - e^(log_snr_t - log_snr_s)).
    """

    def noised(name: str) -> Tensor:
        before, after = (coefficients(state, name, at, z[name]) for at in (log_snr_s, log_snr_t))
        std = after.sigma * rows(-torch.expm1(log_snr_t - log_snr_s), z[name]).sqrt()
        return after.alpha / before.alpha * z[name] + std * noise[name]

    return with_fields(z, {name: noised(name) for name in state.fields})


def ancestral_step(state: State, z: Batch, x: Fields, log_snr_t: Levels, log_snr_s: Levels, noise: Fields) -> Batch:
    """z_s ~ q(z_s | z_t, x), with c = 1 - e^(log_snr_t - log_snr_s). Kingma et al. 2021, appendix A.

    mean = (alpha_s / alpha_t) (1 - c) z_t + alpha_s c x,   variance = sigma_s^2 c.
    """
    c = -torch.expm1(log_snr_t - log_snr_s)

    def stepped(name: str) -> Tensor:
        t, s = (coefficients(state, name, at, z[name]) for at in (log_snr_t, log_snr_s))
        share = rows(c, z[name])
        mean = s.alpha / t.alpha * (1 - share) * z[name] + s.alpha * share * x[name]
        return mean + s.sigma * share.sqrt() * noise[name]

    return with_fields(z, {name: stepped(name) for name in state.fields})


def deterministic_step(state: State, z: Batch, x: Fields, log_snr_t: Levels, log_snr_s: Levels) -> Batch:
    """z_s = alpha_s x + (sigma_s / sigma_t) (z_t - alpha_t x). Song et al. 2021a (DDIM), eq. 12 without noise."""

    def stepped(name: str) -> Tensor:
        t, s = (coefficients(state, name, at, z[name]) for at in (log_snr_t, log_snr_s))
        return s.alpha * x[name] + s.sigma / t.sigma * (z[name] - t.alpha * x[name])

    return with_fields(z, {name: stepped(name) for name in state.fields})


# --- What a network predicts: each of x, eps, v and score is a linear function of any other, given z ------------------

Conversion = Callable[[Tensor, Tensor, Coefficients], Tensor]

TO_X: dict[str, Conversion] = {
    "x": lambda value, z, at: value,
    "eps": lambda value, z, at: (z - at.sigma * value) / at.alpha,
    "v": lambda value, z, at: at.alpha * z - at.sigma * value,
    "score": lambda value, z, at: (z + at.sigma.square() * value) / at.alpha,
}
"""x = (z - sigma eps) / alpha = alpha z - sigma v = (z + sigma^2 score) / alpha. v: Salimans & Ho 2022, section 4."""

FROM_X: dict[str, Conversion] = {
    "x": lambda x, z, at: x,
    "eps": lambda x, z, at: (z - at.alpha * x) / at.sigma,
    "v": lambda x, z, at: (at.alpha * z - x) / at.sigma,
    "score": lambda x, z, at: (at.alpha * x - z) / at.sigma.square(),
}
"""eps = (z - alpha x) / sigma, v = alpha eps - sigma x = (alpha z - x) / sigma, score = -eps / sigma."""


def convert(state: State, values: Fields, z: Batch, log_snr: Levels, source: str, target: str) -> dict[str, Tensor]:
    """Convert predictions of the kind `source` to the kind `target`, both names in TO_X."""
    for kind in (source, target):
        if kind not in TO_X:
            raise unknown_name("prediction", kind, TO_X)
    converted = {}
    for name in state.fields:
        at = coefficients(state, name, log_snr, z[name])
        converted[name] = FROM_X[target](TO_X[source](values[name], z[name], at), z[name], at)
    return converted


# Items made of symmetric copies of one unit, drawn by symmetrized noise and estimates.
#
# The unit's noise is turned by each operation of a group of rotations, the denoiser sees all copies together, and its
# estimates, turned back, are averaged: the symmetric whole that is nearest to the estimate. Every sampler keeps the
# symmetry exactly, because it draws the unit alone. Watson et al. 2023 (RFdiffusion, symmetric noise).


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
