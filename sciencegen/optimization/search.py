"""One signature for every search: `search(space, objective, generator, settings)` fills `objective.trace`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from sciencegen.optimization.objective import Objective
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.plugins import installed_part

Search = Callable[[SearchSpace, Objective, np.random.Generator, SearchSettings], None]

METHODS = {
    "evolution": "sciencegen.optimization.evolution:search_evolution",
    "latent_evolution": "sciencegen.optimization.evolution:search_latent_evolution",
    "bayes": "sciencegen.optimization.bayes:search_bayes",
    "cma": "sciencegen.optimization.cmaes:search_cma",
    "ascent": "sciencegen.optimization.ascent:search_ascent",
    "hill_climb": "sciencegen.optimization.controls:search_hill_climb",
    "prior": "sciencegen.optimization.controls:search_prior",
}
"""The default first, the controls last. Import strings: torch and BoTorch load only for the method that needs them."""

WITH_SURROGATE = ("evolution", "latent_evolution", "bayes", "ascent")
"""Those of `METHODS` that choose what to score by a surrogate fitted to what was scored."""

GROUP = "sciencegen.search_methods"
"""Entry points of searches that other packages add."""
DEFAULT_METHOD = "evolution"


def load_method(name: str) -> Search:
    """The search with this name: built in (`METHODS`), or an entry point of the group `sciencegen.search_methods`.

    Examples
    --------
    >>> load_method("evolution").__name__
    'search_evolution'
    """
    if name not in METHODS:
        return installed_part("method", GROUP, name, METHODS)
    module, function = METHODS[name].split(":")
    return getattr(import_module(module), function)


def search(
    space: SearchSpace,
    objective: Objective,
    generator: np.random.Generator,
    settings: SearchSettings | None = None,
    method: str = DEFAULT_METHOD,
) -> None:
    """Search by a named method until the budget is spent or no new items are found.

    Parameters
    ----------
    space : SearchSpace
    objective : Objective
        Its `trace` holds the results.
    generator : numpy.random.Generator
    settings : SearchSettings, optional
    method : str
        A name in `METHODS`.

    Raises
    ------
    ConfigError
        If the method is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.optimization.goals import parse_goals
    >>> from sciencegen.optimization.objective import Objective
    >>> from sciencegen.optimization.search import search
    >>> from sciencegen.optimization.spaces import SearchSpace
    >>> from sciencegen.scoring.oracles import FunctionOracle
    >>> space = SearchSpace(
    ...     2, 2, sample=lambda n, generator: generator.standard_normal((n, 2)),
    ...     decode=lambda latents: [tuple(latent) for latent in latents.round(3).tolist()],
    ... )
    >>> oracle = FunctionOracle("closeness", lambda item: -abs(item[0] - 1) - abs(item[1]))
    >>> objective = Objective(parse_goals(["maximize closeness"]), {"closeness": oracle}, str, budget=300)
    >>> search(space, objective, np.random.default_rng(0))
    >>> max(evaluation.scalar for evaluation in objective.trace) > -0.2
    True
    """
    load_method(method)(space, objective, generator, settings or SearchSettings())
