"""Fits after the training of weights, such as a prior over the latents: their settings and progress."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from statistics import fmean
from time import monotonic
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from sciencegen.config import COMPUTE_CHUNK, TrainSettings
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.latent.space import FitsPriors, LatentModel
from sciencegen.notes import NOTE

if TYPE_CHECKING:
    from sciencegen.api.models.data import TrainingData
    from sciencegen.batch import Batch

PROGRESS = "progress"
"""The optional parameter of `finish` for a `FitProgress` (`networks.descent.Progress`)."""

TRAINED = "trained"
"""The optional parameter of `finish` for the number of steps of the training."""

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

    from sciencegen.vae.prior_fitting import PriorFit

    assert isinstance(model, FitsPriors)
    progress, count = FitProgress(log), -(-len(data.arrays) // COMPUTE_CHUNK)

    def batches() -> Iterator[Batch]:
        for number, batch in enumerate(data.once(), 1):
            yield batch if device == "cpu" else batch.to(device)
            progress("finishing", number, count, None)

    told: dict[str, object] = {PROGRESS: progress, TRAINED: trained}
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
        if each.default is not each.empty and each.name not in (PROGRESS, TRAINED)
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
