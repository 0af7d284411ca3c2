"""One signature for every search: `search(space, objective, generator, settings)` fills `objective.trace`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from sciencegen.errors import unknown_name
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.spaces import SearchSettings, SearchSpace

Search = Callable[[SearchSpace, Objective, np.random.Generator, SearchSettings], None]

METHODS = {
    "evolution": "evolution:search_evolution",
    "latent_evolution": "evolution:search_latent_evolution",
    "bayes": "bayes:search_bayes",
    "cma": "cmaes:search_cma",
    "ascent": "ascent:search_ascent",
    "hill_climb": "controls:search_hill_climb",
    "prior": "controls:search_prior",
}
"""The default first, the controls last. Import strings: torch and BoTorch load only for the method that needs them."""

DEFAULT_METHOD = "evolution"


def load_method(name: str) -> Search:
    """The search with this name."""
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    module, function = METHODS[name].split(":")
    return getattr(import_module(f"sciencegen.optimization.{module}"), function)


def search(
    space: SearchSpace,
    objective: Objective,
    generator: np.random.Generator,
    settings: SearchSettings | None = None,
    method: str = DEFAULT_METHOD,
) -> None:
    """Search by a named method until the budget is spent or nothing new turns up; results are in `objective.trace`."""
    load_method(method)(space, objective, generator, settings or SearchSettings())
