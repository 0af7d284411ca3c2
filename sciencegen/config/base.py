"""Settings that several verbs share, and what all settings have in common."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo

from sciencegen.errors import ConfigError

COMPUTE_CHUNK = 512
"""Items in one matrix product. It is fixed, because products of other sizes round differently."""

CPU_CHUNK = 128
"""Rows of one call on a CPU: small enough that a search round of a few hundred rows uses several threads."""

ITEM_TIMEOUT_S = 30.0
"""Seconds that scoring one item may take."""

ONLY_INSIDE = (
    "initial", "population", "batch", "screen", "generations", "patience", "step",
    "maximum_changes", "random_moves", "keep_core", "new_alerts", "new_positions",
    "property_quantile", "minimum_similarity",
)  # fmt: skip
"""Settings that were never beside the field `settings`."""

TEXTS = (tuple[str, ...], tuple[str, ...] | None)
"""Types of settings that accept several texts."""

Device = Literal["auto", "cpu", "cuda", "mps"]


class Flag:
    """How the command line names a setting, if not by its name with dashes.

    names: such as "--with", "--include"; none: it has no flag, `--settings` takes it. commas: whether a text may hold
    several values, a,b,c. A flag of a setting that is true by default sets it to false.
    """

    def __init__(self, *names: str, commas: bool = False) -> None:
        self.names, self.commas = names, commas


NO_FLAG = Flag()


def flags_of_field(name: str, field: FieldInfo) -> tuple[str, ...]:
    """The flags of a setting on the command line; none for one that only `--settings` takes."""
    own = next((one for one in field.metadata if isinstance(one, Flag)), None)
    return (f"--{name.replace('_', '-')}",) if own is None or (own.commas and not own.names) else own.names


def kind_of(field: FieldInfo) -> tuple[Any, bool]:
    """The type of a setting without None, and whether it may be None."""
    kinds = get_args(field.annotation)
    optional = get_origin(field.annotation) in (Union, UnionType) and NoneType in kinds
    return (next(one for one in kinds if one is not NoneType) if optional else field.annotation), optional


def own_first(record: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """The fields of a record: its own, then those of the records that it extends."""
    own = inspect.get_annotations(record)
    return sorted(record.model_fields.items(), key=lambda item: item[0] not in own)


class Settings(BaseModel):
    """A strict, immutable record. The description of a field is what `--help` says of it; the command line's flags,
    the signature in Python, and the schemas of workflow and servers are made of the fields."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), populate_by_name=True, allow_inf_nan=False,
        defer_build=True,  # of all records a command uses one or two
    )  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _one_text_is_a_list(cls, value: Any, field: ValidationInfo) -> Any:
        """A single text is accepted where several texts are allowed, and a path where a text is."""
        annotation = cls.model_fields[str(field.field_name)].annotation
        value = str(value) if isinstance(value, Path) else value
        return (value,) if isinstance(value, str) and annotation in TEXTS else value


def as_texts(texts: str | Iterable[str]) -> list[str]:
    """A function's argument as a list of texts: a single text is one text, not its characters."""
    return [texts] if isinstance(texts, str) else list(texts)


class Further(Settings):
    """Settings of a verb that few of its users need, or that only some kinds of models have: `--set name=value` in
    commands, `settings` in Python and in configs."""


Inside = TypeVar("Inside", bound=Further, covariant=True)


class _Holds(Protocol[Inside]):
    @property
    def settings(self) -> Inside: ...


class HasFurther(Settings):
    """A verb's settings, with a field `settings` of further ones, which code reads as `further`. These are accepted
    beside it until version 0.5."""

    @property
    def further(self: _Holds[Inside]) -> Inside:
        return self.settings

    @model_validator(mode="before")
    @classmethod
    def _in_settings(cls, values: object) -> object:
        return moved(cls, values)[0] if isinstance(values, Mapping) else values


def further_of(record: type[BaseModel]) -> type[Further] | None:
    """The record of a verb's further settings; None if it has none, or if a model says what they are."""
    default = record.model_fields["settings"].default if "settings" in record.model_fields else None
    return type(default) if isinstance(default, Further) else None


