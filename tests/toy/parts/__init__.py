"""What a package of somebody else may add to sciencegen: a sampler, a search method and an acquisition."""

from itertools import pairwise

import numpy as np

from sciencegen.diffusion.process import deterministic_step, levels, predict
from sciencegen.optimization.plate import BETA


def sample_midpoint(denoise, state, z, log_snrs, noise):
    """Second order, two evaluations a step: the estimate is that at half of the step."""
    for t, s in pairwise(levels(at, z) for at in log_snrs):
        half = 0.5 * (t + s)
        middle = deterministic_step(state, z, predict(denoise, state, z, t), t, half)
        z = deterministic_step(state, z, predict(denoise, state, middle, half), t, s)
    return z


def search_draws(space, objective, generator, settings):
    """Draws of the prior until the budget is spent."""
    idle = 0
    while not objective.exhausted and idle < settings.patience:
        items = [item for item in space.decode_accepted(space.sample(settings.batch, generator)) if item is not None]
        before = objective.remaining
        objective.evaluate(items)
        idle = 0 if objective.remaining < before else idle + 1


class Explore:
    """The candidate of which least is known: the greatest standard deviation, given the picks."""

    def __init__(self, state, generator):
        self.state, self.covariance = state, state.joint.covariance.copy()

    def values(self):
        return BETA * np.sqrt(np.maximum(np.diag(self.covariance), 0.0))[: self.state.candidates]

    def pick(self, index):
        column = self.covariance[:, index].copy()
        self.covariance -= np.outer(column, column) / (column[index] + self.state.joint.noise)
