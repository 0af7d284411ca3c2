"""The plan of a training, checked as far as possible before its data are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_type_hints, runtime_checkable

from sciencegen.api.models import folder as models
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.models.identity import is_prepared
from sciencegen.api.models.latent_priors import check_prior_settings
from sciencegen.api.science.forms import domain_of, in_form
from sciencegen.config import FamilyMeasurements, PrepareSettings, Reading, TrainSettings
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError
from sciencegen.latent.space import FitsPriors, LatentModel
from sciencegen.records import to_record
from sciencegen.training.processes import is_follower

if TYPE_CHECKING:  # torch takes seconds to import, and a plan of a workflow may need none
    from _typeshed import DataclassInstance
    from torch.nn import Module

    from sciencegen.diffusion.model import DiffusionSettings
    from sciencegen.training import TrainingSettings

FINE_TUNING = {"steps": 300, "learning_rate": 1e-4, "warmup_steps": 10, "batch_size": 64, "checkpoint_every": 50}
"""Training defaults with `from`: thirty epochs of a few hundred items. More steps fit a new condition better, but draws
repeat more."""

OF_TRAINING = (
    "from_model", "recipe", "conditions", "settings", "training", "finish", "distill", "teacher_steps",
)  # fmt: skip
"""Settings that don't apply if trained weights are copied."""


@dataclass(frozen=True)
class Plan:
    """start: the model that training starts from, or None. network: the recipe's settings. halvings: the number of
    sampling steps after each halving, if `start` is distilled."""

    domain: str
    data: str | Path
    column: str | None
    settings: TrainSettings
    training: TrainingSettings
    device: str
    start: LoadedModel | None
    recipe: Recipe
    network: DataclassInstance
    halvings: tuple[int, ...] = ()

    @property
    def preparing(self) -> PrepareSettings:
        names = ("threads", *Reading.__annotations__, *FamilyMeasurements.__annotations__)
        chosen = {name: getattr(self.settings, name) for name in names}
        return PrepareSettings(source=str(self.data), column=self.column, form=self.recipe.form, **chosen)

    @property
    def follows(self) -> bool:
        """Whether this process only takes part in a training on several devices; the first one writes."""
        return is_follower(self.training.count, self.training.nodes)

    @property
    def more_steps(self) -> int:
        """Twice the steps of the training, or its default number where that is larger."""
        return max(2 * self.training.steps, int(_usual_training(self.settings, self.recipe).get("steps", 0)))

    @property
    def formed(self) -> str:
        return in_form(self.domain, self.recipe.form)


def check_taken(settings: TrainSettings) -> None:
    """Raise an error for training settings together with `model`, whose weights are copied."""
    given = settings.model_dump(include=set(OF_TRAINING), by_alias=True, exclude_defaults=True)
    if given:
        raise ConfigError(
            f"Expected no settings of training with `model: {settings.model}`, whose weights are used unchanged, got "
            f"{', '.join(given)}. Leave them out; or leave `model` out to train, or use `from` to fine-tune weights."
        )


def make_plan(domain: str, data: str | Path, column: str | None, settings: TrainSettings) -> Plan:
    """Check all settings that can be checked without the data. Nothing is written."""
    device = models.resolve_device(settings.device)
    if settings.measured and is_prepared(data):
        raise ConfigError(f"Expected no `measured` with the prepared {data}. Prepare it with `measured` instead.")
    start = models.load_model(domain, settings.from_model, "cpu") if settings.from_model else None
    recipe = models.find_recipe(domain_of(domain), str(start.config["recipe"]) if start else settings.recipe)
    if settings.recipe not in (None, recipe.name):
        raise ConfigError(
            f"Expected no `recipe` with `from`, whose recipe is '{recipe.name}', got '{settings.recipe}'."
        )
    training = _training_settings(settings, recipe).on(device)
    halvings, network = plan_halvings(start, settings), model_settings(recipe, start, settings)
    if halvings and start:
        network = drawing_as(start.model, network)
    elif start and recipe.adaptation is None:
        raise ConfigError(f"Expected a recipe that `from` can adapt, '{recipe.name}' can't be. Train without `from`.")
    model = start.model if start else class_made_by(recipe.build)
    if isinstance(model, FitsPriors):
        check_prior_settings(model, settings.finish)
    return Plan(domain, data, column, settings, training, device, start, recipe, network, halvings)


def _training_settings(settings: TrainSettings, recipe: Recipe) -> TrainingSettings:
    """Checked settings of the training."""
    from sciencegen.training import TrainingSettings

    defaults = {**_usual_training(settings, recipe), **settings.training, "seed": settings.seed}
    return to_record(TrainingSettings, defaults, "training")


