"""The commands as verbs for other programs: parameters, types and texts are those of the commands' functions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field, create_model
from typer.models import ArgumentInfo, ParameterInfo
from typer.utils import get_params_from_function

from sciencegen.cli import datasets, train
from sciencegen.cli.commands import COMMANDS, GROUP, command
from sciencegen.cli.options import CheckedOnly, only_checking, settings_of
from sciencegen.config import Settings
from sciencegen.plugins import part_names
from sciencegen.serving.verbs import Place, ServedVerb

NOT_SERVED = {"explore"}
"""Commands that a server doesn't offer: those that serve themselves."""
FURTHER: Mapping[str, tuple[tuple[str, ...], Callable[..., None]]] = {
    "train": (("train", train.MODEL_COMMAND), train.model),
    "train-predictor": (("train", "predictor"), train.predictor),
    "datasets-list": (("datasets", "list"), datasets.list_datasets),
    "datasets-show": (("datasets", "show"), datasets.show),
    "datasets-fetch": (("datasets", "fetch"), datasets.fetch),
    "datasets-prepare": (("datasets", "prepare"), datasets.prepare),
}
"""Commands of groups."""
ENDINGS = {
    "encode": ".npz", "evaluate": ".json", "map": ".png", "report": ".html", "decode": ".txt", "train": "",
    "train-predictor": "", "datasets-prepare": "", "compress": ".sgc", "cutout": ".fits",
}  # fmt: skip
"""Of the output of a request that names none; other outputs are tables."""
NAMES_OUTPUT = {"decompress"}
"""Commands whose output has the ending of something else: requests must name it."""
PRINTING = {"datasets-fetch"}
"""Commands whose output is optional: they print what they found."""
OURS = {"json"}
"""Flags that a job sets itself."""
LEFT_OUT = {("report", "settings")}
"""Parameters that aren't offered: the whole config of a workflow."""
STANDARD_STREAMS = re.compile(r"; - is std(in|out)\b| \(- is std(in|out)\)")
"""In the help of files, of which a job has none of these."""
CHOICES: Mapping[tuple[str, str], Any] = {("propose", "plate"): Literal[96, 384]}
"""The types of parameters with few values."""
NAMED = re.compile(r"\bname=value\b|\bNAME=|=FOLDER\b")
"""In the help of flags that take a name and a value, which may also be given as a mapping."""


@cache
def served_verbs() -> Mapping[str, ServedVerb]:
    """The verbs that servers offer, by name."""
    alone = {name: ((name,), command(name)) for name in part_names(GROUP, COMMANDS) if name not in NOT_SERVED}
    return {name: _verb(name, *found) for name, found in sorted({**alone, **FURTHER}.items())}


def _verb(name: str, words: tuple[str, ...], function: Callable[..., None]) -> ServedVerb:
    places, fields = {}, {}
    for argument, found in get_params_from_function(function).items():
        place = _place(argument, found.annotation, found.default)
        key = _key(place)
        if key not in OURS and (name, key) not in LEFT_OUT:
            places[key] = place
            fields[key] = _field(name, key, found.annotation, found.default, settings_of(function))
    prints = "output" not in places or name in PRINTING
    return ServedVerb(
        name,
        words,
        inspect.getdoc(function) or "",
        create_model(f"{name.title().replace('-', '')}Parameters", __base__=Settings, **fields),  # type: ignore[call-overload]
        places,
        None if prints else ENDINGS.get(name, ".csv"),
        "force" in places and not prints,
        _checker(function if settings_of(function) else None),
    )


def _place(argument: str, annotation: Any, info: ParameterInfo) -> Place:
    if isinstance(info, ArgumentInfo):
        return Place(argument)
    long = [one for one in info.param_decls or () if one.startswith("--")]
    flag, _, negative = [*long, *(info.param_decls or ()), f"--{argument.replace('_', '-')}"][0].partition("/")
    return Place(argument, flag, negative, get_origin(_inner(annotation)) is list)


def _key(place: Place) -> str:
    """The name of a parameter: that of its flag."""
    return "output" if place.flag == "-o" else place.flag.lstrip("-").replace("-", "_") or place.argument


def _inner(annotation: Any) -> Any:
    """The type without None."""
    if get_origin(annotation) in (Union, UnionType):
        return next(one for one in get_args(annotation) if one is not NoneType)
    return annotation


def _field(verb: str, key: str, annotation: Any, info: ParameterInfo, record: type[Settings] | None) -> tuple[Any, Any]:
    """The type and the limits of a parameter."""
    inner, text = _inner(annotation), info.help or ""
    if key == "settings" and record is not None:
        inner, text = _part_of(record), "Further settings; parameters of the same name take precedence."
    elif get_origin(inner) is list:
        inner = dict[str, Any] | tuple[str, ...] if NAMED.search(text) else tuple[str, ...]
    inner = CHOICES.get((verb, key), inner)
    text = STANDARD_STREAMS.sub("", text)
    required = info.default is ... and (key != "output" or verb in NAMES_OUTPUT)
    known = Field(... if required else None, description=text, ge=info.min, le=info.max)
    return (inner if required else inner | None), known


@cache
def _part_of(record: type[Settings]) -> type[Settings]:
    """The record without required settings, which have parameters of their own."""
    optional = {
        name: (Annotated[one.annotation, *one.metadata] if one.metadata else one.annotation, "")
        for name, one in record.model_fields.items()
        if one.is_required()
    }
    return create_model(record.__name__, __base__=record, __doc__=record.__doc__, **optional)  # type: ignore[call-overload]


def _checker(function: Callable[..., None] | None) -> Callable[[Mapping[str, Any]], Settings | None]:
    """function: of a command that has a record of settings."""

    def check(arguments: Mapping[str, Any]) -> Settings | None:
        record = None
        try:
            with only_checking():
                if function is not None:
                    function(**arguments)
        except CheckedOnly as found:
            record = found.record
        domain = arguments.get("domain")
        if isinstance(domain, str):
            from sciencegen.api.criteria import criteria_of  # on use: with the domain's libraries

            criteria_of(domain, record)
        return record

    return check
