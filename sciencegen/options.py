"""Keyword arguments of the public verbs, typed for editors and type checkers.

A verb takes the fields of a settings record of `config`; a test checks that names and types here agree with it.
`takes(record)` gives a verb a signature with the record's names and defaults, which `help` and notebooks list.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any, Literal, Required, TypedDict, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sciencegen.config import Device, OracleSettings, ProgramSettings
from sciencegen.errors import ConfigError

Texts = str | Sequence[str]
"""One text or several."""
Verb = TypeVar("Verb", bound=Callable[..., Any])


class ResourceOptions(TypedDict, total=False):
    """`config.Resources`: the device and parallelism of a verb."""

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


class BlockOptions(TypedDict, total=False):
    """`config.BuildingBlocks`: the building blocks that items are made from."""

    blocks: str | None
    maximum_steps: int


class LayoutOptions(TypedDict, total=False):
    """`config.WellLayout`: the wells of a plate."""

    plate: int | None
    fill: str
    edge_wells: bool
    replicates: int
    control_wells: Texts
    control_copies: int
    picklist: Texts
    transfer_volume: float | None
    stocks: Mapping[str, Any]


class GenerateOptions(ResourceOptions, BlockOptions, total=False):
    """`config.GenerateSettings`."""

    model: str | None
    where: Texts
    keep: Texts
    forbid: Texts
    include: Texts
    raw: bool
    plausible: bool
    attempts: int | None
    noise_scale: float
    complete: str | None
    core: str | None
    scaffold: str | None
    contigs: str | None
    vary: str | None
    noise_level: float | None
    symmetry: str | None
    noise_free: bool
    predictors: Mapping[str, str]
    sampler: str | None
    steps: int | None
    guidance: float | None
    step_noise: float | None
    tries: int | None
    steer: Texts
    best_of: int
    particles: int | None
    strength: float


class OptimizeOptions(ResourceOptions, BlockOptions, total=False):
    """`config.OptimizeSettings`."""

    where: Texts
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
    plausible: bool
    maximum_similarity: float | None
    maximum_share: float | None
    include: Texts
    complete: str | None
    cache: str | None
    settings: Mapping[str, Any]


class ProposeOptions(ReadingOptions, BlockOptions, LayoutOptions, total=False):
    """`config.ProposeSettings`."""

    journal: str | None
    target: str | None
    minimize: bool
    goals: Texts
    prior: Texts
    prior_target: str | None
    batch: int
    pool: str | None
    model: str | None
    acquisition: str
    surrogate: str
    scale: str
    exploration: float | None
    rounds: int | None
    plausible: bool
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
    sharing: float
    breeding: Mapping[str, Any]
    predictors: Mapping[str, str]
    hit: float | None
    sheet: str | None
    order_sheet: bool
    order: Mapping[str, Any]


class RecordOptions(ReadingOptions, total=False):
    """`config.RecordSettings`."""

    target: Texts | None
    column: str | None
    round: int
    withdraw: int | None
    sheet: str | None


class BacktestOptions(ReadingOptions, total=False):
    """`config.BacktestSettings`."""

    target: str | None
    column: str | None
    minimize: bool
    batch: int
    rounds: int
    repeats: int
    methods: Texts
    threshold: float
    acquisition: str
    surrogate: str
    scale: str
    exploration: float | None
    maximum_similarity: float
    maximum_share: float
    diversity: float
    hit: float | None
    sheet: str | None


class CompressOptions(TypedDict, total=False):
    """`config.CompressSettings`."""

    quantize: float | None
    noise: float | None
    threads: int


class CutoutOptions(TypedDict, total=False):
    """`config.CutoutSettings`."""

    side: int
    pixel_scale: float | None
    bands: Texts
    extension: str | None
    psf: str | None
    psf_fwhm: float | None
    variance: str | None
    segments: str | None
    neighbours: bool
    sky: bool
    first_pixel: int | None
    limit: int | None


class DecompressOptions(TypedDict, total=False):
    """`config.DecompressSettings`."""

    partial: bool
    threads: int


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
    split_by: str | None
    split_gap: float
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

    target: Required[str]
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


class EncodeOptions(ResourceOptions, total=False):
    """`config.EncodeSettings`."""

    model: str | None
    column: str | None


class RestoreOptions(EncodeOptions, total=False):
    """`config.RestoreSettings`."""

    samples: int
    keep_samples: bool


class DecodeOptions(ResourceOptions, total=False):
    """`config.DecodeSettings`."""

    model: str | None
    where: Texts


class InterpolateOptions(ResourceOptions, total=False):
    """`config.InterpolateSettings`."""

    model: str | None
    include: Texts


class MapOptions(ReadingOptions, total=False):
    """`config.MapSettings` without `data`."""

    model: str | None
    column: str | None
    include: Texts
    colour_by: str | None
    along: bool
    projection: Literal["pca", "umap"]


class ReplayOptions(TypedDict, total=False):
    """`config.ReplaySettings`."""

    threads: int
    run_programs: bool


class PredictOptions(ResourceOptions, total=False):
    """`config.PredictSettings`."""

    wild_type: str | None
    column: str | None
    timeout_s: float


class ScoreOptions(PredictOptions, total=False):
    """`config.ScoreSettings` without its names."""

    predictors: Mapping[str, str]
    model: str | None
    cache: str | None


class SequencesOptions(EncodeOptions, total=False):
    """`config.SequencesSettings` without its number."""

    temperature: float
    keep_positions: str
    oracles: Mapping[Literal["design", "fold"], ProgramSettings | Mapping[str, Any]]
    alignment: str | None
    timeout_s: float


class VariantOptions(EncodeOptions, total=False):
    """`config.VariantScoringSettings`."""

    alignment: str | None
    wild_type: str | None
    predictors: Mapping[str, str]
    classify: bool
    structure: str | None
    settings: Mapping[str, Any]
    training: Mapping[str, Any]


class BenchmarkOptions(ResourceOptions, total=False):
    """`config.BenchmarkSettings` without its tasks and methods."""

    budget: int
    seeds: int
    domain: str | None
    model: str | None
    predictors: Mapping[str, str]


def takes(record: type[BaseModel], frames: Collection[str] = ()) -> Callable[[Verb], Verb]:
    """A decorator: the signature of `verb(..., **options)` lists the fields of a settings record with their defaults.

    Until version 0.4 the record itself may be passed instead of the options, with a warning.

    Parameters
    ----------
    record : type of BaseModel
        The settings that `options` are for. Fields that are parameters of the verb itself are left out.
    frames : collection of str
        Parameters that may be data frames; as others they are an error.

    Examples
    --------
    >>> import inspect
    >>> from sciencegen.config import Resources
    >>> from sciencegen.options import takes
    >>> @takes(Resources)
    ... def verb(domain: str, **options): ...
    >>> list(inspect.signature(verb).parameters)
    ['domain', 'seed', 'device', 'threads', 'batch_size']
    """

    def decorate(verb: Verb) -> Verb:
        @wraps(verb)
        def call(*arguments: Any, **options: Any) -> Any:
            named = {**dict(zip(own.parameters, arguments, strict=False)), **options}
            _refuse_frames({name: value for name, value in named.items() if name not in frames})
            positional = [one for one in arguments if not isinstance(one, record)]
            expanded = _expanded(record, arguments, options)
            taken = [*own.parameters][: len(positional)]  # fields of the record that are given by position too
            return verb(*positional, **{name: value for name, value in expanded.items() if name not in taken})

        own = inspect.signature(verb)
        shown = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        fields = [_parameter(name, field) for name, field in record.model_fields.items() if name not in own.parameters]
        vars(call)["__signature__"] = own.replace(parameters=[*shown, *fields])
        return call  # type: ignore[return-value]

    return decorate


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.annotation)


def _refuse_frames(arguments: Mapping[str, Any]) -> None:
    """Raise an error for a table in memory: results name the files that they were made from."""
    for name, value in arguments.items():
        if type(value).__name__ == "DataFrame":  # of pandas or polars, without importing them
            raise ConfigError(
                f"Expected a file or a list of items as '{name}', got a DataFrame. Save it and pass the file, or pass "
                "its column of items, such as table['item']."
            )


def _expanded(record: type[BaseModel], arguments: Sequence[Any], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of a record that was passed as the argument `settings`, together with the other options."""
    given = [one for one in (*arguments, options.get("settings")) if isinstance(one, record)]
    if not given:
        return options
    warnings.warn(
        f"pass the fields of {record.__name__} as keyword arguments: version 0.4 won't accept the record itself",
        FutureWarning,
        stacklevel=3,
    )
    others = {name: value for name, value in options.items() if value is not given[0]}
    return {**given[0].model_dump(exclude_unset=True), **others}
