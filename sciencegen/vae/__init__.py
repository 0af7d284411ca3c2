"""Variational autoencoders: bounds, posteriors, priors and likelihoods, and a model for each kind of data."""

from __future__ import annotations

from importlib import import_module
from typing import Any

PUBLIC_NAMES = {
    "VAE": "model",
    "ConditionalVAE": "model",
    "VAEParts": "model",
    "VAESettings": "model",
    "ArrayVAE": "array_vae",
    "ArrayVAESettings": "array_vae",
    "LikelihoodColumn": "array_columns",
    "BoundTerms": "bounds",
    "Warmup": "bounds",
    "importance_weighted_bound": "bounds",
    "Gaussian": "likelihoods",
    "Likelihood": "likelihoods",
    "DiagonalGaussian": "posteriors",
    "GaussianPosterior": "posteriors",
    "FullCovariancePosterior": "posteriors",
    "FlowPosterior": "posteriors",
    "HamiltonianRefinement": "posteriors",
    "StandardNormalPrior": "priors",
    "ConditionalGaussianPrior": "priors",
    "MixturePrior": "priors",
    "VampPrior": "priors",
    "LadderPrior": "priors",
    "FlowPrior": "flows",
    "FlowSettings": "flows",
    "fit_prior": "flows",
}
"""Each public name and its module, which is imported on first use."""

__all__ = list(PUBLIC_NAMES)


def __getattr__(name: str) -> Any:
    if name in PUBLIC_NAMES:
        return getattr(import_module(f"{__name__}.{PUBLIC_NAMES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
