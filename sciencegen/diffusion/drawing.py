"""How the diffusions of a trained model draw, where it is not as they were trained to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings


@dataclass(frozen=True)
class Drawing:
    """Settings of a diffusion's draws; None keeps the model's own.

    Parameters
    ----------
    sampler : str, optional
        Name of a sampler (`samplers.sampler`).
    steps : int, optional
        Steps from noise to data.
    guidance : float, optional
        Weight w of classifier-free guidance, (1 + w) x^(z, c) - w x^(z); 0 is the conditional model.

    Raises
    ------
    UnknownNameError
        If there is no such sampler.
    ConfigError
        If there are no steps.

    Examples
    --------
    >>> Drawing(sampler="heun", steps=24).settings(DiffusionSettings()).steps
    24
    """

    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None

    def __post_init__(self) -> None:
        self.settings(DiffusionSettings())

    def settings(self, own: DiffusionSettings) -> DiffusionSettings:
        """A model's own settings, changed."""
        changed = {name: value for name, value in vars(self).items() if value is not None}
        return replace(own, **changed)


def diffusions_in(model: nn.Module) -> list[DiffusionModel]:
    """The diffusion that a model is, and those that it holds (of items of various sizes, of an autoencoder's codes)."""
    return [part for part in model.modules() if isinstance(part, DiffusionModel)]


def draw_by(model: nn.Module, drawing: Drawing) -> int:
    """Change in place how a model draws.

    Returns
    -------
    int
        The number of diffusions in the model; 0 of one that takes no steps, which stays as it is.
    """
    found = diffusions_in(model)
    for diffusion in found:
        diffusion.settings = drawing.settings(diffusion.settings)
    return len(found)
