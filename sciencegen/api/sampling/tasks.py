"""Tasks of `generate`: draws that contain, vary or repeat something given (`domains.capabilities.DrawTasks`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sciencegen.api.criteria.conditions import Condition
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.sampling.ranking import particles_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.recipes import Recipe
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


def check_task(
    tasks: DrawTasks | None, settings: GenerateSettings, model: str, recipes: Mapping[str, Recipe] | None = None
) -> bool:
    """Whether the recipe's own task is requested; an error for settings that don't go together, that the recipe lacks,
    or that it can't read. A scaffold of other recipes is one of the domain (`Structures`). model: its name in the
    message. recipes: of the domain, of which the message names those that take the setting."""
    given = _given(settings)
    several = [f"`{name}`" for name in TASKS if name in given]
    if len(several) > 1:
        raise ConfigError(f"Expected one of {' and '.join(several)}, got {len(several)}. Leave one out.")
    for name, task in DETAILS.items():
        if name in given and task not in given:
            raise ConfigError(f"Expected `{task}` with `{name}`, got none. Add it, or leave `{name}` out.")
    lacking = [name for name in given if name not in (frozenset() if tasks is None else tasks.settings)]
    if lacking and lacking != ["scaffold"]:
        able = [name for name, one in (recipes or {}).items() if one.tasks and lacking[-1] in one.tasks.settings]
        such = f"of a recipe with this task{': ' if able else ''}{', '.join(able)}"
        raise ConfigError(
            f"Expected a model that takes `{lacking[-1]}` ({such}), {model} doesn't. Pass another `model`."
        )
    requested = bool(given) and not lacking
    if requested and particles_of(settings) > 1:
        raise ConfigError(
            f"Expected no `{'steer' if settings.particles is None else 'particles'}` with `{next(iter(given))}`, whose "
            "draws can't be steered. With `best_of` alone the goals choose among finished draws."
        )
    if requested and tasks is not None:
        tasks.check(_chosen(settings, ()))
    return requested


def _chosen(settings: GenerateSettings, conditions: Sequence[Condition]) -> TaskSettings:
    return TaskSettings(
        core=settings.core,
        scaffold=settings.scaffold,
        contigs=settings.contigs,
        vary=settings.vary,
        noise_level=settings.noise_level,
        symmetry=settings.symmetry,
        sampler=settings.sampler,
        bounds={one.name: (one.goal.low, one.goal.high) for one in conditions},
    )


def resolve_task(model: LoadedModel, settings: GenerateSettings, conditions: Sequence[Condition]) -> DrawTask | None:
    """The requested task of the model's recipe, or None."""
    tasks = model.recipe.tasks
    if not check_task(tasks, settings, f"that in {model.folder}", model.domain.recipes) or tasks is None:
        return None
    return tasks.resolve(model.model, model.representation, _chosen(settings, conditions))
