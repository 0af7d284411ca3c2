"""Optimization in rounds of measurements: the next plate, given the measurements so far.

journal.py        every proposal and measurement, in an append-only table
measurements.py   replicates averaged
posterior.py      a surrogate and a scale, chosen by cross-validated likelihood
candidates.py     candidates from a pool, from moves, from a latent space
forecast.py       how many items of a batch will be hits
plate.py          a batch of candidates by an acquisition, diverse and within a cost limit
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.candidates import (
    POOL,
    CampaignSettings,
    CampaignSpace,
    CandidateMaker,
    CandidateSources,
    Item,
)
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.forecast import Forecast, forecast
from sciencegen.optimization.measurements import Measurement, settled_values
from sciencegen.optimization.plate import BASELINE, Candidates, ContextRows, first_pickable, pick_by_prior, pick_plate
from sciencegen.optimization.posterior import GP, WIDER, Measured, SurrogatePosterior, Task, fit_posterior


@dataclass(frozen=True)
class Plate:
    """The next batch, in the order of picking.

    Parameters
    ----------
    items : list
    sources : list of str
        Of each item: the move or draw that made it, "pool", "start", "offered" or "earlier".
    predicted, lower, upper : array [item]
        Median and 90% interval of the next measurement, in its unit; NaN without any measurement.
    candidate_count : int
        Number of candidates that could be picked.
    surrogate : str
        The chosen model and scale, such as "gp log".
    scale : str
        The scale alone, such as "log"; values to be minimized are negated before it is fitted.
    likelihoods : mapping
        As in `Posterior`.
    extra : array [3 item]
        Median, lower and upper end for further items (`next_plate`'s `extra`).
    forecast : Forecast, optional
        How many of the items will be hits; None without any measurement.
    correlation : float
        Rank correlation of measured values and predictions without them; NaN without a model.
    tasks : mapping
        Number of each earlier task that is used -> its weight.
    """

    items: list[Item]
    sources: list[str]
    predicted: Float[np.ndarray, " item"]
    lower: Float[np.ndarray, " item"]
    upper: Float[np.ndarray, " item"]
    candidate_count: int
    surrogate: str = ""
    scale: str = ""
    likelihoods: Mapping[str, float] = field(default_factory=dict)
    extra: Float[np.ndarray, "3 item"] = field(default_factory=lambda: np.empty((3, 0)))
    forecast: Forecast | None = None
    correlation: float = math.nan
    tasks: Mapping[int, float] = field(default_factory=dict)


def next_plate(
    space: CampaignSpace,
    measured: Sequence[Measurement],
    pending: Sequence[Item],
    settings: CampaignSettings,
    generator: np.random.Generator,
    sources: CandidateSources | None = None,
    extra: Sequence[Item] = (),
) -> Plate:
    """The batch to measure next.

    Parameters
    ----------
    space : CampaignSpace
    measured : sequence of Measurement
        If empty, the plate is random and nothing is predicted.
    pending : sequence
        Items that are being measured. They are not proposed again; acquisitions that plan ahead take them into account.
    settings : CampaignSettings
    generator : numpy.random.Generator
    sources : CandidateSources, optional
        By default candidates come from the space's moves and draws alone.
    extra : sequence
        Items that are predicted with the plate, whether or not they may be proposed.

    Returns
    -------
    Plate

    Raises
    ------
    DataError
        With fewer than 3 measurements, or measurements that are all equal.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.optimization.candidates import CandidatePool
    >>> space = CampaignSpace(
    ...     key=str, features=lambda items: np.array(items, float)[:, None],
    ...     similarity=lambda some, others: np.zeros((len(some), len(others))),
    ... )
    >>> pool = CandidatePool(range(10), [str(item) for item in range(10)], np.ones(10))
    >>> plate = next_plate(space, [], [5], CampaignSettings(3), np.random.default_rng(0), CandidateSources(pool))
    >>> len(plate.items), 5 in plate.items, plate.candidate_count
    (3, False, 9)
    """
    sources = sources or CandidateSources()
    excluded = {space.key(one.item) for one in measured} | {space.key(item) for item in pending}
    maker = CandidateMaker(space, settings, generator, sources, excluded)
    tasks = [_task(space, one, settings, generator) for one in sources.priors]
    if not measured:
        return _first_plate(maker, tasks[0] if tasks else None)
    sign = -1.0 if settings.minimize else 1.0
    space.report(f"fitting a model to {len(measured):,} measured items", 0, None)
    items = [one.item for one in measured]
    rows = space.features(items)
    posterior = fit_measured(rows, sign, measured, settings, generator, [one.means for one in tasks])
    means = posterior.means(rows)
    pool = sources.pool
    candidates, origins = maker.from_pool(pool) if pool else maker.bred(items, means, posterior)
    plate = _unpredicted([], [], 0)
    if len(candidates.items):
        space.report(f"picking {settings.count:,} of {len(candidates.items):,} candidates", 0, None)
        pending_rows = space.features(pending) if pending else None
        context = ContextRows(pending_rows, rows[np.argsort(-means)[:BASELINE]])
        picked = pick_plate(
            candidates, posterior, settings.count, settings.plate, generator, space.similarity, context
        )  # fmt: skip
        values = settled_values(measured, settings.minimize)
        hits = forecast(
            candidates.rows[picked], posterior, values, generator, hit=settings.hit, minimize=settings.minimize,
            misfit=settings.misfit,
        )  # fmt: skip
        plate = replace(_plate(candidates, origins, picked, posterior, sign), forecast=hits)
    return replace(plate, extra=predicted_by(space.features(extra), posterior, sign)) if extra else plate


def fit_measured(
    rows: FeatureRows,
    sign: float,
    measured: Sequence[Measurement],
    settings: CampaignSettings,
    generator: np.random.Generator,
    tasks: Sequence[Task] = (),
) -> SurrogatePosterior:
    """The posterior of the values, negated with sign -1."""
    values = Measured.from_measurements(measured, sign)
    return fit_posterior(rows, values, generator, surrogate=settings.surrogate, scale=settings.scale, tasks=tasks)


def _task(
    space: CampaignSpace, measured: Sequence[Measurement], settings: CampaignSettings, generator: np.random.Generator
) -> SurrogatePosterior:
    """A Gaussian process of an earlier task."""
    space.report(f"fitting a model to {len(measured):,} items measured before", 0, None)
    sign = -1.0 if settings.minimize else 1.0
    rows = space.features([one.item for one in measured])
    return fit_measured(rows, sign, measured, replace(settings, surrogate=GP), generator)


def predicted_by(
    rows: FeatureRows, posterior: SurrogatePosterior, sign: float, wider: float = 1.0
) -> Float[np.ndarray, "3 item"]:
    """Median, lower and upper end of the next measurement."""
    marginals = posterior.marginals(rows)
    median, low, high = (sign * end for end in posterior.interval(marginals.mean, marginals.deviation, wider))
    return np.stack([median, np.minimum(low, high), np.maximum(low, high)])


def _plate(
    candidates: Candidates, origins: Sequence[str], picked: np.ndarray, posterior: SurrogatePosterior, sign: float
) -> Plate:
    median, lower, upper = predicted_by(candidates.rows[picked], posterior, sign, WIDER)
    items, sources = [candidates.items[place] for place in picked], [origins[place] for place in picked]
    count, name, scale = len(candidates.items), posterior.name, posterior.warp.name
    return Plate(
        items, sources, median, lower, upper, count, name, scale, posterior.likelihoods,
        correlation=posterior.correlation, tasks=posterior.tasks,
    )  # fmt: skip


def _unpredicted(items: list[Item], sources: list[str], candidate_count: int) -> Plate:
    nothing = np.full(len(items), np.nan)
    return Plate(items, sources, nothing, nothing, nothing, candidate_count)


def _first_plate(maker: CandidateMaker, prior: SurrogatePosterior | None) -> Plate:
    """A random batch within the plate's limits, half of it by an earlier task's model if there is one; start items that
    may be measured come first."""
    space, settings, pool = maker.space, maker.settings, maker.sources.pool
    if pool is not None:
        order = maker.generator.permutation(space.acceptable(pool.items, pool.keys, maker.excluded))
        places = order.astype(int)
        items, costs = [pool.items[place] for place in places], pool.costs[places]
        origins = [POOL] * len(items)
    else:
        items, origins = maker.for_first_plate()
        if prior is not None:
            more = maker.by_earlier_task(prior, items)
            items, origins = [*items, *more.items], [*origins, *more.sources]
        costs = np.ones(len(items))
    if prior is not None and items:
        candidates = maker.candidates(items, space.features(items), costs)
        picked = pick_by_prior(
            candidates, prior, settings.count, settings.plate, maker.generator, space.similarity
        )  # fmt: skip
    else:
        candidates = maker.candidates(items, np.empty((len(items), 0)), costs)
        picked = first_pickable(candidates, settings.count, settings.plate, space.similarity)
    return _unpredicted([items[place] for place in picked], [origins[place] for place in picked], len(items))
