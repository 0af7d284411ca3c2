"""The JSON schema of a workflow's config, for Snakemake, editors and catalogs of workflows.

    sciencegen run molecules --schema > workflows/schemas/config.schema.yaml

It has the keys and types of `config.RunSettings`. What depends on the domain, such as names in goals, is checked by
`sciencegen run` and by the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from sciencegen.config import TEXTS, RunSettings, Settings, further_of
from sciencegen.config.base import ONLY_INSIDE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/$defs/"

ANY = ("additionalProperties", True)
"""What holds without being written; only some versions of Pydantic write it."""

Schema = dict[str, Any]


def config_schema() -> Schema:
    """The schema, without references: a catalog shows the keys of each section.

    Examples
    --------
    >>> schema = config_schema()
    >>> schema["required"], sorted(schema["properties"]["report"]["properties"])
    (['domain'], ['candidates', 'colour_by', 'title'])
    """
    schema = RunSettings.model_json_schema()
    records = {record.__name__: record for record in _records(Settings)}
    definitions = {
        name: _accepting(part, records[name]) if name in records else part for name, part in schema.pop("$defs").items()
    }
    return {"$schema": DIALECT, **_plain(_accepting(schema, RunSettings), definitions)}


def schema_text() -> str:
    """The schema as YAML."""
    return yaml.safe_dump(config_schema(), sort_keys=False, width=110, allow_unicode=True)


def _records(record: type[Settings]) -> Iterator[type[Settings]]:
    yield record
    for below in record.__subclasses__():
        yield from _records(below)


def _accepting(schema: Schema, record: type[Settings]) -> Schema:
    """The schema of a record with what `config` accepts besides: one text for several, and names for aliases."""
    properties = dict(schema["properties"])
    for name, field in record.model_fields.items():
        known = field.alias or name
        if field.annotation in TEXTS:
            several = {key: value for key, value in properties[known].items() if key != "description"}
            properties[known] = {"description": field.description, "anyOf": [{"type": "string"}, several]}
        properties.setdefault(name, properties[known])
    if (further := further_of(record)) is not None:  # as keys of the section itself until version 0.5
        for name, one in _accepting(further.model_json_schema(), further)["properties"].items():
            if name not in ONLY_INSIDE:
                properties.setdefault(name, one | {"description": "Write it in `settings`.", "deprecated": True})
    summary = " ".join(schema.pop("description").split())
    return {"description": summary, **schema, "properties": properties}


def _plain(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """A schema without references and without the titles that repeat its keys."""
    if (name := schema.get("$ref", "").removeprefix(REFERENCE)) in definitions:
        given = {key: value for key, value in schema.items() if key != "$ref"}
        return _plain({**definitions[name], **given}, definitions)
    plain: Schema = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            plain[key] = {name: _plain(part, definitions) for name, part in value.items()}
        elif isinstance(value, dict) and key in ("items", "additionalProperties"):
            plain[key] = _plain(value, definitions)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            plain[key] = [_plain(part, definitions) for part in value]
        elif key != "title" and not (key == "default" and isinstance(value, dict | None)) and (key, value) != ANY:
            plain[key] = value
    return plain
