"""The posterior given measured values: a surrogate model and a scale, chosen by cross-validated likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.metrics.warps import GREATEST, SHAPES, check_magnitude
from sciencegen.optimization.censored import Limits
from sciencegen.optimization.feature_rows import FeatureRows, fit_encoding
from sciencegen.optimization.single_fit import LEVEL, Measured, Posterior, fit_one
from sciencegen.optimization.surrogate_models import GP, MODELS, SurrogateModel, load_model
from sciencegen.optimization.transfer import Task, TransferEncoding, predictions, weights_of

__all__ = [
    "GP", "LEVEL", "MODELS", "Measured", "Posterior", "SurrogateModel", "best_scale", "fit_posterior", "load_model",
    "names_for",
]  # fmt: skip

LEAST_MEASURED = 3
TRAINING_POINTS = 2000
"""Most measured items that the model is fitted on: two thirds of them the best, the others drawn from the rest."""


def fit_posterior(
    rows: FeatureRows,
    measured: Measured,
    generator: np.random.Generator,
    *,
    surrogate: str = "auto",
    scale: str = "auto",
    tasks: Sequence[Task] = (),
) -> Posterior:
    """Fit the first model that `surrogate` allows on every scale, the others on the best scale; keep the most likely.

    The density of a measured value is that of the warped one times the warp's slope, so that scales are comparable. It
    is cross-validated: leave-one-out with the kernel fitted on all items, or members that each leave out a fifth.
    The linear scale is kept unless another is better by more than one standard error (`best_scale`).

    The noise is that of one measurement, with e_i the error of the mean of n_i replicates:

    noise = s^2 + median_i(n_i e_i^2)

    The model of censored values is a Gaussian process, and the likelihood of such a value is its probability to be
    within its limits.

    tasks: predictions by models of earlier measurements, which are the mean function with shrunk weights.
    """
    models, shapes = names_for("surrogate", surrogate, MODELS), names_for("scale", scale, SHAPES)
    _check_measured(measured.values, measured.errors)
    if measured.limits is not None:
        models = _models_of_limits(models, measured.limits)
    taken = _subset(measured.values, generator)
    rows, measured = rows[taken], measured.of(taken)
    encoding = fit_encoding(rows)
    points = encoding.points(rows)
    fitted: dict[str, Posterior] = {}

    def fit(name: str, shape: str, brief: bool = False) -> Float[np.ndarray, " item"]:
        fitted[f"{name} {shape}"], density = fit_one(encoding, points, measured, (name, shape), generator, brief)
        return density

    chosen = shapes[0] if len(shapes) == 1 else best_scale({one: fit(models[0], one, brief=True) for one in shapes})
    for name in models:
        fit(name, chosen)
    likelihoods = {name: one.likelihoods[name] for name, one in fitted.items()}
    best = max((f"{name} {chosen}" for name in models), key=lambda name: likelihoods[name])
    others = [fitted[one] for name in models if (one := f"{name} {chosen}") != best]
    found = replace(fitted[best], name=best, likelihoods=likelihoods, others=others)
    return _with_tasks(found, rows, measured, tasks, generator) if tasks else found


def _with_tasks(
    found: Posterior, rows: FeatureRows, measured: Measured, tasks: Sequence[Task], generator: np.random.Generator
) -> Posterior:
    """The posterior of what earlier tasks don't predict, plus their predictions; unchanged if no weight is left."""
    name, shape = found.name.split(" ", 1)
    known = predictions(tasks, rows)
    weights = weights_of(known, found.warp.forward(measured.values))
    used = np.flatnonzero(weights).tolist()
    if not used:
        return found
    encoding = fit_encoding(rows)
    points = encoding.points(rows)
    made, density = fit_one(encoding, points, measured, (name, shape), generator, False, known[:, used])
    final = weights_of(known[:, used], made.warp.forward(measured.values)).tolist()
    return replace(
        made,
        encoding=TransferEncoding(encoding, [tasks[place] for place in used]),
        name=found.name,
        likelihoods={**found.likelihoods, found.name: float(density.mean())},
        tasks=dict(zip(used, final, strict=True)),
    )


def _models_of_limits(models: list[str], limits: Limits) -> list[str]:
    """The models that know censored values, of those allowed."""
    if GP not in models:
        raise ConfigError(
            f"Expected the surrogate {GP} or auto for censored values, got {models[0]}. Leave `surrogate` out, or "
            "leave bounds such as `>5` out of the measurements."
        )
    if limits.censored.all():
        raise DataError(
            f"Expected a measured number among {len(limits.low)} measured items, all are bounds such as `>5`. Measure "
            "items within the range of the assay."
        )
    return [GP]


def _check_measured(values: Float[np.ndarray, " item"], errors: Float[np.ndarray, " item"]) -> None:
    """Raise an error for too few different values, and for numbers so large that their squares aren't finite."""
    if len(values) < LEAST_MEASURED or np.ptp(values) == 0:
        raise DataError(
            f"Expected at least {LEAST_MEASURED} measured items whose values differ, got {len(values)} with "
            f"{len(np.unique(values))} different values. Propose a first plate without measurements, and measure it."
        )
    check_magnitude(values)
    if np.nanmax(errors / np.ptp(values), initial=0) > GREATEST:
        raise DataError(
            f"Expected standard errors of at most {GREATEST:g} times the range of the measured values, got "
            f"{np.nanmax(errors):g}. Correct the measurements."
        )


def best_scale(densities: Mapping[str, Float[np.ndarray, " item"]]) -> str:
    """The scale with the greatest mean log density; the linear one if the difference is within one standard error.

    d_i = log p_best(y_i) - log p_linear(y_i)
    error = s(d) / sqrt(n)

    The one-standard-error rule (Breiman et al. 1984, section 3.4.3), with paired differences.

    Examples
    --------
    >>> import numpy as np
    >>> linear = np.zeros(4)
    >>> best_scale({"linear": linear, "log": linear + [0.1, 0.2, 0.1, 0.2]})
    'log'
    >>> best_scale({"linear": linear, "log": linear + [1.0, -0.5, 1.0, -0.5]})
    'linear'
    """
    best = max(densities, key=lambda name: float(densities[name].mean()))
    gain = densities[best] - densities["linear"]
    return best if gain.mean() > gain.std(ddof=1) / math.sqrt(len(gain)) else "linear"


def names_for(setting: str, name: str, known: Mapping[str, object]) -> list[str]:
    """The names that a setting allows: one of the known names, or all of them for "auto".

    Examples
    --------
    >>> names_for("surrogate", "auto", {"gp": 1, "ensemble": 2})
    ['gp', 'ensemble']
    """
    if name != "auto" and name not in known:
        raise unknown_name(setting, name, [*known, "auto"])
    return list(known) if name == "auto" else [name]


def _subset(values: np.ndarray, generator: np.random.Generator) -> slice | np.ndarray:
    from sciencegen.optimization.surrogate import training_subset

    if len(values) <= TRAINING_POINTS:
        return slice(None)
    return np.sort(training_subset(values, TRAINING_POINTS, generator))
