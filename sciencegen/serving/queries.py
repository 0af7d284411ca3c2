"""Parameters of a request's address, checked against their description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Json

Value = str | float | bool
TRUTHS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}


def query_values(given: Mapping[str, str], described: Sequence[Json]) -> dict[str, Value]:
    """The parameters of an address by name, those that aren't given with their defaults.

    Parameters
    ----------
    given : mapping
        Texts by name. An empty text counts as not given, except for numbers.
    described : sequence of mapping
        The parameters as the OpenAPI document describes them: name and JSON schema.

    Raises
    ------
    ConfigError
        If a name is unknown, or a value isn't one of its schema.

    Examples
    --------
    >>> wait = {"name": "wait", "schema": {"type": "number", "minimum": 0, "maximum": 600, "default": 0}}
    >>> query_values({"wait": "60"}, [wait]), query_values({}, [wait])
    ({'wait': 60.0}, {'wait': 0})
    >>> query_values({"wiat": "60"}, [wait])
    Traceback (most recent call last):
    sciencegen.errors.ConfigError: Unknown query parameter 'wiat'. Did you mean 'wait'?
    """
    schemas = {one["name"]: one["schema"] for one in described}
    for name in given:
        if not schemas:
            raise ConfigError(f"Expected no query parameters for this path, got '{name}'. Leave it out.")
        if name not in schemas:
            raise ConfigError(str(unknown_name("query parameter", name, schemas)))
    defaults = {name: one["default"] for name, one in schemas.items() if "default" in one}
    return defaults | {
        name: _value(name, text, schemas[name])
        for name, text in given.items()
        if text or schemas[name]["type"] in ("number", "integer")
    }


def _value(name: str, text: str, schema: Json) -> Value:
    if schema["type"] in ("number", "integer"):
        return _number(name, text, schema)
    if schema["type"] == "boolean":
        if text.lower() not in TRUTHS:
            raise ConfigError(f"Expected true or false for the query parameter `{name}`, got '{text}'.")
        return TRUTHS[text.lower()]
    if text not in schema.get("enum", (text,)):
        known = ", ".join(schema["enum"])
        raise ConfigError(f"Expected one of {known} for the query parameter `{name}`, got '{text}'.")
    return text


def _number(name: str, text: str, schema: Json) -> float:
    low, high, whole = schema["minimum"], schema["maximum"], schema["type"] == "integer"
    with suppress(ValueError):
        if low <= (value := int(text) if whole else float(text)) <= high:
            return value
    kind = "an integer" if whole else "a number"
    raise ConfigError(f"Expected {kind} from {low} to {high} for the query parameter `{name}`, got '{text}'.")
