"""A batch to measure together: picks of an acquisition, none of them too similar, within the plate's cost limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from sciencegen.optimization.acquisition import BETA, Acquisition, State, Thompson, load_acquisition
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows
from sciencegen.optimization.plate_builder import Candidates, PlateBuilder, PlateSettings, Similarity, fill
from sciencegen.optimization.posterior import Posterior

SHORTLIST = 1000
"""Candidates of a block, which share a joint posterior. If one block can't fill the plate, the next one is used."""
BASELINE = 10
"""Number of best measured items that noisy expected improvement compares with."""
OF_PRIOR = 0.5
"""Exploration of the half of a first plate that an earlier task's model picks: the other half is random."""


@dataclass(frozen=True)
class ContextRows:
    """Rows of a joint posterior in addition to the candidates.

    Parameters
    ----------
    pending : rows, optional
        Items that are being measured.
    baseline : rows, optional
        The best measured items.
    """

    pending: FeatureRows | None = None
    baseline: FeatureRows | None = None


def pick_plate(
    candidates: Candidates,
    posterior: Posterior,
    count: int,
    settings: PlateSettings,
    generator: np.random.Generator,
    similarity: Similarity,
    context: ContextRows | None = None,
) -> Int[np.ndarray, " pick"]:
    """Indices of candidates, in the order of picking; fewer than `count` if no more may be picked.

    Parameters
    ----------
    candidates : Candidates
    posterior : Posterior
    count : int
        Items of the plate.
    settings : PlateSettings
    generator : numpy.random.Generator
    similarity : callable
        (items, references) -> array [item reference] in 0..1.
    context : ContextRows, optional

    Returns
    -------
    array of int [pick]

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.optimization.posterior import Measured, fit_posterior
    >>> rows = np.linspace(-2, 2, 30)[:, None]
    >>> measured = Measured(-rows[::3, 0] ** 2, np.full(10, np.nan))
    >>> posterior = fit_posterior(rows[::3], measured, np.random.default_rng(0), surrogate="gp", scale="linear")
    >>> never_similar = lambda some, others: np.zeros((len(some), len(others)))
    >>> picked = pick_plate(
    ...     Candidates(list(range(30)), rows, np.ones(30)), posterior, 4, PlateSettings("greedy"),
    ...     np.random.default_rng(0), never_similar,
    ... )
    >>> bool(np.abs(rows[picked]).max() < 0.5)
    True
    """
    marginals = posterior.marginals(candidates.rows)
    reach = {"greedy": 0.0, "thompson": BETA * settings.exploration}.get(settings.acquisition, BETA)
    optimistic = marginals.mean + reach * marginals.deviation
    acquisition = load_acquisition(settings.acquisition)

    def of_block(block: Int[np.ndarray, " candidate"]) -> Acquisition:
        state = _state(posterior, candidates, block, context or ContextRows(), settings.exploration)
        return acquisition(state, generator)

    builder = PlateBuilder(candidates, settings, similarity, count)
    return pick_by_blocks(builder, np.argsort(-optimistic, kind="stable"), of_block)


def pick_by_prior(
    candidates: Candidates, prior: Posterior, count: int, settings: PlateSettings, generator: np.random.Generator,
    similarity: Similarity,
) -> Int[np.ndarray, " pick"]:  # fmt: skip
    """A first plate: half of it by functions drawn from the model of an earlier task, the rest in the candidates'
    order, since nothing says yet that the tasks are related."""
    marginals = prior.marginals(candidates.rows)
    optimistic = marginals.mean + BETA * OF_PRIOR * marginals.deviation

    def of_block(block: Int[np.ndarray, " candidate"]) -> Acquisition:
        return Thompson(_state(prior, candidates, block, ContextRows(), OF_PRIOR), generator)

    builder = PlateBuilder(candidates, settings, similarity, count)
    builder.count = count // 2
    pick_by_blocks(builder, np.argsort(-optimistic, kind="stable"), of_block)
    builder.count = count
    return pick_by_blocks(builder, np.arange(len(candidates.items)), GivenOrder)


def first_pickable(
    candidates: Candidates, count: int, settings: PlateSettings, similarity: Similarity
) -> Int[np.ndarray, " pick"]:
    """Indices of the first candidates that may be on one plate, without predictions."""
    builder = PlateBuilder(candidates, replace(settings, diversity=0.0, sharing=0.0), similarity, count)
    return pick_by_blocks(builder, np.arange(len(candidates.items)), GivenOrder)


def pick_by_blocks(
    builder: PlateBuilder,
    order: Int[np.ndarray, " candidate"],
    acquisition_of: Callable[[np.ndarray], Acquisition],
) -> Int[np.ndarray, " pick"]:
    """Fill a plate from blocks of candidates in this order."""
    for start in range(0, len(order), SHORTLIST):
        block = order[start : start + SHORTLIST]
        fill(builder, block, acquisition_of(block))
        if builder.full:
            break
    return np.array(builder.picked, int)


class GivenOrder:
    """An acquisition that prefers earlier candidates."""

    def __init__(self, block: Int[np.ndarray, " candidate"]) -> None:
        self._values = -np.arange(len(block), dtype=float)

    def values(self) -> Float[np.ndarray, " candidate"]:
        return self._values

    def pick(self, index: int) -> None:
        return


def _state(
    posterior: Posterior, candidates: Candidates, block: np.ndarray, context: ContextRows, exploration: float
) -> State:
    parts = [part for part in (context.pending, context.baseline) if part is not None and len(part)]
    joint = posterior.joint(posterior.points(concatenate_rows([candidates.rows[block], *parts])))
    sizes = [0 if part is None else len(part) for part in (context.pending, context.baseline)]
    return State(joint, sizes[0], sizes[1], candidates.costs[block], exploration)
