"""Backtests: replays of design campaigns. All candidates are measured already, and a plate's values are looked up.

    plate_1 at random; plate_n by `next_plate` from the measurements of plates 1 to n - 1

The same function makes the plates of real campaigns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from sciencegen.errors import DataError
from sciencegen.optimization.campaign import Plate, next_plate
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace, CandidatePool, CandidateSources
from sciencegen.optimization.measurements import LEAST_MEASURED, Measurement, settled_values
from sciencegen.optimization.posterior import PlateError, plate_error
from sciencegen.optimization.targets import one_target

PROPOSE, GREEDY, ONE_SHOT, RANDOM = "propose", "greedy", "one-shot", "random"
METHODS = {
    PROPOSE: "plates by the settings' acquisition",
    GREEDY: "plates of the best predictions",
    ONE_SHOT: "random plates, the last of the best predictions",
    RANDOM: "random plates",
}
"""What replays compare; the first plate is random in all of them."""
SettingsOfPlate = Callable[[int], CampaignSettings]
"""Number of the plate, from 1 -> its settings."""
VALUE = "value"
"""Name of the target."""


@dataclass(frozen=True)
class Landscape:
    """Measured items, the only candidates of a replay. The space's items are their places in `measured`."""

    measured: Sequence[Measurement]
    space: CampaignSpace
    pool: CandidatePool
    minimize: bool = False

    def next_plate(
        self, known: Sequence[Measurement], settings: CampaignSettings, generator: np.random.Generator, is_random: bool
    ) -> Plate:
        """The next plate; a random one is made as the first plate of a campaign is, from items that aren't measured."""
        measured, pending = ([], [one.item for one in known]) if is_random else (known, [])
        targets = one_target(measured, self.minimize, VALUE)
        return next_plate(self.space, targets, pending, settings, generator, CandidateSources(self.pool))


@dataclass(frozen=True)
class ReplayedRound:
    """number: of the plate, from 1. measured: items so far. best: value so far. held: share of the plate's values that
    lie in their 90% intervals, NaN without intervals. hits: values of the plate that reach the threshold, NaN without
    one. hits_expected, hits_low, hits_high: forecast mean and 90% interval of these, NaN without a model. beats_best:
    probability that the forecast gave to a value better than all before, NaN without a model."""

    number: int
    measured: int
    best: float
    held: float
    hits: float = math.nan
    hits_expected: float = math.nan
    hits_low: float = math.nan
    hits_high: float = math.nan
    beats_best: float = math.nan


def landscape_of(space: CampaignSpace, measured: Sequence[Measurement], minimize: bool = False) -> Landscape:
    """Compute the features of all measured items once, for all campaigns.

    Examples
    --------
    >>> import numpy as np
    >>> space = CampaignSpace(
    ...     key=str, features=lambda items: np.array(items, float)[:, None],
    ...     similarity=lambda some, others: np.zeros((len(some), len(others))),
    ... )
    >>> found = landscape_of(space, [Measurement("7", 7, 0.5, np.nan, 1, 0), Measurement("9", 9, 1.5, np.nan, 1, 0)])
    >>> found.space.key(1), found.space.features([1]), found.measured[1].item
    ('9', array([[9.]]), 1)
    """
    items = [one.item for one in measured]
    keys, rows = [space.key(item) for item in items], space.features(items)
    marks = None if space.marks is None else space.marks(items)

    def similarity(some: Sequence[int], others: Sequence[int]) -> Float[np.ndarray, "item reference"]:
        return space.similarity([items[place] for place in some], [items[place] for place in others])

    indexed = CampaignSpace(
        key=keys.__getitem__,
        features=lambda places: rows[np.asarray(places, int)],
        similarity=similarity,
        marks=None if marks is None else lambda places: [marks[place] for place in places],
    )
    at_places = [replace(one, item=place) for place, one in enumerate(measured)]
    return Landscape(at_places, indexed, CandidatePool(range(len(items)), keys, np.ones(len(items))), minimize)


