"""Draws given a noisy observation y = h(x) + noise, by matching the moments of x given z.

    p(y | z) ~ N(y; h(x^), S + A V A^T),    V = Cov(x | z) = (sigma^2 / alpha) dx^/dz,    A = dh/dx at x^
    E[x | z, y] ~ x^ + V A^T (S + A V A^T)^-1 (y - h(x^))

S: the covariance of the noise. V is Tweedie's formula for the second moment (Finzi et al. 2023; Boys et al. 2023); the
system is solved by a few conjugate gradients (Rozet et al. 2024, section 4.2). With V = 0 this would be the unguided
denoiser, with V ~ r^2 I that of Song et al. 2023 (pseudoinverse-guided diffusion). Exact where x is Gaussian and h
linear.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.diffusion.images import ObservedImageDiffusion, unstretched
from sciencegen.diffusion.model import Bend
from sciencegen.diffusion.process import Denoiser, Levels, coefficients
from sciencegen.diffusion.state import Fields, State, differentiable
from sciencegen.errors import ConfigError
from sciencegen.networks.pixels import convolved, images_at_once
from sciencegen.networks.shared_noise import standard_normal


@dataclass(frozen=True)
class NoisyObservation:
    """What is known of one field of x.

    Parameters
    ----------
    field : str
    residual : x -> [batch number]
        S^(-1/2) (y - h(x)), differentiable.
    sensitivity : x -> [batch number], optional
        The diagonal of B B^T, B = S^(-1/2) A. With it, the system is divided by its diagonal as it would be with
        independent values of x (Jacobi's preconditioner), of variance 1 without z: 1 + sigma^2 diag(B B^T).
    largest : float
        Change of an entry of x^ at one noise level. Where h isn't linear, A doesn't hold farther away.
    iterations : int
        Of conjugate gradients, each the cost of a gradient of the network. With few, directions that y tells least stay
        as the network has them.
    """

    field: str
    residual: Callable[[Tensor], Float[Tensor, "batch number"]]
    sensitivity: Callable[[Tensor], Float[Tensor, "batch number"]] | None = None
    largest: float = math.inf
    iterations: int = 2


def observing(denoise: Denoiser, state: State, given: NoisyObservation) -> Denoiser:
    """Guide a denoiser by an observation."""
    name = given.field

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        at = coefficients(state, name, log_snr, z[name])
        with torch.inference_mode(False), torch.enable_grad():
            seen = Batch(z, mask, condition).map(differentiable)
            leaf = seen[name].detach().requires_grad_()
            estimate = denoise({**seen.fields, name: leaf}, differentiable(log_snr), seen.condition, seen.mask)
            x = estimate[name]

            def covariance(direction: Tensor) -> Tensor:
                (moved,) = torch.autograd.grad(x, leaf, direction, retain_graph=True)
                return at.sigma.square() / at.alpha * moved

            change = _kalman(given, x.detach(), covariance, at.sigma).clamp(-given.largest, given.largest)
        return {**{key: value.detach() for key, value in estimate.items()}, name: x.detach() + change}

    return guided


def _kalman(given: NoisyObservation, x: Tensor, covariance: Callable[[Tensor], Tensor], sigma: Tensor) -> Tensor:
    """V B^T (I + B V B^T)^-1 r,  r = S^(-1/2) (y - h(x)),  B = -dr/dx."""
    found = torch.func.vjp(given.residual, x)
    missed, transposed = found[0].detach(), found[1]
    diagonal = torch.ones_like(missed)
    if given.sensitivity is not None:
        diagonal = 1 + given.sensitivity(x) * sigma.square().flatten(1)

    def spread(w: Tensor) -> Tensor:
        return covariance(-transposed(w)[0])

    def forward(w: Tensor) -> Tensor:
        return w - torch.func.jvp(given.residual, (x,), (spread(w),))[1]

    return spread(conjugate_gradients(forward, missed, given.iterations, diagonal))


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    target: Float[Tensor, "batch number"],
    iterations: int,
    diagonal: Float[Tensor, "batch number"],
) -> Float[Tensor, "batch number"]:
    """The solution of M w = target after a few iterations, each row by itself; M is symmetric, and M - I positive.

    diagonal: about that of M, by which the system is preconditioned. With a network's Jacobian, M is neither exactly:
    curvatures below those of I are taken for these.
    """
    solution, left = torch.zeros_like(target), target
    direction = left / diagonal
    size = (left * direction).sum(1, keepdim=True)
    tiny = torch.finfo(target.dtype).tiny
    for _ in range(iterations):
        moved = product(direction)
        least = direction.square().sum(1, keepdim=True).clamp(min=tiny)
        step = size / torch.maximum((direction * moved).sum(1, keepdim=True), least)
        solution, left = solution + step * direction, left - step * moved
        scaled = left / diagonal
        following = (left * scaled).sum(1, keepdim=True)
        direction, size = scaled + following / size.clamp(min=tiny) * direction, following
    return solution


# Samples of noise-free, unblurred images given one observed image, by a diffusion model of observed images.
#
# The prior is the model's p(x | no psf, least variance): images with hardly any noise. They are stretched, x = c
# sinh(u), so that the observation y = psf * (c sinh u) + noise isn't linear in u; `observing` linearizes it at each
# estimate.

LARGEST = 20.0
"""Of |u|, so that sinh stays finite where an estimate is far off."""
LARGEST_CHANGE = 1.75
"""Of u at one noise level, within which sinh is taken to be linear. Without it, single samples ended far from the
observation."""


def deconvolved_samples(
    model: ObservedImageDiffusion,
    image: Batch,
    samples: int,
    generator: Generator,
    sampler: str = "ancestral",
    steps: int = 40,
    iterations: int = 2,
    temperature: float = 1.0,
) -> Float[Tensor, "sample band y x"]:
    """Images that agree with one observed image, in its unit, with noise of the least variance.

    Parameters
    ----------
    model : ObservedImageDiffusion
        Trained with noise-free images; its conditions aren't used.
    image : Batch
        Of one image, with its variance and, if it is blurred, its psf.
    samples : int
        How many.
    generator : torch.Generator
        On the CPU; the samples depend on the image, the model and this alone.
    sampler, steps : str, int
        From noise to an image.
    iterations : int
        Of conjugate gradients in each step, in which the network's gradient is computed once more than these.
    temperature : float
        T of the likelihood N(y; psf * x, T v). With 1, a prior that doesn't describe every image claims too much
        (Miller and Dunson 2019, on coarsened posteriors).

    Raises
    ------
    ConfigError
        For a model that has not learned from noise-free images.
    """
    if not model.least_variance.any():
        raise ConfigError("Expected a model that has learned from noise-free images, too, got one of observed alone.")
    diffusion, nothing = model.diffusion, image[IMAGE].new_zeros
    noise_free = Batch({PSF: nothing(1, model.psf_channels, 1, 1), VARIANCE: nothing(1, image[IMAGE].shape[1], 1, 1)})
    unit, context = model.unit(noise_free), model.context(noise_free)
    bend = _given(model, image, unit, iterations, temperature)
    noise = standard_normal((samples, diffusion.latent_size), generator, image[IMAGE])
    found = []
    for rows in noise.split(images_at_once(image[IMAGE].numel())):
        start = diffusion.start(rows, None, context.repeat_interleave(len(rows)))
        drawn = diffusion.draw(start, sampler, steps, bend=bend)
        found.append(unstretched(drawn[IMAGE]) * unit)
    return torch.cat(found)


def _given(model: ObservedImageDiffusion, image: Batch, unit: Tensor, iterations: int, temperature: float) -> Bend:
    """Guides by the observed image. unit: c above."""
    psf, deviation = image.fields.get(PSF), (temperature * image[VARIANCE]).sqrt()

    def residual(u: Tensor) -> Tensor:
        seen = convolved(unstretched(u.clamp(-LARGEST, LARGEST)) * unit, psf)
        return ((image[IMAGE] - seen) / deviation).flatten(1)

    def sensitivity(u: Tensor) -> Tensor:
        slope = unit * torch.cosh(u.clamp(-LARGEST, LARGEST))
        squares = convolved(slope.square(), None if psf is None else psf.square())
        return (squares.clamp(min=0) / deviation.square()).flatten(1)

    given = NoisyObservation(IMAGE, residual, sensitivity, LARGEST_CHANGE, iterations)
    return lambda denoise: observing(denoise, model.diffusion.state, given)


# Draws of which a linear function is known: reconstruction guidance and replacement, in the null space of the rest.
#
# With H x = y known and H+ the pseudoinverse, d(x) = H+ (y - H x) is the least change of x that makes it agree. At each
# noise level the estimate x^(z) is changed twice:
#
#     x1 = x^ + (dx^/dz)^T d(x^) / alpha       Song et al. 2023 (pseudoinverse-guided diffusion, eq. 8, r = sigma)
#     x2 = x1 + d(x1)                          Wang et al. 2023 (denoising diffusion null-space model, eq. 13)
#
# The first step moves what is unknown as far as the network connects it to what is known; the second one makes the
# known part exact. y may depend on the estimate, so that it can be placed anew at every level.

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
