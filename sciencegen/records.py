"""Conversion between plain data and nested frozen records; an unknown name is an error."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel

from sciencegen.config import TEXTS, build_settings
from sciencegen.errors import ConfigError, unknown_name

Record = TypeVar("Record")
EXPONENTIAL = re.compile(r"[+-]?\d+(\.\d*)?e[+-]?\d+", re.IGNORECASE)
"""Numbers such as 1e-4, which YAML reads as text: it requires a point and a sign."""


def to_record(record: type[Record], values: Mapping[str, Any], what: str, base: Record | None = None) -> Record:
    """Make a dataclass or pydantic model from a mapping; nested records from nested mappings, tuples from lists.

    base: a dataclass of which fields that aren't in the mapping are taken, those of nested records too; by default each
    class's own defaults are.
    """
    if issubclass(record, BaseModel):
        return build_settings(record, values, what)
    hints = get_type_hints(record)
    known = [field.name for field in dataclasses.fields(record) if field.init]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise unknown_name(f"key in {what}", name, known)
    fields = {
        name: _value(hints[name], value, f"{what}.{name}", None if base is None else getattr(base, name))
        for name, value in values.items()
    }
    try:
        return record(**fields) if base is None else dataclasses.replace(base, **fields)  # type: ignore[type-var]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: {error}") from None


def _value(hint: object, value: object, what: str, base: object) -> Any:
    kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type)]
    nested = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
    if nested is not None and isinstance(value, Mapping):
        return to_record(nested, value, what, base if isinstance(base, nested) else None)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and hint in TEXTS:
        return (value,)
    plain = hint if hint in (int, float, bool, str) else None
    if plain is float and isinstance(value, str) and EXPONENTIAL.fullmatch(value):
        return float(value)
    if plain is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if plain is None or (isinstance(value, plain) and not (plain is int and isinstance(value, bool))):
        return value
    raise ConfigError(f"Expected {plain.__name__} for {what}, got {value!r}.")


def to_plain(record: object) -> dict[str, Any]:
    """The inverse of `to_record`: nested mappings, lists, numbers, text."""
    if isinstance(record, BaseModel):
        return record.model_dump(mode="json")
    assert dataclasses.is_dataclass(record)
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record) if field.init}


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) or isinstance(value, BaseModel):
        return to_plain(value)
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def ledger(what: str, count: int, parts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The entry of a summary that says what became of all rows (draws, items): their number, then what was done with
    how many, and why others were left out. What is missing from them is `unexplained`.

    Examples
    --------
    >>> ledger("rows", 6, {"encoded": 4, "refused": 2, "repeated": 0})
    {'ledger': {'rows': 6, 'encoded': 4, 'refused': 2}}
    """
    parts = {**parts, "unexplained": count - sum(parts.values())}
    return {"ledger": {what: count, **{name: number for name, number in parts.items() if number}}}
