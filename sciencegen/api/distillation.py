"""Which halvings make a slow diffusion a fast one (`train --from ... --distill`), checked before anything is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sciencegen.api.models import LoadedModel
from sciencegen.config import TrainSettings
from sciencegen.errors import ConfigError

DISTILLING = {"steps": 2000, "learning_rate": 3e-4, "final_rate": 0.0, "warmup_steps": 50, "ema_decay": 0.99}
"""What `--distill` changes of the training defaults, for each halving: a student that starts as its teacher has little
to learn."""


def plan_halvings(start: LoadedModel | None, settings: TrainSettings) -> tuple[int, ...]:
    """The steps that are left after each halving, the wanted number last; none without `distill`."""
    if settings.distill is None:
        if settings.teacher_steps is not None:
            raise ConfigError("Expected no teacher_steps without distill. Pass --distill too, or leave it out.")
        return ()
    from sciencegen.diffusion.distillation import diffusion_of

    if start is None:
        raise ConfigError("Expected a diffusion to distill, got none. Pass --from: a shipped name or a run folder.")
    own = diffusion_of(start.model).settings
    if settings.conditions is not None:
        raise ConfigError("Expected no --condition with --distill (a student hears what its teacher hears), got some.")
    wanted, steps = settings.distill, settings.teacher_steps or _usual_steps(own, settings.distill)
    ratio = steps // wanted
    if ratio < 2 or ratio * wanted != steps or ratio & (ratio - 1):
        raise ConfigError(
            f"Expected --distill to be a half, a quarter, an eighth ... of the teacher's {steps} steps, got {wanted}. "
            f"Pass another, or another number for the teacher: --settings '{{teacher_steps: {4 * wanted}}}'."
        )
    return tuple(steps >> halving for halving in range(1, ratio.bit_length()))


def _usual_steps(own: Any, wanted: int) -> int:
    """Of a DDIM sampler its own, as what is distilled knows no others; else at least twice the model's own, which a
    sampler of higher order takes, such that halvings lead to `wanted`."""
    if own.sampler == "ddim":
        return own.steps
    steps = 2 * wanted
    while steps < 2 * own.steps:
        steps *= 2
    return steps


def drawing_as(model: Any, network: Any) -> Any:
    """The recipe's settings `network` for a diffusion that draws as this one; it has a field for that."""
    from sciencegen.diffusion.distillation import diffusion_of
    from sciencegen.diffusion.model import DiffusionSettings

    if not isinstance(getattr(network, "diffusion", None), DiffusionSettings):
        raise ConfigError(
            f"Expected a recipe whose settings say how to draw, {type(network).__name__} has no `diffusion` of type "
            "DiffusionSettings. Distill another model."
        )
    return replace(network, diffusion=diffusion_of(model).settings)
