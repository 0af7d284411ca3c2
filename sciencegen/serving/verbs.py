"""A verb as other programs see it: its parameters with their types, and the command that a request stands for."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel

from sciencegen.config import Settings, build_settings
from sciencegen.items import Json

Values = Mapping[str, Any]
"""Parameters of a request by name, as JSON has them."""


@dataclass(frozen=True)
class Place:
    """Where a parameter stands in a command.

    Parameters
    ----------
    argument : str
        Its name in the command's function.
    flag : str
        Such as "--where"; "" for an argument without one.
    negative : str
        The flag for false; "" if there is none.
    repeats : bool
        Whether the flag is repeated for each of several values.
    """

    argument: str
    flag: str = ""
    negative: str = ""
    repeats: bool = False

    def given(self, value: Any) -> Any:
        """The value as the command's function gets it."""
        if self.repeats:
            return [f"{name}={_text(one)}" for name, one in value.items()] if isinstance(value, Mapping) else [*value]
        return json.dumps(value) if isinstance(value, Mapping) else value

    def words(self, value: Any) -> list[str]:
        """The words of a command for a value."""
        if isinstance(value, bool):
            return [self.flag] if value else [self.negative] * bool(self.negative)
        given = self.given(value)
        texts = [_text(one) for one in (given if self.repeats else [given])]
        if not self.flag:
            return texts
        if self.flag.startswith("--"):  # a value may begin with a dash
            return [f"{self.flag}={text}" for text in texts]
        return [word for text in texts for word in (self.flag, text)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class ServedVerb:
    """A verb of the command line.

    Parameters
    ----------
    name : str
        In addresses and as a tool, such as "datasets-prepare".
    words : tuple of str
        The words of the command.
    description : str
    parameters : type of Settings
        The record that a request is checked with.
    places : mapping
        Parameter -> its place in the command.
    ending : str, optional
        Of the output's name if a request names none; "" for a folder, None for a verb that only prints its result.
    overwrites : bool
        Whether the command has the flag --force.
    check : (arguments) -> Settings or None
        Checks settings as the command does, without computing anything; raises its errors.
    """

    name: str
    words: tuple[str, ...]
    description: str
    parameters: type[Settings]
    places: Mapping[str, Place]
    ending: str | None = None
    overwrites: bool = True
    check: Callable[[Mapping[str, Any]], Settings | None] = field(default=lambda arguments: None)

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        return self.description.split("\n\n")[0].replace("\n", " ")

    def schema(self) -> Json:
        """The JSON schema of the parameters. Settings that have a parameter of their own are listed once."""
        schema = _without_nulls(self.parameters.model_json_schema())
        if (field := self.parameters.model_fields.get("settings")) is not None:
            record = next(one for one in (field.annotation, *get_args(field.annotation)) if inspect.isclass(one))
            properties = schema["$defs"][record.__name__]["properties"]
            own = self.parameters.model_fields.keys() - {"settings"}
            for name in own | ({"settings"} if "set" in own else set()):
                properties.pop(name, None)
        return schema

    def values(self, given: Values) -> dict[str, Any]:
        """The parameters of a request, checked; those that it doesn't give are left out."""
        return _plain(build_settings(self.parameters, given, f"Parameters of {self.name}"))

    def settings(self, values: Values) -> Settings | None:
        """The settings with their defaults that parameters stand for; None if the verb has no such record."""
        return self.check({self.places[name].argument: self.places[name].given(one) for name, one in values.items()})

    def command(self, values: Values, further: Sequence[str] = ()) -> list[str]:
        """The words of the command; further: flags in addition."""
        options, arguments = [*self.words], list[str]()
        for name, place in self.places.items():
            if values.get(name) is not None:
                (options if place.flag else arguments).extend(place.words(values[name]))
        return [*options, *further, *(["--", *arguments] if arguments else [])]


def _without_nulls(schema: Any) -> Any:
    """A schema in which what may be left out is not `null or ...`, without titles."""
    if isinstance(schema, list):
        return [_without_nulls(one) for one in schema if one != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    kept = {name: one for name, one in schema.items() if name != "title" or not isinstance(one, str)}
    found = {name: _without_nulls(one) for name, one in kept.items() if (name, one) != ("default", None)}
    choices = found.get("anyOf", ())
    return {**found.pop("anyOf")[0], **found} if len(choices) == 1 else found


def _plain(record: BaseModel) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_unset=True, exclude_none=True, by_alias=True)
