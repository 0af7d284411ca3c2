"""Prediction intervals with the stated coverage for any regressor.

CV+ (Barber, Candès, Ramdas, Tibshirani 2021, "Predictive inference with the jackknife+", section 3) with
normalized residuals (Papadopoulos et al. 2011): with y_i the training values, mu_{-S(i)} the model that saw neither
item i nor its fold, and sigma_{-S(i)} a difficulty estimated without it,

    R_i = |y_i - mu_{-S(i)}(x_i)| / sigma_{-S(i)}(x_i)
    lower(x) = the floor(alpha (n+1))-th smallest of mu_{-S(i)}(x) - R_i sigma_{-S(i)}(x)
    upper(x) = the ceil((1-alpha) (n+1))-th smallest of mu_{-S(i)}(x) + R_i sigma_{-S(i)}(x)

For exchangeable items and a symmetric rule, coverage is at least 1 - 2 alpha (less a term of order sqrt(folds/n)),
and close to 1 - alpha in practice. Here the families' weights, their settings and the four numbers of the difficulty
are chosen once on all rows, and the error of a neighbour, which is part of the difficulty, is that of a model that saw
item i. So the theorem holds up to these choices; tests and evaluations measure the coverage.
There is no guarantee for items that differ from the training items in kind.

If new items lie beyond the training items (more mutations, higher values), errors are not symmetric around 0. They are
measured (fitting.py): models fitted on the lower items predict the higher ones. With their signed
errors e_i = y_i - mu(x_i), the interval runs from mu + the floor(alpha/2 (n+1))-th smallest to
mu + the ceil((1-alpha/2) (n+1))-th smallest, and contains that of CV+. It is accurate if the extrapolation to new items
resembles the measured one. A difficulty fitted on similar items gives no information about such errors.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from sciencegen.errors import ConfigError, DataError


def required_rows(level: float) -> int:
    """Fewest calibration rows for which the interval at this level is finite."""
    if not 0 < level < 1:
        raise ConfigError(f"Expected an interval level between 0 and 1, got {level}. Use 0.9 for 90% intervals.")
    return max(1, math.ceil(1 / (1 - level) - 1 - 1e-9))


def ranks(level: float, rows: int) -> tuple[int, int]:
    """Indices (from 0) of the lower and upper end among sorted ends; the tolerance allows for 1 - 0.9 != 0.1."""
    if rows < required_rows(level):
        raise DataError(
            f"Expected at least {required_rows(level)} rows for intervals at level {level}, found {rows}. "
            "Lower the level or add measurements."
        )
    lower = math.floor((1 - level) * (rows + 1) + 1e-9) - 1
    upper = math.ceil(level * (rows + 1) - 1e-9) - 1
    return lower, upper


def cross_validated_interval(
    means: Float[np.ndarray, "item fold"],
    difficulties: Float[np.ndarray, "item fold"],
    residuals: Float[np.ndarray, " row"],
    folds: Int[np.ndarray, " row"],
    level: float,
) -> tuple[Float[np.ndarray, " item"], Float[np.ndarray, " item"]]:
    """CV+ ends of each item. residuals: R_i of the calibration rows; folds: the fold that left each of them out."""
    low, high = ranks(level, len(residuals))
    centres, widths = means[:, folds], difficulties[:, folds] * residuals
    lower = np.partition(centres - widths, low, axis=1)[:, low]
    upper = np.partition(centres + widths, high, axis=1)[:, high]
    return lower, upper


def signed_interval(
    mean: Float[np.ndarray, " item"], errors: Float[np.ndarray, " row"], level: float
) -> tuple[Float[np.ndarray, " item"], Float[np.ndarray, " item"]]:
    """Interval ends of each item from signed errors, with half of the miscoverage on either side."""
    low, high = ranks(signed_level(level), len(errors))
    ordered = np.sort(errors)
    return mean + ordered[low], mean + ordered[high]


def signed_level(level: float) -> float:
    """The level of each end of an interval, so that the interval has `level`."""
    return (1 + level) / 2


def fit_difficulty_quantile(
    errors: Float[np.ndarray, " row"], causes: Float[np.ndarray, "row cause"], level: float
) -> Float[np.ndarray, " cause_and_one"]:
    """Non-negative (a, b...) of sigma = a + b . causes, so that a share `level` of errors lies below it.

    Quantile regression (Koenker & Bassett 1978): the widths of intervals follow the large errors, which are what
    intervals have to hold, where the least squares of `fit_difficulty` follow the average error. `a` is at least a
    quarter of the mean error, so that every interval has a width. The linear programme is solved in its dual form,
    which has one constraint for each coefficient.

    Parameters
    ----------
    errors : array [row]
        Absolute out-of-fold errors.
    causes : array [row, cause]
        Not negative.
    level : float
        Between 0 and 1.

    Returns
    -------
    array [cause + 1]
        a, then b of each cause.
    """
    from scipy.optimize import linprog

    average = max(errors.mean(), 1e-12)
    typical = np.concatenate([[1.0], np.maximum(causes.mean(axis=0), 1e-12)])
    design = np.column_stack([np.ones(len(errors)), causes]) / typical
    dual = linprog(
        -errors / average, A_ub=design.T / len(errors), b_ub=np.zeros(len(typical)), bounds=(level - 1, level),
        method="highs",
    )  # fmt: skip
    coefficients = np.maximum(-dual.ineqlin.marginals / len(errors), 0) * average / typical
    coefficients[0] = max(coefficients[0], 0.25 * average)
    return coefficients


def fit_difficulty(
    errors: Float[np.ndarray, " row"], causes: Float[np.ndarray, "row cause"]
) -> Float[np.ndarray, " cause_and_one"]:
    """Non-negative (a, b...) of sigma = a + b . causes, least squares on the absolute out-of-fold errors.

    `a` is at least a quarter of the mean error, so that every interval has a width.
    """
    from scipy.optimize import nnls

    average = max(errors.mean(), 1e-12)
    design = np.column_stack([np.ones(len(errors)), causes])
    coefficients, _ = nnls(design, errors)
    coefficients[0] = max(coefficients[0], 0.25 * average)
    return coefficients
