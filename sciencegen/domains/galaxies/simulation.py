"""Rows of a simulated survey for a dataset: texts of observed stamps with their true values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sciencegen.domains.galaxies.properties import GIVEN, measure_stamp
from sciencegen.domains.galaxies.stamp_text import text
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.errors import ConfigError, unknown_name


def rows(settings: Mapping[str, Any], seed: int, start: int, stop: int) -> list[tuple[str, dict[str, float]]]:
    """(text, values) of galaxies with the numbers start to stop - 1. values: properties measured on the copy without
    noise and PSF, and the galaxy's true parameters; without failed measurements and parameters that don't apply.

    settings: of `SurveySettings`, and noise_free: the share of rows that are these copies themselves (true: all).
    """
    chosen = dict(settings)
    share = float(chosen.pop("noise_free", 0.0))
    if not 0 <= share <= 1:
        raise ConfigError(f"Expected noise_free, a share of the rows, from 0 to 1, got {share}.")
    survey = survey_settings(chosen)
    made = []
    for number, one in enumerate(simulate(survey, seed, start, stop), start):
        noise_free = math.floor((number + 1) * share) > math.floor(number * share)
        measured = measure_stamp(one.twin)
        values = {name: measured[name] for name in sorted(GIVEN)} | dict(one.truth)
        known = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        made.append((text(one.twin if noise_free else one.observed), known))
    return made


def survey_settings(chosen: Mapping[str, Any]) -> SurveySettings:
    """Make the settings record; an unknown name raises an error."""
    fields = [field.name for field in dataclasses.fields(SurveySettings)]
    for name in chosen:
        if name not in fields:
            raise unknown_name("setting of a simulated survey", name, (*fields, "noise_free"))
    settings = SurveySettings(**chosen)
    for field in ("side", "bands"):
        if not isinstance(getattr(settings, field), int):
            raise ConfigError(f"Expected a whole number for {field}, got {getattr(settings, field)!r}.")
    return settings
