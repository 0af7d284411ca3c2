"""JSON schemas of the HTTP server's answers."""

from __future__ import annotations

from collections.abc import Mapping

from sciencegen.items import Json
from sciencegen.serving.records import STATES

_TEXT: Json = {"type": "string"}
_TIME: Json = {"type": "string", "description": "In UTC; empty before."}
_FILE: Json = {
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
_JOB: Json = {
    "id": _TEXT, "verb": _TEXT, "state": {"type": "string", "enum": [*STATES]}, "parameters": {"type": "object"},
    "created": _TIME, "started": _TIME, "ended": _TIME, "seconds": {"type": "number"}, "starts": {"type": "integer"},
    "progress": _PROGRESS, "exit_code": {"type": ["integer", "null"]},
    "error": {"type": "string", "description": "Why there are no results, or fewer."},
    "notes": {"type": "array", "items": _TEXT},
    "summary": {"description": "What the command printed, as JSON; null if nothing."},
    "output": {"type": ["string", "null"]}, "files": {"type": "array", "items": {"$ref": "#/components/schemas/File"}},
}  # fmt: skip
SCHEMAS: Mapping[str, Json] = {
    "Job": {"type": "object", "required": [*_JOB], "properties": _JOB},
    "File": _FILE,
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
