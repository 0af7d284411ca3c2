"""Optimization in rounds of measurements: the next plate, given the measurements of one or several targets so far.

journal.py        every proposal and measurement, in an append-only table
measurements.py   replicates averaged
posterior.py      a surrogate and a scale, chosen by cross-validated likelihood
targets.py        goals on measured columns, and a posterior for each
candidates.py     candidates from a pool, from moves, from a latent space
plate.py          a batch of candidates by an acquisition, diverse and within a cost limit
pareto_plate.py   the same for several targets, by expected hypervolume improvement
forecast.py       how many items of a batch will be hits
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from sciencegen.data.statistics import evenly_spaced
from sciencegen.optimization.candidates import (
    POOL,
    CampaignSettings,
    CampaignSpace,
    CandidateMaker,
    CandidateSources,
    Item,
)
from sciencegen.optimization.forecast import (
    MOST_ITEMS,
    Forecast,
    default_threshold,
    forecast,
    misfit_of_plate,
    share_beside_hits,
)
from sciencegen.optimization.measurements import settled_values
from sciencegen.optimization.pareto_plate import ByHypervolume, by_hypervolume
from sciencegen.optimization.plate import ByAcquisition, Candidates, first_pickable, pick_by_prior
from sciencegen.optimization.posterior import GP, WIDER, SurrogatePosterior
from sciencegen.optimization.targets import Targets, fit_target

Predicted = Mapping[str, Float[np.ndarray, "3 item"]]
"""Target -> median, lower and upper end of the next measurement of each item, in its unit."""


@dataclass(frozen=True)
class Plate:
    """The next batch, in the order of picking.

    Parameters
    ----------
    items : list
    sources : list of str
        Of each item: the move or draw that made it, "pool", "start", "offered" or "earlier".
    predicted : mapping
        Target -> array [3 item]: median and 90% interval of the next measurement; NaN without any measurement.
    candidate_count : int
        Number of candidates that could be picked.
    models : mapping
        Target -> its fitted model; empty without any measurement.
    feasible : array [item]
        Probability that all constraints are met; 1 without constraints, NaN without models.
    extra : mapping
        As `predicted`, of further items (`next_plate`'s `extra`); empty without models.
    settings : sequence of str
        The process parameters of each item (`process.setting_text`); empty without any.
    forecast : Forecast, optional
        How many of the items will be hits; None without any measurement, and for several targets.
    """

    items: list[Item]
    sources: list[str]
    predicted: Predicted
    candidate_count: int
    models: Mapping[str, SurrogatePosterior] = field(default_factory=dict)
    feasible: Float[np.ndarray, " item"] = field(default_factory=lambda: np.empty(0))
    extra: Predicted = field(default_factory=dict)
    forecast: Forecast | None = None
    settings: Sequence[str] = ()


def next_plate(
    space: CampaignSpace,
    targets: Targets,
    pending: Sequence[Item],
    settings: CampaignSettings,
    generator: np.random.Generator,
    sources: CandidateSources | None = None,
    extra: Sequence[Item] | Callable[[Sequence[Item]], Sequence[Item]] = (),
) -> Plate:
    """The batch to measure next.

    Parameters
    ----------
    space : CampaignSpace
    targets : Targets
        If nothing is measured, the plate is random and nothing is predicted. Items for one objective are picked by the
        settings' acquisition, those for several targets by expected hypervolume improvement.
    pending : sequence
        Items that are being measured. They are not proposed again; acquisitions that plan ahead take them into account.
    settings : CampaignSettings
    generator : numpy.random.Generator
    sources : CandidateSources, optional
        By default candidates come from the space's moves and draws alone.
    extra : sequence or callable
        Items that are predicted with the plate, whether or not they may be proposed; or items of the plate -> these.

    Returns
    -------
    Plate

    Raises
    ------
    DataError
        With fewer than 3 measurements of a target, or measurements of it that are all equal.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.optimization.candidates import CandidatePool
    >>> from sciencegen.optimization.targets import one_target
    >>> space = CampaignSpace(
    ...     key=str, features=lambda items: np.array(items, float)[:, None],
    ...     similarity=lambda some, others: np.zeros((len(some), len(others))),
    ... )
    >>> pool = CandidateSources(CandidatePool(range(10), [str(item) for item in range(10)], np.ones(10)))
    >>> plate = next_plate(space, one_target([]), [5], CampaignSettings(3), np.random.default_rng(0), pool)
    >>> len(plate.items), 5 in plate.items, plate.candidate_count
    (3, False, 9)
    """
    sources = sources or CandidateSources()
    items = {space.key(one.item): one.item for own in targets.measured.values() for one in own}
    maker = CandidateMaker(space, settings, generator, sources, space.names_of([*items.values(), *pending]))
    tasks = []
    for earlier in sources.priors:
        space.report(f"fitting a model to {len(earlier):,} items measured before", 0, None)
        of_earlier, (sign,) = space.features([one.item for one in earlier]), targets.signs.values()
        tasks.append(fit_target(of_earlier, earlier, sign, replace(settings, surrogate=GP), generator))
    if not items:
        return _first_plate(maker, targets, tasks[0] if tasks else None)
    what = "a model" if targets.is_one else f"models of {len(targets.names)} targets"
    space.report(f"fitting {what} to {len(items):,} measured items", 0, None)
    rows, row = space.features(list(items.values())), {key: place for place, key in enumerate(items)}
    places = {
        name: np.array([row[space.key(one.item)] for one in own], int) for name, own in targets.measured.items()
    }  # fmt: skip
    models = targets.fit(rows, places, settings, generator, [one.means for one in tasks])
    waiting = space.features(pending) if pending else None
    picks: ByAcquisition | ByHypervolume
    if targets.is_one:
        picks = ByAcquisition(models.posteriors[targets.names[0]], rows, waiting)
    else:
        picks = by_hypervolume(models, rows, places, waiting)
    if sources.pool is not None:
        candidates, origins = maker.from_pool(sources.pool)
    else:
        candidates, origins = maker.bred(list(items.values()), picks.of_measured, picks.ratings)
    plate = _unpredicted([], [], 0, targets)
    if len(candidates.items):
        space.report(f"picking {settings.count:,} of {len(candidates.items):,} candidates", 0, None)
        if space.common is not None:
            found = _under_common(space, candidates, maker.excluded, picks, settings, generator)
            candidates, open_places, picked = found
            origins = [origins[place] for place in open_places]
        else:
            picked = picks.pick(candidates, settings.count, settings.plate, generator, space.similarity)
        chosen = candidates.rows[picked]
        plate = Plate(
            [candidates.items[place] for place in picked], [origins[place] for place in picked],
            models.predicted(chosen, WIDER if targets.is_one else 1.0), len(candidates.items),
            feasible=models.probability(chosen),
        )  # fmt: skip
        if targets.is_one:
            ((name, posterior),) = models.posteriors.items()
            own, minimize = targets.measured[name], targets.signs[name] < 0
            exact = [place for place, one in enumerate(own) if one.limits is None]
            exact = [exact[place] for place in evenly_spaced(len(exact), MOST_ITEMS)]
            known = [own[place].item for place in exact]
            values = targets.signs[name] * np.array([own[place].value for place in exact])
            alike = np.asarray(space.similarity(known, known))
            misfit = misfit_of_plate(
                settings.earlier, posterior, rows[places[name][exact]], values, alike,
                np.asarray(space.similarity(plate.items, known)),
            )  # fmt: skip
            settled = settled_values(own, minimize)
            hit = default_threshold(settled, minimize) if settings.hit is None else settings.hit
            are_hits = values >= targets.signs[name] * hit
            hits = forecast(
                chosen, posterior, settled, generator, hit=hit, minimize=minimize, misfit=misfit,
                most=share_beside_hits(are_hits, alike) if settings.beside_measured else 1.0,
            )  # fmt: skip
            plate = replace(plate, forecast=hits)
    beside = extra(plate.items) if callable(extra) else extra
    return replace(
        plate, models=models.posteriors, extra=models.predicted(space.features(beside)) if beside else {}
    )  # fmt: skip


def _under_common(
    space: CampaignSpace, candidates: Candidates, excluded: set[str], picks: ByAcquisition | ByHypervolume,
    settings: CampaignSettings, generator: np.random.Generator,
) -> tuple[Candidates, Int[np.ndarray, " candidate"], Int[np.ndarray, " pick"]]:  # fmt: skip
    """The candidates under the common value whose plate is worth the most, less the change; their places, and the
    picks."""
    assert space.common is not None
    plates = []
    for own, places, cost in space.common(candidates, excluded):
        picked = picks.pick(own, settings.count, settings.plate, generator, space.similarity)
        worth = picks.worth(own.rows[picked], generator) - cost if len(picked) else -math.inf
        plates.append((worth, own, places, picked))
    return max(plates, key=lambda plate: plate[0])[1:]


def _unpredicted(items: list[Item], sources: list[str], candidate_count: int, targets: Targets) -> Plate:
    nothing = np.full((3, len(items)), np.nan)
    predicted = dict.fromkeys(targets.names, nothing)
    return Plate(items, sources, predicted, candidate_count, feasible=nothing[0])


def _first_plate(maker: CandidateMaker, targets: Targets, prior: SurrogatePosterior | None) -> Plate:
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
    if space.common is not None and items:
        every = space.common(maker.candidates(items, np.empty((len(items), 0)), costs), maker.excluded)
        own, at, _ = every[int(maker.generator.integers(len(every)))]
        items, origins, costs = list(own.items), [origins[place] for place in at], own.costs
    if prior is not None and items:
        candidates = maker.candidates(items, space.features(items), costs)
        picked = pick_by_prior(
            candidates, prior, settings.count, settings.plate, maker.generator, space.similarity
        )  # fmt: skip
    else:
        candidates = maker.candidates(items, np.empty((len(items), 0)), costs)
        picked = first_pickable(candidates, settings.count, settings.plate, space.similarity)
    return _unpredicted(
        [items[place] for place in picked], [origins[place] for place in picked], len(items), targets
    )  # fmt: skip
