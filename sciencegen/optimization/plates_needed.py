"""How many more plates a value takes: the first item that reaches it, in draws of what would be measured.

    y ~ the predictive distribution of the candidates (`forecast`)      K = ceil(first place with y >= value / batch)

The candidates come in the order of picking: this plate, then the others by their means. What later plates teach the
model is not foreseen, so that K is rather too large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.forecast import BLOCK, DRAWS, drawn_measurements, is_hit
from sciencegen.optimization.posterior import LEVEL, Posterior

MOST_BLOCKS = 3
"""Blocks of candidates that are looked at; draws of different blocks are independent."""


@dataclass(frozen=True)
class PlatesNeeded:
    """Plates until an item reaches a value, the next one included.

    Parameters
    ----------
    value : float
    median, lower, upper : float
        Median and ends of the 90% interval; infinite if the candidates that were looked at don't reach it.
    most : int
        Plates that these candidates fill.
    reached : float
        Probability that one of them reaches it.
    beyond : bool
        Whether the value lies beyond the end of the model's scale, so that no prediction reaches it.
    """

    value: float
    median: float
    lower: float
    upper: float
    most: int
    reached: float
    beyond: bool = False


def plates_needed(
    rows: FeatureRows,
    picked: Int[np.ndarray, " pick"],
    posterior: Posterior,
    settings: CampaignSettings,
    generator: np.random.Generator,
) -> PlatesNeeded | None:
    """The plates that the candidates with these features take until one reaches `settings.reach`; None without it.

    Parameters
    ----------
    rows : rows [candidate]
        Features of all candidates.
    picked : array of int [pick]
        Those of the next plate.
    posterior : Posterior
        Of the values, negated if they are minimized.
    settings : CampaignSettings
        Later plates have as many items as the next one, and its misfit.
    generator : numpy.random.Generator

    Returns
    -------
    PlatesNeeded or None
    """
    value, minimize = settings.reach, settings.minimize
    if value is None:
        return None
    means = posterior.means(rows)
    rest = np.setdiff1d(np.argsort(-means, kind="stable"), picked, assume_unique=True)  # keeps the order
    order = np.concatenate([picked, rest])[: MOST_BLOCKS * BLOCK]
    first = np.full(DRAWS, math.inf)
    common = generator.standard_normal((DRAWS, 1))
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        drawn = drawn_measurements(rows[block], posterior, generator, settings.misfit, common)
        good = is_hit(-drawn if minimize else drawn, value, minimize)
        place = np.where(good.any(1), start + good.argmax(1), math.inf)
        first = np.minimum(first, place)
    plates = np.floor(first / settings.count) + 1
    tail = (1 - LEVEL) / 2
    lower, median, upper = np.quantile(plates, [tail, 0.5, 1 - tail], method="inverted_cdf").tolist()
    most = math.ceil(len(order) / settings.count)
    beyond = (-value if minimize else value) > posterior.warp.highest
    return PlatesNeeded(value, median, lower, upper, most, float(np.isfinite(first).mean()), beyond)
