"""The tools over the Model Context Protocol on standard input and output."""

from __future__ import annotations

import json

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from sciencegen import __version__
from sciencegen.items import Json
from sciencegen.serving.tools import Tools

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


def serve_stdio(tools: Tools) -> None:
    """Answer on standard output until standard input ends. Nothing else is printed there."""
    server = mcp_server(tools)

    async def serve() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    anyio.run(serve)
