"""What a training will do, checked as far as it can be before its data are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from sciencegen.api import models
from sciencegen.api.distillation import DISTILLING, drawing_as, plan_halvings
from sciencegen.api.finishing import check_finish
from sciencegen.api.records import to_record
from sciencegen.api.rooms import domain_of, in_form
from sciencegen.api.training_folder import is_prepared
from sciencegen.config import Beside, PrepareSettings, Reading, TrainSettings
from sciencegen.errors import ConfigError

FINE_TUNING = {"steps": 300, "learning_rate": 1e-4, "warmup_steps": 10, "batch_size": 64, "checkpoint_every": 50}
"""What `--from` changes of the training defaults: a few hundred items seen thirty times; more obeys a new column
better and repeats itself more."""

OF_TRAINING = (
    "from_model", "recipe", "conditions", "settings", "training", "finish", "distill", "teacher_steps",
)  # fmt: skip
"""Settings that weights taken as they are have no use for."""


@dataclass(frozen=True)
class Plan:
    """start: the weights that training starts from, if any. network: the recipe's settings. halvings: the steps that
    are left after each, where `start` is distilled."""

    domain: str
    data: str | Path
    column: str | None
    settings: TrainSettings
    training: Any
    device: str
    start: models.LoadedModel | None
    recipe: Any
    network: Any
    halvings: tuple[int, ...] = ()

    @property
    def preparing(self) -> PrepareSettings:
        names = ("threads", *Reading.__annotations__, *Beside.__annotations__)
        chosen = {name: getattr(self.settings, name) for name in names}
        return PrepareSettings(source=str(self.data), column=self.column, form=self.recipe.form, **chosen)

    @property
    def formed(self) -> str:
        return in_form(self.domain, self.recipe.form)


def check_taken(settings: TrainSettings) -> None:
    """An error for what says how to train, beside a `model` whose weights are taken as they are."""
    told = settings.model_dump(include=set(OF_TRAINING), by_alias=True, exclude_defaults=True)
    if told:
        raise ConfigError(
            f"Expected nothing on training beside `model: {settings.model}`, whose weights are taken as they are, got "
            f"{', '.join(told)}. Leave that out; or leave `model` out to train, or say `from` for it to adapt weights."
        )


def make_plan(domain: str, data: str | Path, column: str | None, settings: TrainSettings) -> Plan:
    """Everything that can be refused without the data is refused here; nothing is written."""
    device = models.resolve_device(settings.device)
    if settings.measured and is_prepared(data):
        raise ConfigError(f"Expected no --measured with the prepared {data}. Prepare it with --measured instead.")
    start = models.load_model(domain, settings.from_model, "cpu") if settings.from_model else None
    recipe = models.find_recipe(domain_of(domain), str(start.config["recipe"]) if start else settings.recipe)
    if settings.recipe not in (None, recipe.name):
        raise ConfigError(
            f"Expected no --recipe with --from, whose recipe is '{recipe.name}', got '{settings.recipe}'."
        )
    training = _training_settings(settings, recipe)
    halvings, network = plan_halvings(start, settings), model_settings(recipe, start, settings)
    if halvings and start:
        network = drawing_as(start.model, network)
    elif start and (recipe.adapt is None or recipe.adapt_representation is None):
        raise ConfigError(f"Expected a recipe that --from can adapt, '{recipe.name}' can't be. Train without --from.")
    model = start.model if start else class_made_by(recipe.build)
    if start or hasattr(model, "finish"):
        check_finish(model, settings.finish)
    return Plan(domain, data, column, settings, training, device, start, recipe, network, halvings)


def _training_settings(settings: TrainSettings, recipe: Any) -> Any:
    """How long and how, checked."""
    from sciencegen.training import TrainingSettings

    usual = DISTILLING if settings.distill else FINE_TUNING if settings.from_model else recipe.training
    defaults = {**usual, **settings.training, "seed": settings.seed}
    return to_record(TrainingSettings, defaults, "training")


def model_settings(recipe: Any, start: models.LoadedModel | None, settings: TrainSettings) -> Any:
    """The recipe's settings: those of the weights that training starts from, and the user's over them."""
    base = dict(start.config.get("settings") or {}) if start else {}
    if start and settings.settings:
        raise ConfigError(f"Expected no --set with --from (the network is given), got {sorted(settings.settings)}.")
    return models.recipe_settings(recipe, {**base, **settings.settings})


def class_made_by(function: Callable[..., Any]) -> type | None:
    """The class of what a recipe's function returns, None where it doesn't say."""
    try:
        made = get_type_hints(function).get("return")
    except (NameError, TypeError):  # a hint that only the type checker sees; a callable that has none
        return None
    return made if isinstance(made, type) and not getattr(made, "_is_protocol", False) else None
