"""The plan of a training, checked as far as possible before its data are read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, get_args, get_type_hints, runtime_checkable

from sciencegen.api.models import folder as models
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.models.identity import is_prepared
from sciencegen.api.science import domain_of, in_form
from sciencegen.config import COMPUTE_CHUNK, FamilyMeasurements, PrepareSettings, Reading, TrainSettings
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.latent.space import FitsPriors, LatentModel
from sciencegen.progress import NOTE
from sciencegen.records import to_record
from sciencegen.training.processes import is_follower

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch.nn import Module

    from sciencegen.api.models.data import TrainingData
    from sciencegen.batch import Batch
    from sciencegen.diffusion.model import DiffusionSettings
    from sciencegen.training import TrainingSettings


# Fits after the training of weights, such as a prior over the latents: their settings and progress.

PROGRESS = "progress"
"""The optional parameter of `finish` for a `FitProgress` (`networks.descent.Progress`)."""

TRAINED = "trained"
"""The optional parameter of `finish` for the number of steps of the training."""

WEIGHTS = "weights"
"""The optional parameter of `finish` for the weights of the items, None where they are equal."""

SILENCE_S = 20.0
"""Minimum seconds between two log lines of a fit."""

Log = Callable[[str], None]


class FitProgress:
    """Logs the first and last step of each fit, and some between, with the mean loss since the last line."""

    def __init__(self, log: Log) -> None:
        self.log, self.losses, self.logged_at = log, list[float](), monotonic()

    def __call__(self, what: str, step: int, steps: int, loss: float | None) -> None:
        self.losses += [] if loss is None else [loss]
        if step not in (1, steps) and monotonic() - self.logged_at < SILENCE_S:
            return
        self.log(f"{what}: step {step}/{steps}" + (f"  loss {fmean(self.losses):.4g}" if self.losses else ""))
        self.losses, self.logged_at = [], monotonic()


def fit_priors(
    model: LatentModel, data: TrainingData, settings: TrainSettings, log: Log, trained: int = 0, device: str = "cpu"
) -> None:
    """Call the model's `finish`, if it has one. trained: steps of the training. device: where the fits run, for MPS on
    the CPU; where its memory is too small, they start again on the CPU."""
    if not isinstance(model, FitsPriors):
        return
    import torch

    if device == "cuda":
        before = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        try:
            return _finish(model, data, settings, log, trained, device)
        except torch.cuda.OutOfMemoryError:
            log("note: the accelerator's memory is too small for the fits after the weights; they run on the CPU")
        torch.cuda.empty_cache()
        model.load_state_dict(before)
    return _finish(model, data, settings, log, trained, "cpu")


def _finish(
    model: LatentModel, data: TrainingData, settings: TrainSettings, log: Log, trained: int, device: str
) -> None:
    import torch

    from sciencegen.vae.flows import PriorFit

    assert isinstance(model, FitsPriors)
    progress, count = FitProgress(log), -(-len(data.arrays) // COMPUTE_CHUNK)

    def batches() -> Iterator[Batch]:
        for number, batch in enumerate(data.once(), 1):
            yield batch if device == "cpu" else batch.to(device)
            progress("finishing", number, count, None)

    weights = None if data.weights is None else torch.from_numpy(data.weights)
    told: dict[str, object] = {PROGRESS: progress, TRAINED: trained, WEIGHTS: weights}
    given = {name: value for name, value in told.items() if name in inspect.signature(model.finish).parameters}
    model.to(device)
    fit = model.finish(batches(), torch.Generator().manual_seed(settings.seed), **settings.finish, **given)
    for text in fit.notes if isinstance(fit, PriorFit) else ():
        log(f"{NOTE}{text}")


def check_prior_settings(model: FitsPriors | type[FitsPriors], values: Mapping[str, Any]) -> None:
    """Raise an error for unknown or wrong settings of `finish`. model: a model or its class."""
    parameters = list(inspect.signature(model.finish).parameters.values())
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    defaults = {
        each.name: each.default
        for each in parameters
        if each.default is not each.empty and each.name not in (PROGRESS, TRAINED, WEIGHTS)
    }
    if values and not defaults:
        raise ConfigError(f"Expected no `finish` for this recipe, got {sorted(values)}. Leave it out.")
    for name, value in values.items():
        if name not in defaults:
            raise unknown_name("key in finish", name, defaults)
        if not _is_like(value, defaults[name]):
            raise ConfigError(f"Expected a value like {defaults[name]!r} for finish.{name}, got {value!r}.")
        if (choices := _choices(model.finish, name)) and value not in choices:
            raise unknown_name(f"finish.{name}", value, choices)


def _is_like(value: object, default: object) -> bool:
    """Whether a value has the type of the default, and is at least 1 if the default is a positive integer."""
    if default is None:
        return True
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int) and default > 0 and isinstance(value, int) and value < 1:
        return False
    return isinstance(value, (int, float) if isinstance(default, float) else type(default))


def _choices(function: Callable[..., object], name: str) -> tuple[str, ...]:
    """The values of a `Literal` type hint of texts."""
    try:
        found = get_args(get_type_hints(function).get(name))
    except (NameError, TypeError):  # a hint that only the type checker sees
        return ()
    return tuple(one for one in found if isinstance(one, str))


# The plan: what is trained, with which settings.

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
    from sciencegen.diffusion.model import diffusion_of

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
    from sciencegen.diffusion.model import DiffusionSettings, diffusion_of

    if not isinstance(network, HasDiffusion) or not isinstance(network.diffusion, DiffusionSettings):
        raise ConfigError(
            f"Expected a recipe whose settings say how to draw, {type(network).__name__} has no `diffusion` of type "
            "DiffusionSettings. Distill another model."
        )
    return replace(network, diffusion=diffusion_of(module_of(model)).settings)
