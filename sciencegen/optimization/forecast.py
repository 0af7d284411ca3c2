"""How many items of a plate will be hits, before they are measured: the predictive distribution of a count.

    f ~ N(m, K)                                           the joint posterior of the plate, on the model's scale
    z_i = (f_i - m_i + s n_i) / sqrt(K_ii + s^2)          errors of items are correlated, noise n_i is not
    y_i = t^-1(m_i + d_i q_i(v (sqrt(1 - c) z_i + sqrt(c) e) - b))
    N = sum_i [y_i is at least as good as the threshold]

m, K, s^2: mean, covariance and noise. t: the scale. d_i: the calibrated deviation of a measurement. q_i gives errors
the shape of left-out residuals (`ResidualCalibration.shaped`). n_i, e ~ N(0, 1). b: picked items are worse than
predicted on average, since the best predictions out of many are those with the luckiest errors. c: share of an error
that the whole plate has in common beyond the posterior's correlations, as if the model were wrong about all that it
likes. v: widening. Earlier plates, and series that are left out, tell b, c and v (`posterior.Misfit`).

N is a linear pool of the surrogates on the chosen scale with equal weights (Stone 1961): the most likely one, of which
all other predictions are, picked the plate, and the other one doesn't share its errors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import DataError
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.normals import draws_of
from sciencegen.optimization.posterior import LEVEL, MOST, PICKED, Misfit, PlateError, SurrogatePosterior, misfit_after

DRAWS = 2000
BLOCK = 1000
"""Items with a joint distribution; blocks of a larger plate are drawn independently."""
GOOD_SHARE = 0.1
"""Share of the measured items that reach the default threshold."""
LARGEST_BIAS, HALVINGS = 4.0, 8
"""Calibrated deviations by which a bias is raised at most, and steps of the search for it."""


@dataclass(frozen=True)
class Forecast:
    """A plate's hits.

    Parameters
    ----------
    threshold : float
        A measured value at least as good as this is a hit.
    items : int
        Items of the plate, controls excepted.
    expected : float
        Mean of the number of hits.
    lower, upper : int
        Ends of its 90% interval.
    best : float
        The best value measured before.
    beats_best : float
        Probability that an item is better than that.
    """

    threshold: float
    items: int
    expected: float
    lower: int
    upper: int
    best: float
    beats_best: float

    def to_text(self) -> str:
        """As JSON on one line.

        Examples
        --------
        >>> Forecast(2.5, 96, 12.25, 8, 17, 3.0, 0.75).to_text()
        '{"threshold": 2.5, "items": 96, "expected": 12.25, "lower": 8, "upper": 17, "best": 3.0, "beats_best": 0.75}'
        """
        return json.dumps(asdict(self))


def read_forecast(text: str, place: str) -> Forecast:
    """The forecast in a text. place: words for it in an error.

    Examples
    --------
    >>> one = Forecast(2.5, 96, 12.25, 8, 17, 3.0, 0.75)
    >>> read_forecast(one.to_text(), "line 2") == one
    True
    """
    names = [one.name for one in fields(Forecast)]
    try:
        found = json.loads(text)
        numbers = {name: float(found[name]) for name in names}
    except (ValueError, TypeError, KeyError, OverflowError):
        numbers = {}
    if not numbers or not all(map(math.isfinite, numbers.values())):
        raise DataError(
            f"Expected a forecast with {', '.join(names)} in {place}, found {text[:60]!r}. Clear that cell."
        )
    items, lower, upper = (int(numbers[name]) for name in ("items", "lower", "upper"))
    threshold, expected, best, beats_best = (numbers[name] for name in ("threshold", "expected", "best", "beats_best"))
    return Forecast(threshold, items, expected, lower, upper, best, beats_best)


def is_hit(values: Float[np.ndarray, "..."], threshold: float, minimize: bool) -> np.ndarray:
    """Which values are at least as good as the threshold."""
    return values <= threshold if minimize else values >= threshold


def default_threshold(values: Sequence[float], minimize: bool) -> float:
    """The value that a tenth of the measured items, at least one, reach.

    Examples
    --------
    >>> default_threshold(range(1, 21), False), default_threshold(range(1, 21), True)
    (19.0, 2.0)
    """
    ordered = sorted(values, reverse=not minimize)
    return float(ordered[max(1, round(GOOD_SHARE * len(ordered))) - 1])


def forecast(
    rows: FeatureRows,
    posterior: SurrogatePosterior,
    values: Sequence[float],
    generator: np.random.Generator,
    *,
    hit: float,
    minimize: bool = False,
    misfit: Misfit = PICKED,
    most: float = 1.0,
) -> Forecast:
    """The number of hits among items with these features, each measured once.

    Parameters
    ----------
    rows : rows [item]
        Features of the plate's items.
    posterior : Posterior
        Of the values, negated with `minimize`.
    values : sequence of float
        All measured values.
    generator : numpy.random.Generator
    hit : float
        A measured value at least as good as this is a hit.
    minimize : bool
    misfit : Misfit
        Of the plate's items; by default that of a campaign's first such plate.
    most : float
        Share of the items that are hits at most on average. Where more are predicted, the bias of the misfit is raised.

    Returns
    -------
    Forecast

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.optimization.posterior import Measured, fit_posterior
    >>> rows = np.linspace(-2, 2, 40)[:, None]
    >>> values = rows[:, 0] + 0.01 * np.sin(50 * rows[:, 0])
    >>> measured = Measured(values, np.full(40, np.nan))
    >>> posterior = fit_posterior(rows, measured, np.random.default_rng(0), surrogate="gp", scale="linear")
    >>> found = forecast(rows[::4], posterior, values, np.random.default_rng(0), hit=1.0)
    >>> found.items, bool(found.lower <= (values[::4] >= 1.0).sum() <= found.upper)
    (10, True)
    """
    best = float(min(values) if minimize else max(values))
    models = [posterior, *posterior.others]

    def counted(misfit: Misfit, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        counts, better = np.zeros((len(models), DRAWS)), np.zeros((len(models), DRAWS), bool)
        for model, own, beats in zip(models, counts, better, strict=True):
            common = generator.standard_normal((DRAWS, 1))
            for start in range(0, len(rows), BLOCK):
                drawn = drawn_measurements(rows[start : start + BLOCK], model, generator, misfit, common)
                drawn = -drawn if minimize else drawn
                own += is_hit(drawn, hit, minimize).sum(1)
                beats |= (drawn < best if minimize else drawn > best).any(1)
        return counts, better

    same = deepcopy(generator)
    counts, better = counted(misfit, generator)
    low, high = misfit.bias, misfit.bias + LARGEST_BIAS
    for _ in range(HALVINGS if counts.mean() > most * len(rows) else 0):
        middle = (low + high) / 2
        counts, better = counted(replace(misfit, bias=middle), deepcopy(same))
        low, high = (middle, high) if counts.mean() > most * len(rows) else (low, middle)
    tail = (1 - LEVEL) / 2
    lower, upper = np.quantile(counts, [tail, 1 - tail], method="inverted_cdf")
    return Forecast(hit, len(rows), float(counts.mean()), int(lower), int(upper), best, float(better[0].mean()))


def drawn_measurements(
    rows: FeatureRows, posterior: SurrogatePosterior, generator: np.random.Generator, misfit: Misfit,
    common: Float[np.ndarray, "draw 1"],
) -> Float[np.ndarray, "draw item"]:  # fmt: skip
    """Draws of one measurement of each item, in the unit of the values that the posterior was fitted to."""
    joint = posterior.joint(posterior.points(rows))
    noise = math.sqrt(joint.noise) * generator.standard_normal((DRAWS, len(rows)))
    own = np.sqrt(np.diag(joint.covariance).clip(1e-12) + joint.noise)
    errors = (draws_of(joint, DRAWS, generator) - joint.mean + noise) / own
    errors = math.sqrt(1 - misfit.common) * errors + math.sqrt(misfit.common) * common
    errors = misfit.widening * errors - misfit.bias
    calibration = posterior.calibration
    errors = calibration.deviation(joint.mean, own) * calibration.shaped(joint.mean, errors)
    return posterior.warp.inverse(joint.mean + errors)


# How far picks are off in series that the model doesn't know. A plate is near the measured items, or in new territory;
# left-out items have near relatives among the measured ones, so that they tell nothing of the latter. Whole series do:
#
#     P = (K + S)^-1                                        of all items, with the kernel fitted to them
#     m_G = y_G - P_GG^-1 (P (y - mu))_G,   C_G = P_GG^-1   of a series G, from all others (Rasmussen & Williams 2006,
#                                                           eq. 5.12, in blocks)
#
# The best predictions of each series are as if picked for a plate. Their n errors e, in calibrated deviations, are
# those of a `PlateError`. With R their correlations in C_G, r = 1'R1 / n^2 is the variance of their mean if the model
# is right, 1 - r their variance around it. Draws of the posterior have these correlations already: a series counts as
# 1 / r independent items, with the variance var(e) / (1 - r). The misfit of a plate lies between that of plates near
# the measured items and that of new series, in proportion to how new its items are: 0 if they are measured, 1 if they
# belong to none of the measured series.

ALIKE = 0.4
"""Similarity from which an item is of the series of another one."""
FEWEST, FEWEST_SERIES = 8, 3
"""Items of a series that is left out, and series that tell anything. Smaller series are left out together."""
MOST_ITEMS = 1000
"""Items whose series are left out; of more, evenly spaced ones."""
PICKED_SHARE, MOST_PICKED = 0.25, 24
"""Best predictions of a series that count as picked."""


LEAST_OWN = 0.05
"""Share of the variance of picked errors that they don't have in common, at least: less says nothing of them."""


