"""Sampling settings that replace those of a trained diffusion model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.samplers import DETERMINISTIC, SAMPLERS
from sciencegen.errors import ConfigError


@dataclass(frozen=True)
class Drawing:
    """Sampling settings of a diffusion model; None keeps the model's own value.

    Parameters
    ----------
    sampler : str, optional
        Name of a sampler (`samplers.sampler`).
    steps : int, optional
        Number of steps from noise to data.
    guidance : float, optional
        Weight w of classifier-free guidance, (1 + w) x^(z, c) - w x^(z); 0 is the conditional model.
    step_noise : float, optional
        Factor on the noise that random samplers add at each step.

    Raises
    ------
    UnknownNameError
        If there is no such sampler.
    ConfigError
        If `steps` is below 1, or `step_noise` below 0.

    Examples
    --------
    >>> Drawing(sampler="heun", steps=24).settings(DiffusionSettings()).steps
    24
    """

    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None
    step_noise: float | None = None

    def __post_init__(self) -> None:
        replace(DiffusionSettings(), **self._changed)

    @property
    def _changed(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}

    def settings(self, own: DiffusionSettings) -> DiffusionSettings:
        """A model's settings with these values replaced.

        Raises
        ------
        ConfigError
            If `step_noise` is given and the sampler is deterministic.
        """
        chosen = replace(own, **self._changed)
        if self.step_noise is not None:
            check_random(chosen.sampler)
        return chosen


def check_random(sampler: str) -> None:
    """Raise an error for a deterministic sampler, whose steps have no noise to scale."""
    if sampler in DETERMINISTIC:
        random = " or ".join(sorted(set(SAMPLERS) - DETERMINISTIC))
        raise ConfigError(f"Expected a random sampler with `step_noise`, got '{sampler}'. Set `sampler` to {random}.")


def diffusions_in(model: nn.Module) -> list[DiffusionModel]:
    """All diffusion models in a model: itself or parts of it (such as the prior of an autoencoder's codes)."""
    return [part for part in model.modules() if isinstance(part, DiffusionModel)]


def draw_by(model: nn.Module, drawing: Drawing) -> int:
    """Change a model's sampling settings in place.

    Returns
    -------
    int
        Number of diffusion models in the model. If it is 0, nothing was changed.
    """
    found = diffusions_in(model)
    for diffusion in found:
        diffusion.settings = drawing.settings(diffusion.settings)
    return len(found)