def replay(
    landscape: Landscape, method: str, settings_of: SettingsOfPlate, rounds: int, seed: Sequence[int]
) -> Iterator[ReplayedRound]:
    """The rounds of one campaign.

    Parameters
    ----------
    landscape : Landscape
    method : str
        A name in `METHODS`.
    settings_of : callable
        Settings of each plate; methods other than "propose" replace the acquisition.
    rounds : int
        Plates, the random first one included.
    seed : sequence of int
        Equal seeds have equal first plates, whatever the method.

    Yields
    ------
    ReplayedRound
    """
    known: list[Measurement] = []
    errors: list[PlateError] = []
    minimize = landscape.minimize
    for number in range(1, rounds + 1):
        settings = replace(settings_of(number), earlier=tuple(errors))
        acquisition = acquisition_of(method, number, rounds, settings.plate.acquisition)
        settings = replace(settings, plate=replace(settings.plate, acquisition=acquisition or GREEDY))
        differ = len({one.value for one in known}) > 1 and any(one.limits is None for one in known)
        is_random = acquisition is None or len(known) < LEAST_MEASURED or not differ  # `propose` refuses to fit these
        plate = landscape.next_plate(known, settings, np.random.default_rng((*seed, number)), is_random)
        results = [replace(landscape.measured[place], round=number) for place in plate.items]
        known += results
        errors += _error(plate, results, minimize)
        best = (min if minimize else max)(settled_values(known, minimize))
        yield ReplayedRound(
            number, len(known), best, _share_inside(plate, results), *_hits(plate, results, settings.hit, minimize)
        )


def acquisition_of(method: str, number: int, rounds: int, own: str) -> str | None:
    """The acquisition of a plate, None if it is random. own: that of the settings.

    Examples
    --------
    >>> [acquisition_of("one-shot", number, 3, "thompson") for number in (1, 2, 3)]
    [None, None, 'greedy']
    """
    if number == 1 or method == RANDOM or (method == ONE_SHOT and number < rounds):
        return None
    return own if method == PROPOSE else GREEDY


def _error(plate: Plate, results: Sequence[Measurement], minimize: bool) -> list[PlateError]:
    """The plate's error; [] without predictions. Bounds don't count."""
    values = [one.value if one.limits is None else math.nan for one in results]
    found = plate_error(values, list(plate.predicted[VALUE]), minimize)
    return [] if found is None else [found]


def _hits(plate: Plate, results: Sequence[Measurement], hit: float | None, minimize: bool) -> tuple[float, ...]:
    """The number of hits, and the forecast. A value whose limits leave it open is none."""
    found = plate.forecast
    threshold = hit if found is None else found.threshold
    hits = math.nan
    if threshold is not None:
        hits = float(sum(one.is_hit(threshold, minimize) is True for one in results))
    if found is None:
        return (hits,)
    return hits, found.expected, float(found.lower), float(found.upper), found.beats_best


def _share_inside(plate: Plate, results: Sequence[Measurement]) -> float:
    """NaN without intervals."""
    _, lower, upper = plate.predicted[VALUE]
    if not results or np.isnan(lower).any():
        return float("nan")
    ends = zip(results, lower.tolist(), upper.tolist(), strict=True)
    return float(np.mean([one.agrees(lower, upper) for one, lower, upper in ends]))


@dataclass(frozen=True)
class BestScale:
    """Values as a fraction of the best one: (value - zero) / (best - zero). is_median: whether zero is the median."""

    zero: float
    best: float
    is_median: bool

    def fraction(self, value: float) -> float:
        return (value - self.zero) / (self.best - self.zero)


def best_scale(values: Float[np.ndarray, " item"], minimize: bool = False) -> BestScale:
    """The scale of a landscape: from 0 to the maximum, or from the median to the best value where the best value is not
    above 0 or the least.

    Examples
    --------
    >>> import numpy as np
    >>> best_scale(np.array([1.0, 2.0, 4.0])).fraction(2.0)
    0.5
    >>> best_scale(np.array([-4.0, -2.0, -1.0])).fraction(-1.5)
    0.5
    >>> best_scale(np.array([1.0, 3.0, 4.0]), minimize=True).fraction(2.0)
    0.5
    """
    best = float(values.min() if minimize else values.max())
    if best > 0 and not minimize:
        return BestScale(0.0, best, False)
    median = float(np.median(values))
    if median == best:
        raise DataError(
            f"Expected measured values of which less than half are the best one, got {best:g} in half of {len(values)} "
            "or more: there is nothing to find. Name another column with `target`, or the other direction."
        )
    return BestScale(median, best, True)


# Statistics of replayed campaigns: final best, items until a threshold is reached, and coverage of the intervals.

