"""The tools over the Model Context Protocol on standard input and output."""

from __future__ import annotations

import json
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING

import anyio
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
    Tool,
    ToolAnnotations,
)
from pydantic import ValidationError

from sciencegen import __version__
from sciencegen.items import Json
from sciencegen.serving.tools import Tools

if TYPE_CHECKING:
    from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream

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
                Tool(
                    name=one.name,
                    description=one.description,
                    input_schema=one.schema,
                    annotations=ToolAnnotations(read_only_hint=one.reads, open_world_hint=False),
                )
                for one in tools.listing()
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
