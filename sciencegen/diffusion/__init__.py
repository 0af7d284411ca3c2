"""Diffusion models: schedules, processes, losses, samplers, guidance and likelihoods."""

from __future__ import annotations

from importlib import import_module
from typing import Any

PUBLIC_NAMES = {
    "DiffusionModel": "model",
    "DiffusionSettings": "model",
    "vary": "model",
    "Distillation": "distillation",
    "DiffusionPrior": "vectors",
    "VectorDiffusionSettings": "vectors",
    "vector_diffusion": "vectors",
    "Cosine": "schedules",
    "Linear": "schedules",
    "EDM": "schedules",
    "Learned": "schedules",
    "noise_schedule": "schedules",
    "State": "state",
    "Field": "state",
    "Euclidean": "state",
    "ZeroCentre": "state",
    "CategoricalSpace": "state",
}
"""Each public name and its module, which is imported on first use."""

__all__ = list(PUBLIC_NAMES)


def __getattr__(name: str) -> Any:
    if name in PUBLIC_NAMES:
        return getattr(import_module(f"{__name__}.{PUBLIC_NAMES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
