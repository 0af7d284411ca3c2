"""Keyword arguments of the public verbs, typed for editors and type checkers.

The settings records of `config` are what a verb obeys; the names and types here are checked against them by a test, so
that the two can't drift. `takes(record)` gives a verb the record's names and defaults as its signature, so that `help`
and notebooks list them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

from pydantic import BaseModel

from sciencegen.config import Device, OracleSettings

Texts = str | Sequence[str]
"""Several texts; one may stand alone."""
Verb = TypeVar("Verb", bound=Callable[..., Any])


class ResourceOptions(TypedDict, total=False):
    """`config.Resources`: where and how wide a verb computes."""

    seed: int
    device: Device
    threads: int
    batch_size: int


class ReadingOptions(ResourceOptions, total=False):
    """`config.Reading`: how rows are read from a file or a dataset."""

    sample: bool | None
    limit: int | None
    offline: bool
    wild_type: str | None


class GenerateOptions(ResourceOptions, total=False):
    """`config.GenerateSettings`."""

    model: str | None
    where: Texts
    keep: Texts
    forbid: Texts
    include: Texts
    raw: bool
    attempts: int
    noise_scale: float
    complete: str | None
    scaffold: str | None
    noise_free: bool
    predictors: Mapping[str, str]


class OptimizeOptions(ResourceOptions, total=False):
    """`config.OptimizeSettings`."""

    method: str
    budget: int
    n: int
    model: str | None
    start: Texts
    predictors: Mapping[str, str]
    lower_bounds: bool
    oracles: Mapping[str, OracleSettings | Mapping[str, Any]]
    keep: Texts
    forbid: Texts
    controls: Texts
    training: str | None
    novel: bool
    maximum_similarity: float | None
    include: Texts
    complete: str | None
    settings: Mapping[str, Any]


class ProposeOptions(ReadingOptions, total=False):
    """`config.ProposeSettings`."""

    journal: str | None
    target: str
    minimize: bool
    batch: int
    pool: str | None
    model: str | None
    acquisition: str
    surrogate: str
    scale: str
    exploration: float | None
    rounds: int | None
    keep: Texts
    forbid: Texts
    space: Mapping[str, Any]
    start: Texts
    also: Texts
    controls: Texts
    where: Texts
    maximum_similarity: float
    maximum_share: float
    diversity: float
    cost: str | None
    cost_limit: float | None
    column: str | None
    breeding: Mapping[str, Any]
    predictors: Mapping[str, str]


class RecordOptions(ReadingOptions, total=False):
    """`config.RecordSettings`."""

    target: str
    column: str | None
    round: int


class FamilyOptions(TypedDict, total=False):
    """`config.FamilyMeasurements`."""

    measured: str | None
    target: str | None


class PrepareOptions(ReadingOptions, FamilyOptions, total=False):
    """`config.PrepareSettings`."""

    source: str | None
    column: str | None
    properties: Texts | None
    columns: Texts
    fractions: Mapping[str, float]
    form: str


class TrainOptions(ReadingOptions, FamilyOptions, total=False):
    """`config.TrainSettings`."""

    model: str | None
    from_model: str | None
    recipe: str | None
    conditions: Texts | None
    settings: Mapping[str, Any]
    training: Mapping[str, Any]
    finish: Mapping[str, Any]
    distill: int | None
    teacher_steps: int | None


class PredictorOptions(ReadingOptions, total=False):
    """`config.PredictorSettings` without its table."""

    target: str
    form: str
    column: str | None
    model: str | None
    split: str | None
    evaluation_folds: int
    evaluation_repeats: int | None
    settings: Mapping[str, Any]


class EvaluateOptions(ResourceOptions, total=False):
    """`config.EvaluateSettings`."""

    against: str | None
    form: str
    training: str | None
    limit: int | None
    offline: bool
    model: str | None
    calibrate: Mapping[str, Sequence[float]]
    draws: int
    predictors: Mapping[str, str]


def takes(record: type[BaseModel]) -> Callable[[Verb], Verb]:
    """A decorator: the signature of `verb(..., **options)` lists the fields of a settings record with their defaults.

    Parameters
    ----------
    record : type of BaseModel
        The settings that `options` make. Fields that the verb names itself are left out.

    Examples
    --------
    >>> import inspect
    >>> from sciencegen.config import Resources
    >>> @takes(Resources)
    ... def verb(domain: str, **options): ...
    >>> list(inspect.signature(verb).parameters)
    ['domain', 'seed', 'device', 'threads', 'batch_size']
    """

    def decorate(verb: Verb) -> Verb:
        own = inspect.signature(verb)
        named = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        fields = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty
                if field.is_required()
                else field.get_default(call_default_factory=True),
                annotation=field.annotation,
            )
            for name, field in record.model_fields.items()
            if name not in own.parameters
        ]
        vars(verb)["__signature__"] = own.replace(parameters=[*named, *fields])
        return verb

    return decorate
