"""How items that were picked for their predictions differ from the posterior, learned from the plates before.

    b ~ N(b_0, v)                      how much worse such items are than predicted, on this landscape
    e_k | b ~ N(-b, c + 1 / n_k)       mean error of the n_k measured items of plate k, in calibrated deviations
    1 / w = 1 / v + sum_k 1 / (c + 1 / n_k)
    E(b | e) = b_0 - w sum_k (e_k + b_0) / (c + 1 / n_k)

The next plate has this bias, and c + w of the variance of its errors in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from sciencegen.optimization.posterior import LEVEL

WIDER = 1.2
"""Factor of the 90% intervals of a plate's items, which were picked for what the model may be wrong about: plates of
replayed campaigns on PAB1 and UBE4B held 86 to 96% of their values so, instead of 77 to 93%."""
BIAS, AMONG, COMMON = 0.3, 0.07, 0.05
"""b_0, v and c, fitted to plates of 48 of replayed campaigns on PAB1 and UBE4B, once towards high and once towards low
values. The hit counts of these four are most likely at biases of 0.57, 0.25, 0.25 and 0.22, and a common share of 0.1
or less; v is their variance with Student's t of four. With a pool of surrogates (`forecast`) shares of 0.03 to 0.1 are
equally likely, and one of 0.05 gives intervals as wide as 0.1 did without."""

MOST = 5.0
"""Largest error of an item that counts, in calibrated deviations."""
LINEAR, TINY = 1e-4, 1e-12
"""Difference of an interval's halves up to which a scale counts as linear, and the least argument of a logarithm."""
Errors = Float[np.ndarray, " item"]


@dataclass(frozen=True)
class Misfit:
    """How items that were picked for their predictions differ from the posterior, in calibrated deviations.

    Parameters
    ----------
    bias : float
        b: how much worse they are on average.
    common : float
        c: share of the variance of an error that all items of the plate have in common.
    """

    bias: float = 0.0
    common: float = 0.0


PICKED = Misfit(BIAS, COMMON + AMONG)
"""Of the first plate that is picked for its predictions."""


@dataclass(frozen=True)
class PlateError:
    """mean: error of a plate's measured items on average, in calibrated deviations, above 0 if they are better than
    predicted. items: how many they are."""

    mean: float
    items: int


def misfit_after(plates: Sequence[PlateError]) -> Misfit:
    """The misfit of the plate after these ones; `PICKED` after none.

    Examples
    --------
    >>> misfit_after([]) == PICKED
    True
    >>> found = misfit_after([PlateError(0.2, 96), PlateError(0.1, 96)])  # better than predicted
    >>> round(found.bias, 2), round(found.common, 2)
    (-0.01, 0.07)
    """
    precision = [1 / (COMMON + 1 / one.items) for one in plates]
    left = 1 / (1 / AMONG + sum(precision))
    told = sum((one.mean + BIAS) * own for one, own in zip(plates, precision, strict=True))
    return Misfit(BIAS - left * told, COMMON + left)


def plate_error(values: Sequence[float], ends: Sequence[Errors], minimize: bool) -> PlateError | None:
    """The error of a plate of which these values were measured; None without any that was predicted. ends: median,
    lower and upper end of each, as `Plate` has them. Errors are those on the model's scale, as far as `MOST`.

    Examples
    --------
    >>> import numpy as np
    >>> ends = np.array([10.0, 10.0]), np.array([1.0, 1.0]), np.array([100.0, 100.0])
    >>> plate_error([100.0, 1.0], ends, minimize=False)  # both by one interval's half on a logarithmic scale
    PlateError(mean=0.0, items=2)
    """
    median, lower, upper = ends
    error, below, above = np.asarray(values, float) - median, median - lower, upper - median
    known = np.isfinite(error) & np.isfinite(below) & np.isfinite(above) & (below > 0) & (above > 0)
    if not known.any():
        return None
    halves = _halves(error[known], below[known], above[known])
    errors = np.clip(WIDER * float(ndtri((1 + LEVEL) / 2)) * halves, -MOST, MOST)
    mean = float(errors.mean())
    return PlateError(-mean if minimize else mean, int(known.sum()))


def _halves(error: Errors, below: Errors, above: Errors) -> Errors:
    """Errors in halves of their interval on the scale, linear or logarithmic, on which both halves are equal.

    With r = above / below this is log(1 + error (r - 1) / above) / log(r): 1 at the upper end, -1 at the lower one.
    """
    ratio = above / below
    bent = np.log(np.maximum(1 + error * (ratio - 1) / above, TINY)) / np.where(ratio == 1, 1, np.log(ratio))
    return np.where(np.abs(ratio - 1) < LINEAR, error / above, bent)
