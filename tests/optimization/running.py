"""Run a search by its name."""

import numpy as np

from sciencegen.optimization.search import search
from sciencegen.optimization.spaces import SearchSettings


def run(space, objective, method, seed=0, **settings):
    search(space, objective, np.random.default_rng(seed), SearchSettings(**settings), method)
    return objective.trace
