"""Surrogate models by name: what they are fitted to, and what they predict."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.feature_rows import Encoding
from sciencegen.optimization.normals import Joint, Marginals

Points = Float[np.ndarray, "point column"]

GP = "gp"
MODELS = {
    GP: "sciencegen.optimization.gaussian_process:GaussianProcess",
    "ensemble": "sciencegen.optimization.ensemble:DeepEnsemble",
}
"""Import strings of surrogates: BoTorch takes seconds to import."""


class SurrogateModel(Protocol):
    """A model of a function. noise: variance of the targets around it beyond their stated errors."""

    noise: float

    def marginals(self, points: Points) -> Marginals: ...

    def joint(self, points: Points) -> Joint: ...

    def left_out(self) -> Marginals:
        """Each target's predictive distribution from the others, noise included."""


class FitModel(Protocol):
    """brief: few steps, enough to compare scales."""

    def __call__(
        self, encoding: Encoding, points: Points, targets: Float[np.ndarray, " point"],
        errors: Float[np.ndarray, " point"], generator: np.random.Generator, brief: bool = False,
    ) -> SurrogateModel: ...  # fmt: skip


def load_model(name: str) -> FitModel:
    """The surrogate with this name."""
    module, attribute = MODELS[name].split(":")
    return getattr(import_module(module), attribute)
