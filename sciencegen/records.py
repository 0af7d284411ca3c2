"""Conversion between plain data and nested frozen records; an unknown name is an error. Records in notebooks."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints
from urllib.parse import quote

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


# What notebooks show of a record. All texts are escaped.

LONGEST, MOST_NOTES = 60, 8
"""Characters of a cell, of which a longer text is cut; notes."""
MESSAGES = ("fewer", "notes")
"""Attributes that are lists of sentences."""


class Shown:
    """A record that notebooks show as a table of some of its attributes.

    Examples
    --------
    >>> class Fit(Shown):
    ...     SHOWN = "target", "notes"
    ...     target, notes = "logp", ["few rows"]
    >>> Fit()._repr_html_()
    '<div><table><tr><th>target</th><td>logp</td></tr></table><ul><li>few rows</li></ul></div>'
    """

    SHOWN: ClassVar[Sequence[str]]
    """Names of the attributes."""

    def _repr_html_(self) -> str:
        found = {name: getattr(self, name) for name in self.SHOWN}
        notes = [note for name in MESSAGES for note in found.pop(name, ())]
        return f"<div>{values_html(found)}{notes_html(notes)}</div>"


def values_html(values: Mapping[str, object]) -> str:
    """Single values in a table of names and values, without those that are None, and records of them in a table with a
    row for each; records of records follow in the same way."""
    records = {name: one for name, one in values.items() if isinstance(one, Mapping) and one}
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{cell_html(one)}</td></tr>"
        for name, one in values.items()
        if not (one is None or isinstance(one, Mapping))
    )
    deeper = [name for name, one in records.items() if any(isinstance(cell, Mapping) for cell in one.values())]
    below = "".join(values_html(records.pop(name)) for name in deeper)
    columns: dict[str, list[object]] = {"": list(records)} if records else {}
    for name in dict.fromkeys(name for one in records.values() for name in one):
        columns[name] = [one.get(name) for one in records.values()]
    return (f"<table>{rows}</table>" if rows else "") + (table_html(columns) if columns else "") + below


def notes_html(notes: Sequence[str]) -> str:
    """Notes as a list, "" without any."""
    more = [f"and {len(notes) - MOST_NOTES} more notes"] if len(notes) > MOST_NOTES else []
    items = "".join(f"<li>{escape(note)}</li>" for note in [*notes[:MOST_NOTES], *more])
    return f"<ul>{items}</ul>" if items else ""


def table_html(columns: Mapping[str, Sequence[Any]], beside: Sequence[str] = ()) -> str:
    """A table of columns of equal lengths. beside: the first cell of each row, as HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in [*([""] if beside else []), *columns])
    cells = [[f"<td>{cell_html(cell)}</td>" for cell in column] for column in columns.values()]
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*([beside] if beside else []), *cells, strict=True))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def cell_html(cell: object) -> str:
    """A number or text, shortened; the path of a page is a link to it."""
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.4g}" if abs(cell) < 1e6 else f"{cell:.6g}"
    if isinstance(cell, Path) and cell.suffix == ".html":
        return f'<a href="{escape(quote(cell.as_posix()))}">{escape(str(cell))}</a>'
    text = ", ".join(map(str, cell)) if isinstance(cell, tuple | list) else "" if cell is None else str(cell)
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
