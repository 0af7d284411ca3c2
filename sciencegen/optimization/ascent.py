"""Gradient ascent on a differentiable score of the latent: a given one, or an ensemble fitted on the scored items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sciencegen.optimization.evolution import (
    Individual,
    begin,
    crank_nicolson_step,
    draw_prior,
    first_distinct,
    locate,
    score_new,
    survivors,
)
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.selection import desirability, random_weights
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.optimization.surrogate import training_subset

MEMBERS, HIDDEN, EPOCHS, TRAINING_POINTS = 4, 64, 150, 1000
ASCENT_STEPS, ASCENT_RATE, PRIOR_WEIGHT = 40, 0.05, 0.02

LEAST_BATCH = 50

Score = Callable[[Float[Tensor, "item latent"]], Float[Tensor, " item"]]


def search_ascent(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Climb from perturbed good latents, score the decoded end and one earlier point of each path, and refit."""
    everyone, stalled = locate(space, begin(space, objective, generator, settings)), 0
    while not objective.exhausted and stalled < settings.patience:
        located = [
            individual
            for individual in survivors(everyone, settings.population, space.variety)
            if individual.has_latent
        ]
        if not located:
            new = draw_prior(space, objective, generator, settings.batch, settings.patience)
            everyone += locate(space, new)
            stalled = stalled + 1 if not new else 0
            continue
        weights = random_weights([individual.evaluation for individual in located], generator)
        score = settings.predictor or fit_ensemble(*_training_set(everyone, weights, generator), generator)
        count = min(max(settings.batch, LEAST_BATCH), objective.remaining)
        latents = climb(score, _starts(space, located, count, generator))
        items = first_distinct(space.decode_accepted(latents), objective, count)
        new = [individual for _, individual in score_new(objective, items, latents)]
        everyone += new
        stalled = 0 if new else stalled + 1


def _training_set(
    everyone: Sequence[Individual], weights: np.ndarray | None, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "item latent"], Float[np.ndarray, " item"]]:
    located = [individual for individual in everyone if individual.has_latent]
    targets = desirability([individual.evaluation for individual in located], weights)
    rows = training_subset(targets, TRAINING_POINTS, generator)
    return np.stack([located[row].latent for row in rows]), targets[rows]


def _starts(
    space: SearchSpace, located: Sequence[Individual], count: int, generator: np.random.Generator
) -> Float[np.ndarray, "item latent"]:
    """Twice a batch: good latents by rank, each moved by a random step so that repeated climbs differ."""
    rows = (len(located) * generator.random(2 * count) ** 2).astype(int)
    latents = np.stack([located[row].latent for row in rows])
    steps = generator.choice([0.05, 0.15, 0.4], (len(latents), 1))
    return crank_nicolson_step(latents, steps, np.ones(space.latent_size, bool), generator)


def climb(score: Score, starts: Float[np.ndarray, "item latent"]) -> Float[np.ndarray, "point latent"]:
    """Steps z <- z + rate * sqrt(d) * g / |g|, g = grad(score(z) - w |z|^2 / 2), of fixed lengths.

    Returns for each start its end, and the point after a quarter of the steps, the longest ones: about half of the way.
    """
    latent = torch.as_tensor(starts, dtype=torch.float32).clone()
    rate = ASCENT_RATE * latent.shape[1] ** 0.5
    early = latent.clone()
    for step in range(ASCENT_STEPS):
        latent.requires_grad_(True)
        total = (score(latent) - PRIOR_WEIGHT * latent.square().sum(1) / 2).sum()
        (gradient,) = torch.autograd.grad(total, latent)
        decay = 1 - step / ASCENT_STEPS
        latent = (latent + rate * decay * gradient / gradient.norm(dim=1, keepdim=True).clamp_min(1e-9)).detach()
        if step == ASCENT_STEPS // 4:
            early = latent.clone()
    return torch.stack([latent, early], 1).flatten(0, 1).numpy()


class Ensemble(nn.Module):
    """Perceptrons with one hidden layer; the score is the mean of their outputs minus the standard deviation."""

    def __init__(self, size: int, generator: torch.Generator, members: int = MEMBERS) -> None:
        super().__init__()
        draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
        self.first = nn.Parameter(draw(members, size, HIDDEN) / size**0.5)
        self.offset = nn.Parameter(draw(members, 1, HIDDEN) * 0.1)
        self.second = nn.Parameter(draw(members, HIDDEN, 1) / HIDDEN**0.5)
        self.linear = nn.Parameter(torch.zeros(members, size, 1))

    def members(self, latent: Float[Tensor, "item latent"]) -> Float[Tensor, "member item"]:
        hidden = nn.functional.silu(latent @ self.first + self.offset)
        return (hidden @ self.second + latent @ self.linear).squeeze(-1)

    def forward(self, latent: Float[Tensor, "item latent"]) -> Float[Tensor, " item"]:
        members = self.members(latent)
        return members.mean(0) - members.std(0)


def fit_ensemble(
    latents: Float[np.ndarray, "item latent"],
    targets: Float[np.ndarray, " item"],
    generator: np.random.Generator,
    left_in: Float[np.ndarray, "member item"] | None = None,
) -> Ensemble:
    """Adam on the squared error, each member on its own Bayesian bootstrap of the rows (Rubin 1981).

    left_in: 1 where a member is fitted on a row, else 0; None: `MEMBERS` members, each fitted on all rows.
    """
    noise = torch.Generator().manual_seed(int(generator.integers(2**62)))
    inputs, wanted = torch.as_tensor(latents, dtype=torch.float32), torch.as_tensor(targets, dtype=torch.float32)
    members = MEMBERS if left_in is None else len(left_in)
    ensemble = Ensemble(inputs.shape[1], noise, members)
    weights = -torch.log(torch.rand(members, len(inputs), generator=noise).clamp_min(1e-6))
    if left_in is not None:
        weights = weights * torch.as_tensor(left_in, dtype=torch.float32)
    optimizer = torch.optim.AdamW(ensemble.parameters(), lr=1e-2, weight_decay=1e-2)
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        loss = (weights * (ensemble.members(inputs) - wanted).square()).mean()
        loss.backward()
        optimizer.step()
    return ensemble.eval().requires_grad_(False)
