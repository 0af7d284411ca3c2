"""Settings from texts, files and values, with errors that name the key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from sciencegen.config.base import further_of
from sciencegen.errors import ConfigError
from sciencegen.files import found_at
from sciencegen.yaml_text import DEEPEST, parse_yaml

Record = TypeVar("Record", bound=BaseModel)


def _unusable(value: Any, level: int = 0) -> str:
    """Why a setting can't be used whatever it is for, "" otherwise: it is, or holds, a whole number beyond 64 bits,
    which libraries cannot hold, or it has too many levels."""
    if level > DEEPEST:
        return f"Expected at most {DEEPEST} levels of brackets, got more"
    if isinstance(value, Mapping | list | tuple):
        inside = value.values() if isinstance(value, Mapping) else value
        return next(filter(None, (_unusable(one, level + 1) for one in inside)), "")
    huge = isinstance(value, int) and bool(abs(value) >> 63)
    return "Expected a whole number below 2^63, got more digits" if huge else ""


MOST_PROBLEMS = 20
"""Problems that an error names."""


def build_settings(record: type[Record], values: Mapping[str, Any], place: str = "") -> Record:
    """`record(**values)`, with a readable error."""
    for name, value in values.items():
        if reason := _unusable(value):
            raise ConfigError(f"{place or 'Settings'}: '{name}': {reason}.")
    try:
        return record.model_validate(dict(values))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [_explain(record, problem) for problem in problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"and {len(problems) - MOST_PROBLEMS:,} further problems")
        raise ConfigError(f"{place or 'Settings'}: " + "; ".join(lines)) from None


def _explain(record: type[BaseModel], problem: Mapping[str, Any]) -> str:
    path = [str(part) for part in problem["loc"]]
    name = ".".join(path)
    if problem["type"] == "extra_forbidden":
        if path[0] == "settings" and further_of(record) is not None and path[-1] in record.model_fields:
            return f"unknown key '{name}', did you mean `{path[-1]}`, outside `settings`?"
        known = _known_keys(record, path[:-1])
        further = further_of(record) if len(path) == 1 else None
        inside = [] if further is None else sorted(further.model_fields)
        near = difflib.get_close_matches(path[-1], [*known, *inside], n=1, cutoff=0.5)
        told = f"{', '.join(known)}{'; in `settings`: ' if inside else ''}{', '.join(inside)}"
        where = " in `settings`" if near and near[0] not in known else ""
        remedy = f"did you mean '{near[0]}'{where}?" if near else f"known keys: {told}."
        return f"unknown key '{name}', {remedy}"
    if problem["type"] == "missing":
        return f"key '{name}' is missing"
    if problem["type"] == "tuple_type":
        return f"'{name}': {_not_texts(problem['input'])}"
    if problem["type"] in ("model_type", "dict_type"):
        return f"'{name}': Expected {{name: value}}, got {problem['input']!r}"
    return f"'{name}': {problem['msg']}, got {problem['input']!r}"


def _not_texts(given: object) -> str:
    """What to write instead of something that is neither a text nor a list."""
    remedy = ""
    if isinstance(given, Mapping):  # {"logp": 2}
        remedy = f". Write {[f'{key} = {value}' for key, value in given.items()]}"
    return f"Expected one value or a list of them, got {given!r}{remedy}"


def _known_keys(record: type[BaseModel], path: list[str]) -> list[str]:
    """The keys of the nested record at `path`, which may contain names chosen by the user (`predict.activity`)."""
    for part in path:
        field = record.model_fields.get(part)
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        nested = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
        record = next(nested, record)
    return sorted(field.alias or name for name, field in record.model_fields.items())


LARGEST_CONFIG = 1 << 24
"""Bytes of a config file; a device has no end."""


def _content(place: str) -> str:
    given_open = place.startswith(("/dev/stdin", "/dev/fd/", "/proc/self/fd/"))  # as `<(command)` in a shell
    if Path(place).exists() and not Path(place).is_file() and not given_open:
        raise ConfigError(f"Expected a config file at {place}, found {found_at(place)}.")
    with open(place, "rb") as file:
        content = file.read(LARGEST_CONFIG + 1)
    if len(content) > LARGEST_CONFIG:
        raise ConfigError(f"Expected a config file of at most {LARGEST_CONFIG >> 20} MiB, {place} is larger.")
    return content.decode("utf-8-sig")


def read_settings(text: str) -> dict[str, Any]:
    """A mapping from YAML or JSON text of the flag --settings, or from a file given as `@path`."""
    place = text[1:] if text.startswith("@") else "--settings"
    try:
        values = parse_yaml(_content(place) if text.startswith("@") else text)
    except FileNotFoundError:
        raise ConfigError(f"Expected a config file at {place}, found none.") from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"Expected YAML in {place}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"Expected `key: value` lines or {{key: value}} in {place}, got '{str(values)[:60]}'.")
    return values