Campaign = Sequence[ReplayedRound]
LEVEL = 0.95
"""Of the interval of the mean."""


@dataclass(frozen=True)
class ReplayStatistics:
    """Figures of the campaigns of one method.

    Parameters
    ----------
    campaigns : int
    mean, mean_lower, mean_upper : float
        Of the best after the last round, with a 95% interval (Student's t); NaN for one campaign.
    worst : float
        Best after the last round of the worst campaign.
    reached : float
        Share of the campaigns that reach the threshold.
    items_to_threshold : int or None
        Items that are measured, in whole plates, until a campaign reaches the threshold: the median; None if fewer than
        half reach it.
    most_items_to_threshold : int or None
        The same of the slowest campaign; None if one doesn't reach it.
    coverage : float
        Share of the measured values that are inside their 90% intervals; NaN without intervals.
    coverage_by_round : list of float
        The same of each round.
    hits, hits_expected : float
        Mean number of hits of the plates with a forecast, and mean of what was forecast; NaN without a forecast.
    hits_coverage : float
        Share of the forecasts whose 90% interval holds the number of hits; NaN without a forecast.
    """

    campaigns: int
    mean: float
    mean_lower: float
    mean_upper: float
    worst: float
    reached: float
    items_to_threshold: int | None
    most_items_to_threshold: int | None
    coverage: float
    coverage_by_round: list[float]
    hits: float
    hits_expected: float
    hits_coverage: float


def replay_statistics(campaigns: Sequence[Campaign], threshold: float) -> ReplayStatistics:
    """Statistics of campaigns whose `best` is a fraction.

    Examples
    --------
    >>> first = [ReplayedRound(1, 8, 0.5, math.nan), ReplayedRound(2, 16, 1.0, 0.75)]
    >>> second = [ReplayedRound(1, 8, 0.9, math.nan), ReplayedRound(2, 16, 0.9, 1.0)]
    >>> found = replay_statistics([first, second], 0.9)
    >>> found.mean, found.worst, found.items_to_threshold, found.most_items_to_threshold, found.coverage
    (0.95, 0.9, 8, 16, 0.875)
    """
    final = np.array([rounds[-1].best for rounds in campaigns])
    lower, upper = _interval_of_mean(final)
    items = sorted(
        next((one.measured for one in rounds if one.best >= threshold), math.inf) for rounds in campaigns
    )  # fmt: skip
    by_round = [_coverage([rounds[: place + 1] for rounds in campaigns], place) for place in range(len(campaigns[0]))]
    return ReplayStatistics(
        campaigns=len(campaigns),
        mean=float(final.mean()),
        mean_lower=lower,
        mean_upper=upper,
        worst=float(final.min()),
        reached=float(np.isfinite(items).mean()),
        items_to_threshold=_whole(items[(len(items) - 1) // 2]),
        most_items_to_threshold=_whole(items[-1]),
        coverage=_coverage(campaigns),
        coverage_by_round=by_round,
        **_mean_hits(campaigns),
    )


def _mean_hits(campaigns: Sequence[Campaign]) -> dict[str, float]:
    """Figures of the forecasts of hits."""
    rounds = [one for own in campaigns for one in own if not math.isnan(one.hits_expected)]
    if not rounds:
        return {"hits": math.nan, "hits_expected": math.nan, "hits_coverage": math.nan}
    return {
        "hits": float(np.mean([one.hits for one in rounds])),
        "hits_expected": float(np.mean([one.hits_expected for one in rounds])),
        "hits_coverage": float(np.mean([one.hits_low <= one.hits <= one.hits_high for one in rounds])),
    }


def _interval_of_mean(values: np.ndarray) -> tuple[float, float]:
    """The ends of the interval, mean -+ t s / sqrt(n)."""
    from scipy import stats

    if len(values) < 2:
        return math.nan, math.nan
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def _whole(count: float) -> int | None:
    return int(count) if math.isfinite(count) else None


def _coverage(campaigns: Sequence[Campaign], first: int = 0) -> float:
    """Share inside the intervals among all items of the rounds from place `first` on."""
    inside = items = 0.0
    for rounds in campaigns:
        before = [0, *(one.measured for one in rounds)]
        for place, one in enumerate(rounds):
            if place >= first and not math.isnan(one.held):
                inside += one.held * (one.measured - before[place])
                items += one.measured - before[place]
    return inside / items if items else math.nan