def moved(record: type[BaseModel], values: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The values of a record with those in `settings` that belong there, and what was beside it. Two values of one
    setting are an error.

    Examples
    --------
    >>> from sciencegen.config import GenerateSettings
    >>> moved(GenerateSettings, {"n": 2, "steps": 9})
    ({'n': 2, 'settings': {'steps': 9}}, {'steps': 9})
    """
    further = further_of(record)
    names = further.model_fields.keys() - record.model_fields.keys() if further else ()
    if not (old := {name: value for name, value in values.items() if name in names and name not in ONLY_INSIDE}):
        return values, {}
    inside = values.get("settings") or {}
    given = inside.model_dump(exclude_unset=True) if isinstance(inside, BaseModel) else inside
    if not isinstance(given, Mapping):  # an error of the record
        return values, {}
    for name in old.keys() & given.keys():
        if old[name] not in (None, given[name]):
            raise ConfigError(
                f"Expected one value of `{name}`, got {given[name]!r} in `settings` and {old[name]!r} beside it. Leave "
                "out the latter, which is the old spelling."
            )
    return {name: one for name, one in values.items() if name not in old} | {"settings": {**old, **given}}, old


def flat(settings: BaseModel) -> dict[str, Any]:
    """The settings as plain data, with those of `settings` beside the others, as all records of outputs name them."""
    plain = settings.model_dump(mode="json")
    if further_of(type(settings)) is None:
        return plain
    inside = plain.pop("settings")
    method = {name: inside.pop(name) for name in ONLY_INSIDE if name in inside}
    own = {"settings": {name: one for name, one in method.items() if one is not None}} if method else {}
    return {**plain, **inside, **own}


THREADS = Field(0, ge=0, description="CPU cores to use; 0 is all of them.")


SEED = Field(0, ge=0, description="Random seed: the same seed gives the same results.")


class Resources(Settings):
    """Seed, device and parallelism of a verb. `device`, and `threads` in training, change results by rounding only."""

    seed: int = SEED
    device: Device = Field("auto", description="auto, cpu, cuda or mps.")
    threads: int = THREADS


BATCH_SIZE = Field(COMPUTE_CHUNK, ge=1, description="Items in memory at once; no effect on results.")


class Batched(Resources):
    """Resources with the number of items in memory, which is at least one compute chunk per thread."""

    batch_size: int = BATCH_SIZE


DEFAULT_RESOURCES = Resources()
WILD_TYPE = Field(
    None,
    description="The wild type that names of mutants refer to (proteins: A42G in the column mutant): a sequence, "
    "with its numbers as in SEQUENCE/2-56, or a file (>NAME/2-56; 1pga.pdb:A).",
)


SAMPLE = Field(
    None,
    description="Of a dataset: the small sample that is included, or (false) the whole set. [default: the whole "
    "set, if it is in the cache]",
)
LIMIT = Field(None, ge=1, description="Only the first rows of a file, or of each split. [default: all]")
OFFLINE = Field(False, description="Fetch nothing.")


class Reading(Batched):
    """How a verb reads rows of a file or a dataset; only `limit` applies to a prepared folder."""

    sample: Annotated[bool | None, NO_FLAG] = SAMPLE
    limit: Annotated[int | None, NO_FLAG] = LIMIT
    offline: Annotated[bool, NO_FLAG] = OFFLINE
    wild_type: str | None = WILD_TYPE


class FamilyMeasurements(Settings):
    """Measured values of variants, for the alignment of a family (proteins)."""

    measured: str | None = Field(
        None,
        description="With an alignment: a table of measured variants of its first record (as A42G, or as whole "
        "sequences).",
    )
    target: str | None = Field(None, description="The column of --measured that was measured. [default: value]")


BLOCKS = Field(
    None,
    description="A file of building blocks (molecules). Results are only items that known reactions make from "
    "them, and the columns route, route_steps and route_blocks say how.",
)
MAXIMUM_STEPS = Field(4, ge=1, le=20, description="Most reactions of a route from the building blocks.")


class ProgramSettings(Settings):
    """An external program."""

    command: str = Field(description="The program and its arguments, with {input} and {output}.")
    parallel: int = Field(1, ge=1, description="Calls at the same time.")
    batch_size: int = Field(64, ge=1, description="Items of a call.")
    timeout_s: float = Field(3600.0, gt=0, description="Longest time for a call, in seconds.")
    retries: int = Field(1, ge=0, description="Further calls after a failure.")


class OracleSettings(ProgramSettings):
    """An external program that reads items and writes a table with a column of scores."""

    column: str = Field("score", description="The column of scores.")
    input_format: str | None = Field(None, description="Ending of the file of items. [default: the domain's]")
    unit: str = Field("", description="Unit of the scores.")
    direction: Literal["maximize", "minimize"] | None = Field(None, description="Which scores are better.")


# Fields that several verbs have: a type where the flag has another name, and the field with its description.

MODEL = Field(
    None,
    description="The name of a shipped model, or the folder of a trained one. [default: the domain's shipped model]",
)
KEEP = Field((), description="A pattern that every result must contain. Repeatable.")
FORBID = Field(
    (),
    description="A pattern that no result may contain. Repeatable. Proteins: a motif of the wild type is allowed at "
    "its own position, and a note says so.",
)
Include = Annotated[tuple[str, ...], Flag("--with", "--include", commas=True)]
INCLUDE = Field((), description="Further properties to write, a,b,c. Repeatable.")
Plausible = Annotated[bool, Flag("--allow-implausible")]
PLAUSIBLE = Field(
    True,
    description="Allow items that can't be expected to exist. Molecules: groups that decompose (peroxides, "
    "hemiaminals, enols ...) or react with proteins and water (acid halides, epoxides, aldehydes ...), "
    "radicals; in searches and plates also atom environments that nobody has made.",
)
COMPLETE = Field(None, description="A model that computes structures of the results (molecules: qm9-conformers).")
Predictors = Annotated[dict[str, str], Flag("--predictor")]
PREDICTORS: dict[str, str] = Field({}, description="A trained predictor, NAME=FOLDER. Repeatable.")
Column = Annotated[str | None, Flag("--item-column")]
COLUMN = Field(None, description="The column of items. [default: the domain's usual names]")
CACHE = Field(
    None,
    description="A file that keeps the scores of programs, such as docking, for the same command or another one.",
)
ALIGNMENT = Field(
    None,
    description="An alignment of a family (proteins). Its model is trained into runs/, on first use.",
)
ModelSettings = Annotated[dict[str, Any], Flag("--set")]
MODEL_SETTINGS: dict[str, Any] = Field(
    {},
    description="A setting of the model, name=value, such as members=1 or semi_supervised=true (proteins). Repeatable.",
)
TRAINING: dict[str, Any] = Field(
    {},
    description="A setting of the training, name=value: steps, batch_size, learning_rate, precision, sparsity ..., "
    "such as steps=300. Repeatable.",
)
