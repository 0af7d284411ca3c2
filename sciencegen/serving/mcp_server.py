"""The tools over the Model Context Protocol on standard input and output."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import (
    PARSE_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ErrorData,
    JSONRPCError,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as McpTool
from pydantic import ValidationError

from sciencegen import __version__
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.files import atomic_write
from sciencegen.items import Json
from sciencegen.serving.records import ACTIVE, refusal_of
from sciencegen.serving.requests import ServedVerb
from sciencegen.serving.service import TABLES, Service, take_dry_run

if TYPE_CHECKING:
    from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream


# The verbs as tools of a language model: each call makes a job and waits a while for its end.

SHOWN_ROWS = 20
"""Rows of its table in the result of a call."""
LARGEST_TEXT = 1 << 20
"""Bytes of a text that a tool reads or writes."""
PAUSE_S = 0.1

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Called with what is done, how much there is, and what it is."""
_ID: Json = {"type": "string", "description": "The job's id."}
_TEXT: Json = {"type": "string", "description": "A path relative to the server's folder."}
_SECONDS: Json = {
    "type": "number",
    "minimum": 0,
    "description": "How long to wait for its end. [default: the server's]",
}
_DRY: Json = {
    "type": "boolean", "description": "Only say what would be done and what it would take. Nothing is computed."
}  # fmt: skip


_FORCE: Json = {"type": "boolean", "description": "Also in place of a file that a job uses, or of a journal."}


@dataclass(frozen=True)
class Tool:
    """A tool: its name, what it does, and the JSON schema of its arguments. reads: whether it changes nothing."""

    name: str
    description: str
    schema: Json
    reads: bool = False


@dataclass(frozen=True)
class ToolResult:
    """What a call gives: a value for programs, and whether it is an error."""

    value: Json
    is_error: bool = False