def share_beside_hits(hits: Bool[np.ndarray, " item"], similarity: Float[np.ndarray, "item item"]) -> float:
    """How often a measured item is a hit if the most similar other one is one: what the next item made beside a hit
    can be hoped to be. Of these, one hit and one miss more are counted, since few items tell little.

    Examples
    --------
    >>> import numpy as np
    >>> similarity = np.array([[1.0, 0.9, 0.2, 0.2], [0.9, 1.0, 0.5, 0.2], [0.2, 0.5, 1.0, 0.3], [0.2, 0.2, 0.3, 1.0]])
    >>> share_beside_hits(np.array([True, True, False, False]), similarity)  # 2 of 3
    0.6
    """
    others = similarity * (1 - np.eye(len(similarity)))
    beside = hits[others.argmax(1)] & (others.max(1) >= ALIKE)
    return float((hits[beside].sum() + 1) / (beside.sum() + 2))


def series_of(similarity: Float[np.ndarray, "item item"]) -> list[Int[np.ndarray, " member"]]:
    """Places of the items of each series: the item with most neighbours and all of them, and so on (Butina, J. Chem.
    Inf. Comput. Sci. 1999, 39, 747). Series of few items are put together.

    Examples
    --------
    >>> import numpy as np
    >>> near = np.kron(np.eye(2), np.ones((8, 8)))
    >>> [one.tolist() for one in series_of(near)]
    [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]]
    """
    near, free = (similarity >= ALIKE) | np.eye(len(similarity), dtype=bool), np.ones(len(similarity), bool)
    found, few = list[np.ndarray](), list[int]()
    while free.any():
        centre = int(np.argmax((near & free).sum(1) * free))
        own = np.flatnonzero(near[centre] & free)
        free[own] = False
        if len(own) >= FEWEST:
            found.append(own)
        else:
            few += own.tolist()
    rest = np.array(few, int)
    return [*found, *(np.array_split(rest, len(rest) // (2 * FEWEST)) if len(rest) >= 2 * FEWEST else [])]


def series_errors(
    posterior: SurrogatePosterior,
    rows: FeatureRows,
    values: Float[np.ndarray, " item"],
    series: Sequence[Int[np.ndarray, " member"]],
) -> list[PlateError]:
    """The errors of the best predictions in each series when it is left out; [] for a model that isn't a Gaussian
    process, and with few series. values: measured, of which more is better."""
    from sciencegen.optimization.gaussian_process import GaussianProcess  # on use: imports BoTorch

    model = next((one for one in (posterior, *posterior.others) if isinstance(one.model, GaussianProcess)), None)
    if len(series) < FEWEST_SERIES or model is None or not isinstance(model.model, GaussianProcess):
        return []
    targets = model.warp.forward(values)
    covariance = model.model.kernel(model.points(rows)) + model.noise * np.eye(len(rows))
    precision = np.linalg.inv(covariance + 1e-8 * np.eye(len(rows)))
    weights, found = precision @ (targets - model.model.constant), list[PlateError]()
    for own in series:
        block = np.linalg.inv(precision[np.ix_(own, own)])
        mean, deviation = targets[own] - block @ weights[own], np.sqrt(np.diag(block))
        errors = (targets[own] - mean) / model.calibration.deviation(mean, deviation)
        count = min(MOST_PICKED, max(FEWEST // 2, round(PICKED_SHARE * len(own))))
        best = np.argsort(-mean, kind="stable")[:count]
        picked = np.clip(errors[best], -MOST, MOST)
        of_mean = (block[np.ix_(best, best)] / np.outer(deviation[best], deviation[best])).mean()
        variance = picked.var() / max(1 - of_mean, LEAST_OWN)
        found.append(PlateError(float(picked.mean()), float(1 / of_mean), float(variance)))
    return found


def misfit_of_plate(
    earlier: Sequence[PlateError],
    posterior: SurrogatePosterior,
    rows: FeatureRows,
    values: Float[np.ndarray, " item"],
    alike: Float[np.ndarray, "item item"],
    picked: Float[np.ndarray, "pick item"],
) -> Misfit:
    """The misfit of a plate after earlier ones. rows, values: of measured items; more is better. alike, picked:
    similarities of these, and of the plate's items, to the measured ones."""
    new = float(np.clip((1 - picked.max(1)) / (1 - ALIKE), 0, 1).mean())
    series = series_errors(posterior, rows, values, series_of(alike))
    return misfit_after(earlier).towards(misfit_after(earlier, series), new)
