"""The description of the HTTP server: an OpenAPI document, and the same as a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from sciencegen.items import Json
from sciencegen.serving.records import STATES
from sciencegen.serving.requests import ServedVerb

# JSON schemas of the HTTP server's answers.

_TEXT: Json = {"type": "string"}
_TIME: Json = {"type": "string", "description": "In UTC; empty before."}
_FILE_SCHEMA: Json = {
    "type": "object", "required": ["path", "bytes"],
    "properties": {
        "path": {"type": "string", "description": "Relative to the server's folder."}, "bytes": {"type": "integer"},
    },
}  # fmt: skip
_PROGRESS: Json = {
    "type": ["object", "null"],
    "properties": {
        "what": _TEXT, "done": {"type": "number"}, "total": {"type": ["number", "null"]}, "note": _TEXT,
    },
}  # fmt: skip
_JOB_SCHEMA: Json = {
    "id": _TEXT, "verb": _TEXT, "state": {"type": "string", "enum": [*STATES]}, "parameters": {"type": "object"},
    "created": _TIME, "started": _TIME, "ended": _TIME, "seconds": {"type": "number"}, "starts": {"type": "integer"},
    "progress": _PROGRESS, "exit_code": {"type": ["integer", "null"]},
    "error": {"type": "string", "description": "Why there are no results, or fewer."},
    "notes": {"type": "array", "items": _TEXT},
    "summary": {"description": "What the command printed, as JSON; null if nothing."},
    "output": {"type": ["string", "null"]}, "files": {"type": "array", "items": {"$ref": "#/components/schemas/File"}},
}  # fmt: skip
SCHEMAS: Mapping[str, Json] = {
    "Job": {"type": "object", "required": [*_JOB_SCHEMA], "properties": _JOB_SCHEMA},
    "File": _FILE_SCHEMA,
    "Error": {"type": "object", "required": ["error"], "properties": {"error": _TEXT}},
}
"""By name; the names of verbs are in small letters."""


def content_of(name: str) -> Json:
    """The content of an answer with one of these schemas.

    Examples
    --------
    >>> content_of("Job")
    {'application/json': {'schema': {'$ref': '#/components/schemas/Job'}}}
    """
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "The id of a job."}
_PATH = {
    "name": "path",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The path of a file, relative to the server's folder.",
}
_WAIT = {
    "name": "wait", "in": "query", "schema": {"type": "number", "minimum": 0, "maximum": 600, "default": 0},
    "description": "Seconds to wait for the end of the job before the answer.",
}  # fmt: skip
_JOB, _FILE = content_of("Job"), content_of("File")
VERB_PATH = "/verbs/{verb}"
"""The path of all verbs; the document has one for each of them."""
_JSON: Json = {"application/json": {"schema": {"type": "object"}}}


def _query(name: str, kind: str, text: str, **more: Any) -> Json:
    """A parameter of the address. more: of its schema."""
    return {"name": name, "in": "query", "schema": {"type": kind, **more}, "description": text}


def _operation(
    summary: str, *parameters: Json, content: Json | None = None, status: str = "200", **more: Any
) -> Json:  # fmt: skip
    answers = {
        status: {"description": "Done.", "content": _JSON if content is None else content},
        "default": {"description": "Refused, with the reason as `error`.", "content": content_of("Error")},
    }
    return {"summary": summary, "parameters": list(parameters), "responses": answers, **more}


_DRY = _query("dry_run", "boolean", "Only say what would be done and what it would take.", default=False)
_FORCE = _query("force", "boolean", "Also in place of a file that a job uses, or of a journal.", default=False)
_NEW: Json = {
    "name": "If-None-Match", "in": "header", "schema": {"type": "string", "enum": ["*"]},
    "description": "With * an upload is refused with 412 if there is a file of this name.",
}  # fmt: skip
_BYTES: Json = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_UPLOAD: Json = {"requestBody": {"required": True, "content": _BYTES}}
PATHS: Mapping[str, Mapping[str, Json]] = {
    "/status": {"get": _operation("Version, folder, jobs by state, and what is left of the budget")},
    "/verbs": {"get": _operation("The verbs, with a sentence on each")},
    "/jobs": {
        "get": _operation(
            "Jobs, newest first", _query("state", "string", "Only those in this state.", enum=[*STATES]),
            _query("limit", "integer", "Most jobs of the answer.", minimum=0, maximum=1000, default=100),
            _query("before", "string", "Only jobs older than that of this id."),
        )
    },
    "/jobs/{id}": {"get": _operation("State, progress, notes, summary and files of a job", _ID, _WAIT, content=_JOB)},
    "/jobs/{id}/cancel": {"post": _operation("End a job; what it has written stays", _ID, content=_JOB)},
    "/jobs/{id}/restart": {
        "post": _operation("Start a job again that failed or was stopped", _ID, content=_JOB, status="202")
    },
    "/jobs/{id}/log": {"get": _operation("Messages of a job", _ID, content={"text/plain": {}})},
    "/jobs/{id}/rows": {
        "get": _operation(
            "Rows of a job's table", _ID,
            _query("start", "integer", "The first row, from 0.", minimum=0, maximum=2**53, default=0),
            _query("limit", "integer", "Most rows of the answer.", minimum=0, maximum=1000, default=100),
            _query("file", "string", "Another file of the job than its output."),
        )
    },
    "/files": {"get": _operation("Files in the server's folder", _query("below", "string", "Only of this folder."))},
    "/files/{path}": {
        "get": _operation("A file", _PATH, content=_BYTES),
        "put": _operation(
            "Upload a file as the body of the request", _PATH, _FORCE, _NEW, **_UPLOAD, status="201", content=_FILE
        ),
    },
}  # fmt: skip
"""Paths beside those of the verbs."""


def described_queries(method: str, path: str) -> list[Json]:
    """The parameters of an address, such as that of GET /jobs.

    Examples
    --------
    >>> [one["name"] for one in described_queries("GET", "/jobs")]
    ['state', 'limit', 'before']
    """
    if path == VERB_PATH:
        return [_WAIT, _DRY] if method == "POST" else []
    operation = PATHS.get(path, {}).get(method.lower(), {"parameters": []})
    return [one for one in operation["parameters"] if one["in"] == "query"]


def openapi_document(verbs: Mapping[str, ServedVerb], version: str) -> Json:
    """The OpenAPI 3.1 document. The parameters of verbs are those of the command line."""
    components: dict[str, Any] = {**SCHEMAS}
    paths = {path: dict(methods) for path, methods in PATHS.items()}
    for verb in verbs.values():
        schema = _moved(verb.schema(), verb.name)
        components |= {f"{verb.name}-{name}": one for name, one in schema.pop("$defs", {}).items()}
        components[verb.name] = schema
        paths[f"/verbs/{verb.name}"] = {
            "get": _operation(f"The schema of the parameters of {verb.name}"), "post": _verb_operation(verb)
        }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "sciencegen", "version": version, "description": "The verbs of sciencegen as jobs."},
        "security": [{"token": []}],
        "paths": {path: _named(path, methods) for path, methods in sorted(paths.items())},
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _named(path: str, methods: Mapping[str, Json]) -> Json:
    """The operations of a path with their names, such as get_jobs_id."""
    return {
        method: {**one, "operationId": "_".join([method, *re.findall(r"\w+", path)])} for method, one in methods.items()
    }


def _verb_operation(verb: ServedVerb) -> Json:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string"},
        "description": "The same request with the same key is one job; another request is refused.",
    }
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{verb.name}"}}},
    }
    found = _operation(verb.summary, _WAIT, _DRY, key, description=verb.description, requestBody=body)
    found["responses"]["202"] = {"description": "The job, which goes on.", "content": _JOB}
    found["responses"]["200"] = {
        "description": "The job, which has ended: see its state; or what a dry run says.",
        "content": {
            "application/json": {"schema": {"anyOf": [{"$ref": "#/components/schemas/Job"}, {"type": "object"}]}}
        },
    }
    return found


def _moved(schema: Any, verb: str) -> Any:
    """A schema whose references are meant in the whole document."""
    if isinstance(schema, list):
        return [_moved(one, verb) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _moved(one, verb) for name, one in schema.items()}
    reference = found.get("$ref")
    if isinstance(reference, str):
        found["$ref"] = reference.replace("#/$defs/", f"#/components/schemas/{verb}-")
    return found


def openapi_page(document: Json, address: str) -> str:
    """The document as a page that needs no other file."""
    from jinja2 import Template

    schemas, rows = document["components"]["schemas"], []
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if method == "get" and path.startswith("/verbs/"):  # the same as its parameters below
                continue
            parameters = [(each["name"], each["schema"], each["in"], each) for each in one["parameters"]]
            if method == "post" and path.startswith("/verbs/"):
                body = schemas[path.rpartition("/")[2]]
                needed = body.get("required", ())
                properties = body["properties"].items()
                parameters += [
                    (name, each, "required" if name in needed else "body", each) for name, each in properties
                ]
            told = [
                (name, _kind(schema), where, each.get("description", "")) for name, schema, where, each in parameters
            ]
            text = one.get("description", "").split("\n\n")
            rows.append((f"{method.upper()} {path}", one["summary"], text, told))
    template = files("sciencegen.serving").joinpath("openapi.html").read_text(encoding="utf-8")
    version = document["info"]["version"]
    return Template(template, autoescape=True, trim_blocks=True).render(version=version, address=address, rows=rows)


def _kind(schema: Json) -> str:
    if "$ref" in schema:
        return "object"
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    return f"{schema.get('type', '')} of {_kind(schema['items'])}" if "items" in schema else str(schema.get("type", ""))