def _usual_training(settings: TrainSettings, recipe: Recipe) -> Mapping[str, Any]:
    """The defaults of the training's settings."""
    if settings.distill:
        return DISTILLING
    own = recipe.adaptation.training if recipe.adaptation else {}
    return {**FINE_TUNING, **own} if settings.from_model else recipe.training


def model_settings(recipe: Recipe, start: LoadedModel | None, settings: TrainSettings) -> DataclassInstance:
    """The recipe's settings: those of the start model, or its defaults, replaced by the user's."""
    base = models.recipe_settings(recipe, start.config.get("settings") or {}) if start else recipe.settings()
    free = recipe.adaptation.settings if recipe.adaptation and not settings.distill else frozenset[str]()
    if start and (refused := set(settings.settings) - free):
        known = f"but {' and '.join(sorted(free))} " if free else ""
        raise ConfigError(f"Expected no `settings` {known}with `from` (the network is given), got {sorted(refused)}.")
    return models.recipe_settings(recipe, settings.settings, base)


def class_made_by(function: Callable[..., object]) -> type | None:
    """The annotated return class of a recipe's function; None if it has none or only the protocol."""
    try:
        made = get_type_hints(function).get("return")
    except (NameError, TypeError):  # a hint that only the type checker sees; a callable that has none
        return None
    return made if isinstance(made, type) and made not in (LatentModel, Representation) else None


DISTILLING = {"steps": 2000, "learning_rate": 3e-4, "final_rate": 0.0, "warmup_steps": 50, "ema_decay": 0.99}
"""Training defaults with `distill`, for each halving. They are short, because a student starts with its teacher's
weights."""


def plan_halvings(start: LoadedModel | None, settings: TrainSettings) -> tuple[int, ...]:
    """The number of sampling steps after each halving, the requested number last; () without `distill`."""
    if settings.distill is None:
        if settings.teacher_steps is not None:
            raise ConfigError("Expected no teacher_steps without distill. Pass `distill` too, or leave it out.")
        return ()
    from sciencegen.diffusion.distillation import diffusion_of

    if start is None:
        raise ConfigError("Expected a diffusion to distill, got none. Pass `from`: a shipped name or a run folder.")
    own = diffusion_of(module_of(start.model)).settings
    if settings.conditions is not None:
        raise ConfigError(
            "Expected no `conditions` with `distill` (a student has the conditions of its teacher), got some."
        )
    wanted, steps = settings.distill, settings.teacher_steps or _usual_steps(own, settings.distill)
    ratio = steps // wanted
    if ratio < 2 or ratio * wanted != steps or ratio & (ratio - 1):
        raise ConfigError(
            f"Expected `distill` to be a half, a quarter, an eighth ... of the teacher's {steps} steps, got {wanted}. "
            f"Pass another, or another number for the teacher: --settings '{{teacher_steps: {4 * wanted}}}'."
        )
    return tuple(steps >> halving for halving in range(1, ratio.bit_length()))


def _usual_steps(own: DiffusionSettings, wanted: int) -> int:
    """Default steps of the DDIM teacher. For a model that draws by DDIM (as distilled ones do) its own steps. Other
    samplers have a higher order, so at least twice their steps, and a power of two times `wanted`."""
    if own.sampler == "ddim":
        return own.steps
    steps = 2 * wanted
    while steps < 2 * own.steps:
        steps *= 2
    return steps


def module_of(model: LatentModel) -> Module:
    """The model, typed as a torch module."""
    from torch.nn import Module

    if not isinstance(model, Module):
        raise TypeError(f"Expected a torch module, got a {type(model).__name__}.")
    return model


@runtime_checkable
class HasDiffusion(Protocol):
    """Recipe settings that contain the settings of a diffusion."""

    @property
    def diffusion(self) -> object: ...


def drawing_as(model: LatentModel, network: DataclassInstance) -> DataclassInstance:
    """The recipe's settings `network` with the diffusion settings of `model`; an error if it has no such field."""
    from sciencegen.diffusion.distillation import diffusion_of
    from sciencegen.diffusion.model import DiffusionSettings

    if not isinstance(network, HasDiffusion) or not isinstance(network.diffusion, DiffusionSettings):
        raise ConfigError(
            f"Expected a recipe whose settings say how to draw, {type(network).__name__} has no `diffusion` of type "
            "DiffusionSettings. Distill another model."
        )
    return replace(network, diffusion=diffusion_of(module_of(model)).settings)
