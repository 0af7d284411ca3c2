"""Settings of diffusion sampling in `generate`: sampler, steps, guidance and noise of steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sciencegen.api.criteria.conditions import Condition, parse_conditions
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.models.plan import HasDiffusion, module_of
from sciencegen.api.sampling.ranking import particles_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import DrawTasks
from sciencegen.errors import ConfigError
from sciencegen.latent.space import Resamples

DRAWING = ("sampler", "steps", "guidance", "step_noise")
"""Names of the settings."""
STEERED = "ancestral"
"""Sampler of steered draws (`diffusion.steering`), whatever the settings say."""


def drawing_words(settings: GenerateSettings) -> list[str]:
    """The settings of sampling and ranking as phrases, such as `sampler heun`."""
    values = settings.model_dump(include=set(DRAWING), exclude_none=True)
    drawn = [f"{name} {values[name]}" for name in DRAWING if name in values]
    best = [f"best of {settings.best_of}"] * (settings.best_of > 1)
    drawn += [] if settings.tries is None else [f"tries {settings.tries}"]
    return [*drawn, *(f"steered: {goal}" for goal in settings.steer), *best]


def set_drawing(model: LoadedModel, settings: GenerateSettings, required: bool = True) -> None:
    """Apply the settings to a model's diffusions. required: raise an error if it has none."""
    names = settings.model_dump(include=set(DRAWING), exclude_none=True)
    if not names:
        return
    from sciencegen.diffusion.drawing import Drawing, draw_by

    chosen = Drawing(**_usual_sampler(model.recipe.tasks, settings) | names)
    if not draw_by(module_of(model.model), chosen) and required:
        raise no_diffusion(list(names), model)


def set_tries(model: LoadedModel, settings: GenerateSettings) -> None:
    """Apply `tries`; an error for a model that doesn't draw several times, and without a condition that it has."""
    if settings.tries is None:
        return
    if not isinstance(model.model, Resamples):
        raise ConfigError(
            f"Expected a model that draws several times for a condition with `tries`, the one in {model.folder} "
            f"(recipe '{model.recipe.name}') doesn't. Use `best_of`."
        )
    known = model.space.properties
    if not any(one.name in known for one in parse_conditions(settings.where, model.domain, model.representation)):
        raise ConfigError(
            f"Expected a condition of the model with `tries`, got none (it is conditioned on {', '.join(known)}). Add "
            "`where`, or leave `tries` out."
        )
    model.model.set_tries(settings.tries)


def _usual_sampler(tasks: DrawTasks | None, settings: GenerateSettings) -> dict[str, str]:
    """The sampler of steered draws, or of a requested task that has its own: `step_noise` needs a random one."""
    if settings.step_noise is None:
        return {}
    if particles_of(settings) > 1:
        return {"sampler": STEERED}
    samplers = tasks.samplers if tasks else {}
    given = list(settings.model_dump(include=set(samplers), exclude_none=True))
    return {"sampler": samplers[given[0]]} if given else {}


def no_diffusion(names: Sequence[str], model: LoadedModel) -> ConfigError:
    """The error for settings that need a diffusion model."""
    what = ", ".join(f"`{name}`" for name in names)
    return ConfigError(
        f"Expected a diffusion for {what}, the model in {model.folder} (recipe '{model.recipe.name}') takes no steps "
        f"from noise to data. Leave {what} out, or pass another `model`."
    )


def check_drawing(settings: GenerateSettings) -> None:
    """Raise an error for an unknown sampler, or one that has no noise to scale, before a model is loaded."""
    if settings.sampler is not None:
        from sciencegen.diffusion.drawing import check_random
        from sciencegen.diffusion.samplers import sampler

        sampler(settings.sampler)
        if settings.step_noise is not None:
            check_random(settings.sampler)


def check_planned_drawing(network: object, tasks: DrawTasks | None, settings: GenerateSettings) -> None:
    """`check_drawing` where the settings are known of the network that is to be trained or loaded, and thus its own
    sampler. tasks: of the recipe."""
    check_drawing(settings)
    if settings.step_noise is None or not isinstance(network, HasDiffusion):
        return
    from sciencegen.diffusion.drawing import Drawing
    from sciencegen.diffusion.model import DiffusionSettings

    names = settings.model_dump(include=set(DRAWING), exclude_none=True)
    if isinstance(network.diffusion, DiffusionSettings):
        Drawing(**_usual_sampler(tasks, settings) | names).settings(network.diffusion)


def check_guidance(
    settings: GenerateSettings, conditions: Sequence[Condition], known: Collection[str], imputes: bool = False
) -> None:
    """Raise an error for guidance without a condition. known: properties that the model is conditioned on. imputes:
    whether draws have conditions that aren't requested."""
    if settings.guidance and not imputes and not any(one.name in known for one in conditions):
        names = ", ".join(sorted(known)) or "nothing"
        raise ConfigError(
            f"Expected a condition of the model with `guidance`, got none (it is conditioned on {names}). "
            "Add `where`, or leave `guidance` out."
        )
