"""Tasks of `generate`: draws that contain, vary or repeat something given (`domains.capabilities.DrawTasks`)."""

from __future__ import annotations

from collections.abc import Sequence

from sciencegen.api.criteria.conditions import Condition
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.sampling.ranking import particles_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.errors import ConfigError

TASKS = ("core", "scaffold", "vary", "symmetry")
"""Settings that each define a task."""
DETAILS = {"contigs": "scaffold", "noise_level": "vary"}
"""Setting -> the task that it belongs to."""


def task_words(settings: GenerateSettings) -> list[str]:
    """The settings of a task as phrases, such as `contigs 10-40,A163-181,10-40`."""
    return [f"{name} {value}" for name, value in _given(settings).items()]


def _given(settings: GenerateSettings) -> dict[str, str | float]:
    """The settings of a task that aren't None."""
    values = settings.model_dump(include={*TASKS, *DETAILS}, exclude_none=True)
    return {name: values[name] for name in (*TASKS, *DETAILS) if name in values}


def check_task(tasks: DrawTasks | None, settings: GenerateSettings, model: str) -> bool:
    """Whether the recipe's own task is requested; an error for settings that don't go together, or that the recipe
    lacks. A scaffold of other recipes is one of the domain (`Structures`). model: its name in the message."""
    given = _given(settings)
    several = [f"`{name}`" for name in TASKS if name in given]
    if len(several) > 1:
        raise ConfigError(f"Expected one of {' and '.join(several)}, got {len(several)}. Leave one out.")
    for name, task in DETAILS.items():
        if name in given and task not in given:
            raise ConfigError(f"Expected `{task}` with `{name}`, got none. Add it, or leave `{name}` out.")
    lacking = [name for name in given if name not in (frozenset() if tasks is None else tasks.settings)]
    if lacking and lacking != ["scaffold"]:
        raise ConfigError(
            f"Expected a model that takes `{lacking[-1]}` (of molecules: smiles-vae or selfies-vae; of proteins: "
            f"backbone-diffusion), {model} doesn't. Pass another `model`."
        )
    requested = bool(given) and not lacking
    if requested and particles_of(settings) > 1:
        raise ConfigError(
            f"Expected no `{'steer' if settings.particles is None else 'particles'}` with `{next(iter(given))}`, whose "
            "draws can't be steered. With `best_of` alone the goals choose among finished draws."
        )
    return requested


def resolve_task(model: LoadedModel, settings: GenerateSettings, conditions: Sequence[Condition]) -> DrawTask | None:
    """The requested task of the model's recipe, or None."""
    tasks = model.recipe.tasks
    if not check_task(tasks, settings, f"that in {model.folder}") or tasks is None:
        return None
    chosen = TaskSettings(
        core=settings.core,
        scaffold=settings.scaffold,
        contigs=settings.contigs,
        vary=settings.vary,
        noise_level=settings.noise_level,
        symmetry=settings.symmetry,
        sampler=settings.sampler,
        bounds={one.name: (one.goal.low, one.goal.high) for one in conditions},
    )
    return tasks.resolve(model.model, model.representation, chosen)
