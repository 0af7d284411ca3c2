"""How the diffusions of a generation draw: sampler, steps and guidance, where settings name them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sciencegen.api.criteria.conditions import Condition
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.models.plan import module_of
from sciencegen.config import GenerateSettings
from sciencegen.errors import ConfigError

DRAWING = ("sampler", "steps", "guidance")
"""Settings of how a diffusion draws."""


def drawing_words(settings: GenerateSettings) -> list[str]:
    """What the settings say of it and of what is best, in words: `sampler heun`."""
    values = settings.model_dump(include=set(DRAWING), exclude_none=True)
    drawn = [f"{name} {values[name]}" for name in DRAWING if name in values]
    best = [f"best of {settings.best_of}"] * (settings.best_of > 1)
    return [*drawn, *(f"steered: {goal}" for goal in settings.steer), *best]


def set_drawing(model: LoadedModel, settings: GenerateSettings, required: bool = True) -> None:
    """Let a model's diffusions draw as the settings say. required: it is an error if there are none."""
    names = settings.model_dump(include=set(DRAWING), exclude_none=True)
    if not names:
        return
    from sciencegen.diffusion.drawing import Drawing, draw_by

    if not draw_by(module_of(model.model), Drawing(**names)) and required:
        raise no_diffusion(list(names), model)


def no_diffusion(names: Sequence[str], model: LoadedModel) -> ConfigError:
    """The error for settings that need a model which draws in steps."""
    what = ", ".join(f"`{name}`" for name in names)
    return ConfigError(
        f"Expected a diffusion for {what}, the model in {model.folder} (recipe '{model.recipe.name}') takes no steps "
        f"from noise to data. Leave {what} out, or pass another `model`."
    )


def check_drawing(settings: GenerateSettings) -> None:
    """An error for an unknown sampler, before a model is at hand."""
    if settings.sampler is not None:
        from sciencegen.diffusion.samplers import sampler

        sampler(settings.sampler)


def check_guidance(settings: GenerateSettings, conditions: Sequence[Condition], heard: Collection[str]) -> None:
    """An error for guidance where a model is told nothing. heard: what it is conditioned on."""
    if settings.guidance and not any(one.name in heard for one in conditions):
        known = ", ".join(sorted(heard)) or "nothing"
        raise ConfigError(
            f"Expected a condition that the model is told with `guidance`, got none (it is conditioned on {known}). "
            "Add `where`, or leave `guidance` out."
        )
