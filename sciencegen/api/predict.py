"""Predict: what trained property regressors say of items."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.score import Items, collect, resolve_score
from sciencegen.api.writing.results import Scored
from sciencegen.config import PredictSettings, ScoreSettings, build_settings
from sciencegen.options import PredictOptions, takes


@takes(PredictSettings)
def predict(
    domain: str, items: Items, predictors: str | Path | Mapping[str, str], **options: Unpack[PredictOptions]
) -> Scored:
    """Predict properties of items."""
    chosen = build_settings(PredictSettings, options)
    settings = ScoreSettings(predictors=_by_name(domain, predictors), **chosen.model_dump(exclude_unset=True))
    return collect(resolve_score(domain, items, settings, verb="predict", carried=True))


def _by_name(domain: str, predictors: str | Path | Mapping[str, str]) -> dict[str, str]:
    """Name -> folder; of one folder each of its targets."""
    if isinstance(predictors, Mapping):
        return dict(predictors)
    trained = load_predictor(domain, predictors)
    return dict.fromkeys(trained.targets, str(trained.folder))
