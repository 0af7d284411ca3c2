"""Generative design of molecules, proteins and galaxy images.

    import sciencegen as sg
    space = sg.load("molecules")

Importing this is fast: a public name is imported from its module on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.3.0"

PUBLIC_NAMES = {
    "load": "sciencegen.api.models.folder",
    "prepare": "sciencegen.api.sources.preparation",
    "train": "sciencegen.api.train",
    "train_predictor": "sciencegen.api.train_predictor",
    "predict": "sciencegen.api.score",
    "generate": "sciencegen.api.generate",
    "encode": "sciencegen.api.encode",
    "decode": "sciencegen.api.encode",
    "interpolate": "sciencegen.api.encode",
    "latent_map": "sciencegen.api.latent_map",
    "explore": "sciencegen.api.explore",
    "score": "sciencegen.api.score",
    "score_variants": "sciencegen.api.score_variants",
    "restore": "sciencegen.api.survey",
    "sequences": "sciencegen.api.sequences",
    "optimize": "sciencegen.api.optimize",
    "propose": "sciencegen.api.propose",
    "record": "sciencegen.api.record",
    "backtest": "sciencegen.api.backtest",
    "replay": "sciencegen.api.replay",
    "evaluate": "sciencegen.api.evaluate",
    "benchmark": "sciencegen.api.benchmark",
    "run": "sciencegen.api.run",
    "compress": "sciencegen.api.compress",
    "cutout": "sciencegen.api.survey",
    "decompress": "sciencegen.api.compress",
    "properties": "sciencegen.api.properties",
    "workflow_root": "sciencegen.data.shipped",
    "LatentSpace": "sciencegen.latent.explorer",
    "Result": "sciencegen.api.writing.results",
    "SciencegenError": "sciencegen.errors",
    "ConfigError": "sciencegen.errors",
    "DataError": "sciencegen.errors",
    "IncompatibleError": "sciencegen.errors",
    "check_domain": "sciencegen.domains.checks",
}
"""Each public name and its module."""

__all__ = ["__version__", *PUBLIC_NAMES]


def __getattr__(name: str) -> Any:
    if name in PUBLIC_NAMES:
        return getattr(import_module(PUBLIC_NAMES[name]), name)
    raise AttributeError(f"module 'sciencegen' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