def _schema(needed: tuple[str, ...] = (), **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": [*needed], "additionalProperties": False}


OWN = (
    Tool("job", "State, progress, summary and files of a job.", _schema(("id",), id=_ID, wait_s=_SECONDS), True),
    Tool("jobs", "The last 100 jobs, newest first, and what is left of the budget.", _schema(), True),
    Tool("cancel", "End a job. What it has written stays.", _schema(("id",), id=_ID)),
    Tool("restart", "Start a job again that failed or was stopped.", _schema(("id",), id=_ID, wait_s=_SECONDS)),
    Tool(
        "rows",
        "Rows of the table that a job has written.",
        _schema(
            ("id",),
            id=_ID,
            start={"type": "integer", "minimum": 0, "description": "The first row, from 0."},
            limit={"type": "integer", "minimum": 1, "maximum": 1000, "description": "[default: 100]"},
            file={"type": "string", "description": "Another file of the job than its output."},
        ),
        True,
    ),
    Tool("read_file", "A text file of the server's folder, at most 1 MiB.", _schema(("path",), path=_TEXT), True),
    Tool(
        "write_file",
        "Write a text file into the server's folder, such as a table of measured items.",
        _schema(("path", "text"), path=_TEXT, text={"type": "string"}, force=_FORCE),
    ),
)
"""Tools beside the verbs."""


def tool_name(verb: str) -> str:
    """The name of a verb's tool: clients join names with dashes of their own."""
    return verb.replace("-", "_")


def tools_of(verbs: Mapping[str, ServedVerb]) -> list[Tool]:
    """The tools of these verbs, and those for jobs and files."""
    made = []
    for name, verb in verbs.items():
        schema = verb.schema()
        properties = {**schema.get("properties", {}), "dry_run": _DRY}
        made.append(Tool(tool_name(name), verb.description, {**schema, "properties": properties}))
    return [*made, *OWN]


@dataclass(frozen=True)
class Tools:
    """The tools of a service. wait_s: how long a call waits for the end of its job."""

    service: Service
    wait_s: float = 50.0

    @property
    def names(self) -> Mapping[str, str]:
        """The verb of each tool."""
        return {tool_name(verb): verb for verb in self.service.verbs}

    async def call(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> ToolResult:
        """The result of a tool. Refusals are results too, whose `error` says what was expected, found, and how to go
        on."""
        try:
            if name in self.names:
                return await self._verb(self.names[name], dict(arguments), progress)
            known = {tool.name: tool for tool in OWN}
            if name not in known:
                raise ConfigError(f"Expected one of the tools {', '.join([*self.names, *known])}, got '{name}'.")
            _check(known[name], arguments)
            return await self._own(name, arguments, progress)
        except SciencegenError as error:
            return ToolResult({"error": str(error)}, True)
        except OSError as error:
            return ToolResult({"error": refusal_of(error)}, True)

    async def _verb(self, verb: str, arguments: dict[str, Any], progress: Progress) -> ToolResult:
        if take_dry_run(arguments):
            return ToolResult(await anyio.to_thread.run_sync(self.service.dry_run, verb, arguments))
        job = await anyio.to_thread.run_sync(self.service.submit, verb, arguments)
        return await self._waited(job.id, self.wait_s, progress, ends=True)

    async def _own(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> ToolResult:
        jobs, id = self.service.jobs, str(arguments.get("id", ""))
        if name in ("job", "restart"):
            if name == "restart":
                jobs.restart(id)
            return await self._waited(id, float(arguments.get("wait_s", self.wait_s)), progress)
        if name == "cancel":
            jobs.cancel(id, "It was cancelled.")
            ended = await self._waited(id, self.wait_s, progress)
            return ToolResult(ended.value, ended.is_error and ended.value["state"] != "cancelled")
        return ToolResult(await anyio.to_thread.run_sync(self._read, name, arguments))

    def _read(self, name: str, arguments: Mapping[str, Any]) -> Json:
        service = self.service
        if name == "jobs":
            shown = map(service.jobs.job, service.jobs.ids()[:100])
            keys = ("id", "verb", "state", "created", "seconds", "output", "error")
            return {"jobs": [{key: vars(one)[key] for key in keys} for one in shown], "left": service.jobs.left()}
        if name == "rows":
            place = int(arguments.get("start", 0)), int(arguments.get("limit", 100))
            return service.rows(arguments["id"], *place, arguments.get("file", ""))
        if name == "read_file":
            path = service.file(arguments["path"])
            if path.stat().st_size > LARGEST_TEXT:
                raise DataError(f"Expected a file of at most {LARGEST_TEXT:,} bytes, {arguments['path']} is larger.")
            return {"path": arguments["path"], "text": path.read_text(encoding="utf-8", errors="replace")}
        path = service.place(arguments["path"], arguments.get("force", False))
        if len(arguments["text"]) > LARGEST_TEXT:
            raise DataError(f"Expected at most {LARGEST_TEXT:,} characters, got {len(arguments['text']):,}.")
        with atomic_write(path) as file:
            file.write(arguments["text"])
        return {"path": arguments["path"], "bytes": path.stat().st_size}

    async def _waited(self, id: str, seconds: float, progress: Progress, ends: bool = False) -> ToolResult:
        """The job when it has ended, or after so many seconds. ends: whether it ends with the request."""
        last, shown = anyio.current_time() + seconds, None
        try:
            while self.service.jobs.is_active(id) and anyio.current_time() < last:
                await anyio.sleep(PAUSE_S)
                found = (await anyio.to_thread.run_sync(self.service.progress, id)) or {}
                if found and found != shown:
                    shown = found
                    await progress(found["done"], found["total"], found["what"])
        except anyio.get_cancelled_exc_class():
            if ends:
                self.service.jobs.cancel(id, "The client cancelled the request, or went away.")
            raise
        return await anyio.to_thread.run_sync(self._ended, id)

    def _ended(self, id: str) -> ToolResult:
        found = self.service.describe(id)
        shown = {name: one for name, one in found.items() if one not in (None, "", [], {}) and name != "parameters"}
        if found["state"] in ACTIVE:
            shown["next"] = f"The job goes on. Call the tool job with id {id} to wait for it, or cancel."
        elif found["state"] == "done" and str(found["output"] or "").lower().endswith(TABLES):
            shown["rows"] = self.service.rows(id, 0, SHOWN_ROWS)
        return ToolResult(shown, found["state"] in ("failed", "cancelled", "interrupted"))


def _check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Refuse unknown, missing and wrong arguments of a tool of our own."""
    properties = tool.schema["properties"]
    if unknown := [name for name in arguments if name not in properties]:
        known = f"the arguments {', '.join(properties)}" if properties else "no arguments"
        raise ConfigError(f"Expected {known} of {tool.name}, got '{unknown[0]}'. Leave it out.")
    if missing := [name for name in tool.schema["required"] if name not in arguments]:
        raise ConfigError(f"Expected the argument '{missing[0]}' of {tool.name}, got none.")
    for name, value in arguments.items():
        if not _fits(value, schema := properties[name]):
            article = "an" if schema["type"] == "integer" else "a"
            expected = f"{article} {schema['type']}{_range(schema)}"
            raise ConfigError(f"Expected {expected} for '{name}' of {tool.name}, got {value!r}.")


def _fits(value: Any, schema: Json) -> bool:
    """Whether a value has the type and the range of its schema. True and false are no numbers."""
    kind = schema["type"]
    if kind in ("string", "boolean"):
        return isinstance(value, str if kind == "string" else bool)
    if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else int | float):
        return False
    return bool(schema["minimum"] <= value <= schema.get("maximum", math.inf))


def _range(schema: Json) -> str:
    if "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    return f" of at least {schema['minimum']}" if "minimum" in schema else ""


INSTRUCTIONS = (
    "sciencegen trains generative models, draws items from them, searches for items that meet goals, scores items, and "
    "proposes plates for a lab. Start with the tool properties for the names that goals and conditions may use. A call "
    "makes a job; long ones go on after the answer, and the tool job waits for them. With dry_run nothing is computed. "
    "Paths are relative to the server's folder."
)


def mcp_server(tools: Tools) -> Server[Json]:
    """The server of these tools."""

    async def list_tools(context: ServerRequestContext[Json], params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(
            tools=[
                McpTool(
                    name=one.name,
                    description=one.description,
                    input_schema=one.schema,
                    annotations=ToolAnnotations(read_only_hint=one.reads, open_world_hint=False),
                )
                for one in tools_of(tools.service.verbs)
            ]
        )

    async def call_tool(context: ServerRequestContext[Json], params: CallToolRequestParams) -> CallToolResult:
        async def progress(done: float, total: float | None, what: str) -> None:
            await context.session.report_progress(done, total, what)

        found = await tools.call(params.name, params.arguments or {}, progress)
        value = _encodable(json.dumps(found.value, ensure_ascii=False, default=str))
        text = _encodable(found.value["error"]) if found.value.keys() == {"error"} else value
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=json.loads(value), is_error=found.is_error
        )

    return Server(
        "sciencegen", version=__version__, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


def _encodable(text: str) -> str:
    """The text with halves of characters, which JSON can hold, written out."""
    return text.encode(errors="backslashreplace").decode()


class Answered:
    """The messages of a client, by the interface of the library's stream. It drops lines that are no message, such as
    with half a character, and whoever sent one would wait for ever: they are answered here."""

    def __init__(
        self, stream: ContextReceiveStream[SessionMessage | Exception], answers: ContextSendStream[SessionMessage]
    ) -> None:
        self._stream, self._answers = stream, answers

    @property
    def last_context(self) -> Context | None:
        return self._stream.last_context

    async def receive(self) -> SessionMessage | Exception:
        while isinstance(found := await self._stream.receive(), ValidationError):
            id, reason = _unread(found)
            error = ErrorData(code=PARSE_ERROR, message=f"Expected a message of JSON-RPC in UTF-8, got {reason}.")
            await self._answers.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=id, error=error)))
        return found

    def __aiter__(self) -> Answered:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Answered:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _unread(error: ValidationError) -> tuple[str | int | None, str]:
    """The id in a line that is no message, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    try:
        found = json.loads(first["input"]) if isinstance(first["input"], str) else None
    except (ValueError, RecursionError):
        found = None
    id = found.get("id") if isinstance(found, dict) else None
    return id if type(id) in (str, int) else None, _encodable(first["msg"])[:200]


def serve_stdio(tools: Tools) -> None:
    """Answer on standard output until standard input ends. Nothing else is printed there."""
    server = mcp_server(tools)

    async def serve() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(Answered(reading, writing), writing, server.create_initialization_options())

    anyio.run(serve)
