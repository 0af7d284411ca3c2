"""Trust-region Bayesian optimization of the semantic coordinates (TuRBO, Eriksson et al. 2019; GP by BoTorch)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from sciencegen.optimization.evolution import Individual, begin, draw_prior, first_distinct, locate, score_new
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.selection import desirability, random_weights
from sciencegen.optimization.spaces import SearchSettings, SearchSpace

if TYPE_CHECKING:
    from botorch.models import SingleTaskGP

TRAINING_POINTS = 300
CANDIDATES = 1500
MOVING_COORDINATES = 20
FIT_ITERATIONS = 25
EDGE = 1e-4
LEAST_BATCH = 50


@dataclass(frozen=True)
class TrustRegion:
    """A box of side `length` in the unit cube of prior quantiles, and the consecutive rounds that (did not) improve."""

    length: float = 0.8
    successes: int = 0
    failures: int = 0

    SMALLEST = 0.5**7
    LARGEST = 1.6
    SUCCESS_LIMIT = 3
    FAILURE_LIMIT = 4

    def after(self, improved: bool) -> TrustRegion:
        """The region, doubled after SUCCESS_LIMIT improving rounds in a row, halved after FAILURE_LIMIT others."""
        successes, failures = (self.successes + 1, 0) if improved else (0, self.failures + 1)
        if successes == self.SUCCESS_LIMIT:
            return TrustRegion(min(2 * self.length, self.LARGEST))
        if failures == self.FAILURE_LIMIT:
            return TrustRegion(self.length / 2)
        return TrustRegion(self.length, successes, failures)


def search_bayes(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Thompson sampling in a trust region around the best point; a collapsed region restarts in a new prior sample."""
    local, region = locate(space, begin(space, objective, generator, settings)), TrustRegion()
    stalled = 0
    while not objective.exhausted and stalled < settings.patience:
        located = [individual for individual in local if individual.has_latent]
        if region.length < TrustRegion.SMALLEST or not located:
            drawn = draw_prior(space, objective, generator, settings.initial, settings.patience)
            local, region = locate(space, drawn), TrustRegion()
            stalled = stalled + 1 if not local else stalled
            continue
        weights = random_weights([individual.evaluation for individual in local], generator)
        latents = _suggest(space, located, region, weights, generator)
        items = first_distinct(
            space.decode_accepted(latents), objective, min(max(settings.batch, LEAST_BATCH), objective.remaining)
        )
        new = [individual for _, individual in score_new(objective, items, latents)]
        targets = desirability([individual.evaluation for individual in [*local, *new]], weights)
        improved = bool(new) and targets[len(local) :].max() > targets[: len(local)].max()
        region, local = region.after(improved), local + new
        stalled = 0 if new else stalled + 1


def _suggest(
    space: SearchSpace,
    located: Sequence[Individual],
    region: TrustRegion,
    weights: np.ndarray | None,
    generator: np.random.Generator,
) -> Float[np.ndarray, "candidate latent"]:
    """Latents in the region, the most promising first; more than a batch, since some decode to items already scored."""
    from scipy.special import ndtr, ndtri

    targets = desirability([individual.evaluation for individual in located], weights)
    latents = np.stack([individual.latent for individual in located])
    quantiles = ndtr(latents[:, : space.semantic_size].astype(np.float64))  # Phi(z): the prior is uniform in this cube
    best = int(np.argmax(targets))
    nearest = np.argsort(np.square(quantiles - quantiles[best]).sum(1), kind="stable")[: TRAINING_POINTS * 2 // 3]
    top = np.argsort(-targets, kind="stable")[: TRAINING_POINTS // 3]
    rows = np.unique(np.concatenate([nearest, top, [best]]))  # the local model's: the nearest, and the best anywhere
    model, lengthscales = _fit(quantiles[rows], targets[rows])
    candidates = _perturb(quantiles[best], region.length, lengthscales, generator)
    order = _thompson_order(model, candidates, generator)
    chosen = np.tile(latents[best], (len(order), 1))
    chosen[:, : space.semantic_size] = ndtri(np.clip(candidates[order], EDGE, 1 - EDGE))  # infinite at 0 and 1
    noise = generator.standard_normal(chosen.shape, np.float32)[:, space.semantic_size :]
    step = generator.choice([0.0, 0.5], (len(chosen), 1))  # half keep the center's noise, half move it a little
    chosen[:, space.semantic_size :] = np.sqrt(1 - step**2) * chosen[:, space.semantic_size :] + step * noise
    return chosen.astype(np.float32)


def _fit(
    quantiles: Float[np.ndarray, "item semantic"], targets: Float[np.ndarray, " item"]
) -> tuple[SingleTaskGP, Float[np.ndarray, " semantic"]]:
    """BoTorch's Gaussian process with one lengthscale per coordinate, and these divided by their geometric mean."""
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.kernels import ScaleKernel
    from gpytorch.mlls import ExactMarginalLogLikelihood

    train_x = torch.as_tensor(quantiles, dtype=torch.float64)
    train_y = torch.as_tensor(targets, dtype=torch.float64)[:, None]
    model = SingleTaskGP(train_x, train_y)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # early stopping is intended: the fit is repeated every round
        torch.manual_seed(0)  # retries after a failed fit draw from the global generator
        options = {"options": {"maxiter": FIT_ITERATIONS}}
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs=options, max_attempts=1)
    covariance = model.covar_module
    kernel = covariance.base_kernel if isinstance(covariance, ScaleKernel) else covariance
    scales = kernel.lengthscale.detach().numpy().ravel()
    return model.eval(), scales / math.exp(np.log(scales).mean())


def _perturb(
    center: Float[np.ndarray, " semantic"], length: float, lengthscales: np.ndarray, generator: np.random.Generator
) -> Float[np.ndarray, "candidate semantic"]:
    """Points of the region; about MOVING_COORDINATES differ from the center's (Eriksson et al., section 3)."""
    half = np.clip(length * lengthscales, 0, 2) / 2
    low, high = np.clip(center - half, EDGE, 1 - EDGE), np.clip(center + half, EDGE, 1 - EDGE)
    points = low + (high - low) * generator.random((CANDIDATES, len(center)))
    moving = generator.random(points.shape) < min(MOVING_COORDINATES / len(center), 1.0)
    moving[np.arange(CANDIDATES), generator.integers(0, len(center), CANDIDATES)] = True
    return np.where(moving, points, center)


def _thompson_order(
    model: SingleTaskGP, candidates: Float[np.ndarray, "candidate semantic"], generator: np.random.Generator
) -> Int[np.ndarray, " candidate"]:
    """Candidates in the order in which joint posterior draws pick them: each draw's best, then each one's second."""
    import torch

    with torch.no_grad():
        posterior = model(torch.as_tensor(candidates, dtype=torch.float64))
        mean, covariance = posterior.mean, posterior.covariance_matrix
        jitter = 1e-6 * torch.eye(len(mean), dtype=mean.dtype)
        factor = torch.linalg.cholesky(covariance + jitter * covariance.diagonal().mean().clamp_min(1e-3))
        noise = torch.as_tensor(generator.standard_normal((len(mean), 100)))
        draws = mean[:, None] + factor @ noise
        picks = draws.topk(min(4, len(mean)), dim=0).indices.numpy().ravel()
    return np.array(list(dict.fromkeys(picks.tolist())))
