"""Partial diffusion: variations of items, by noising them to an intermediate level and denoising them again.

Meng et al. 2022 (SDEdit); for protein backbones Watson et al. 2023 (RFdiffusion, partial diffusion).
"""

from __future__ import annotations

import math

import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.model import Bend, DiffusionModel
from sciencegen.diffusion.process import diffuse, levels
from sciencegen.diffusion.schedules import log_snr_grid
from sciencegen.diffusion.state import Fields
from sciencegen.errors import ConfigError


@torch.no_grad()
def vary(model: DiffusionModel, x: Batch, noise: Fields, level: float, bend: Bend | None = None) -> Batch:
    """Draw x' from p(x' | z_t), with z_t from q(z_t | x).

    Parameters
    ----------
    model : DiffusionModel
        Its settings give the sampler, the guidance and the noise of steps. Of its steps, the share `level` is used.
    x : Batch
        Items in the state's spaces, with the fields that are given, mask and condition.
    noise : Fields
        Standard normal, of the state's fields.
    level : float
        The time t of the schedule, above 0 to 1. Near 0 the items hardly change; at 1 nothing of them is left.
    bend : function from denoiser to denoiser, optional
        Further guidance.

    Raises
    ------
    ConfigError
        If the level is out of range.
    """
    if not 0 < level <= 1:
        raise ConfigError(f"Expected a noise level above 0, at most 1, got {level}.")
    settings, first = model.settings, x[next(iter(model.state.fields))]
    steps = max(1, math.ceil(level * settings.steps))
    path = log_snr_grid(model.schedule, steps, first, settings.last_time * level, settings.crowding, level)
    z = diffuse(model.state, x, levels(path[0], x), model.state.project(noise, x.mask, "noise"))
    return model.denoised(path, z, settings.sampler, bend=bend)
