"""Calibration of conditions: properties of unfiltered draws at each requested value."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import EvaluateSettings, GenerateSettings
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Cell
from sciencegen.progress import Report, silent


def calibrate(domain: str, settings: EvaluateSettings, report: Report = silent) -> dict[str, list[dict[str, float]]]:
    """Property -> for each requested value: mean, central 80 % interval, mean absolute error, and the share within the
    tolerance if the domain has one."""
    model = open_model(domain, settings.model, settings)
    return {
        name: [calibrate_one(model, name, value, settings, report) for value in values]
        for name, values in settings.calibrate.items()
    }


def check_calibrated(names: Iterable[str], known: Collection[str]) -> None:
    """Raise an error for a name that is no condition of the model."""
    for name in names:
        if name not in known:
            raise unknown_name("condition of the model", name, known)


def check_measured(name: str, measured: Collection[str]) -> None:
    """Raise an error for a property that neither the domain nor the model nor a predictor can measure."""
    if name not in measured:
        raise ConfigError(
            f"Expected a property or a predictor that measures '{name}' of draws, found none. "
            f"Pass `predictors` {name}=FOLDER."
        )


def calibrate_one(
    model: LoadedModel, name: str, value: float, settings: EvaluateSettings, report: Report = silent
) -> dict[str, float]:
    """Statistics of raw draws for a requested `value`; `got`, their mean, is NaN if no draw is finite."""
    requested = GenerateSettings(
        n=settings.draws, raw=True, where=(f"{name} = {value:.12g}",), seed=settings.seed, threads=settings.threads,
        predictors=settings.predictors,
    )  # fmt: skip
    request = resolve_draws(model, requested)
    check_measured(name, request.names)
    cells, what = list[Cell](), f"draws with {name} = {value:.6g}"
    report(what, 0, settings.draws)
    for chunk in Generation(request, few=True):
        cells += chunk[name]
        report(what, len(cells), settings.draws)
    found = np.array(cells, float)
    got = found[np.isfinite(found)]
    if not len(got):
        return {"asked": value, "draws": len(found), "got": float("nan")}
    low, high = np.quantile(got, [0.1, 0.9])
    known = model.domain.properties.get(name)
    hits = {} if known is None else {"hit_rate": float((np.abs(got - value) <= known.tolerance).mean())}
    return {
        "asked": value,
        "draws": len(found),
        "got": float(got.mean()),
        "lower": float(low),
        "upper": float(high),
        "mean_absolute_error": float(np.abs(got - value).mean()),
        **hits,
    }
