"""`sciencegen mcp` with the reference client of the protocol, over standard input and output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="needs sciencegen[mcp]")

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from sciencegen.cli.serving import served_verbs
from tests.cli.test_serve import MEASURE, MEASURED, ORACLE, PLATE, SEARCH
from tests.serving.conftest import PATH, until

WORDS = ("-m", "sciencegen.cli.main", "mcp", "--folder", "served")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "measure.sh").write_text(MEASURE)
    (tmp_path / "measure.sh").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_client(use: Callable[[Client], Awaitable[None]], *words: str) -> None:
    """Use a client of a server in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": PATH}
    server = StdioServerParameters(command=sys.executable, args=[*WORDS, *words], env=environment)

    async def run() -> None:
        with anyio.fail_after(280):
            async with Client(stdio_client(server)) as client:
                await use(client)

    anyio.run(run)


async def tool(client: Client, name: str, /, **arguments: Any) -> tuple[bool, Any]:
    """Whether a call is an error, and its value; the text is the same."""
    found = await client.call_tool(name, arguments)
    text = found.content[0].text  # type: ignore[union-attr]
    assert text == found.structured_content.get("error") or json.loads(text) == found.structured_content
    return found.is_error, found.structured_content


@pytest.mark.long
def test_the_reference_client_lists_tools_and_is_refused_like_the_command(folder):
    async def use(client: Client) -> None:
        tools = {one.name: one for one in (await client.list_tools()).tools}
        installed_here = {"lengths"}
        assert {name.replace("-", "_") for name in served_verbs()} - installed_here <= set(tools)
        assert tools["propose"].input_schema["properties"]["batch"]["type"] == "integer"
        is_error, value = await tool(client, "generate", domain="molecules", n=7, dry_run=True)
        assert (is_error, value["cost"]["items"], value["left"]["calls"]) == (False, 7, 1)
        is_error, value = await tool(client, "generate", domain="molecules", nn=7)
        assert (is_error, "unknown key 'nn', did you mean 'n'?" in value["error"]) == (True, True)
        is_error, value = await tool(client, "score", domain="molecules", source="/etc/passwd")
        assert (is_error, "--allow FOLDER" in value["error"]) == (True, True)
        is_error, value = await tool(client, "datasets_show", name="moses")
        assert (is_error, value["summary"]["name"]) == (False, "moses")
        is_error, value = await tool(client, "datasets_show", name="moses")
        assert (is_error, "Expected at most 1 calls" in value["error"]) == (True, True)
        is_error, value = await tool(client, "jobs")
        assert ([one["state"] for one in value["jobs"]], value["left"]["calls"]) == (["done"], 0)

    with_client(use, "--calls", "1")
    with_client(_the_job_is_still_there)


async def _the_job_is_still_there(client: Client) -> None:
    _, value = await tool(client, "jobs")
    assert [one["verb"] for one in value["jobs"]] == ["datasets-show"]


@pytest.mark.long
def test_nothing_but_the_protocol_is_printed(folder):
    """Also while a job runs, and when the client is killed: the server ends with its input."""
    environment = {**os.environ, "PYTHONPATH": PATH}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "doctor", "arguments": {}}},
    ]
    with subprocess.Popen(
        [sys.executable, *WORDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write("".join(json.dumps(one) + "\n" for one in messages).encode())
        server.stdin.flush()
        first = json.loads(server.stdout.readline())
        assert first["result"]["serverInfo"]["name"] == "sciencegen"
        until(lambda: list(Path("served/records").glob("*/log.txt")))
        rest, errors = server.communicate(timeout=120)  # closes its input, as a killed client does
    assert server.returncode == 0, errors
    assert [json.loads(line)["jsonrpc"] for line in rest.splitlines()] == ["2.0"] * len(rest.splitlines())
    (job,) = (json.loads(path.read_text()) for path in Path("served/records").glob("*/job.json"))
    assert job["state"] in ("done", "cancelled", "interrupted")


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_the_server(folder, number):
    environment = {**os.environ, "PYTHONPATH": PATH}
    with subprocess.Popen(
        [sys.executable, *WORDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as server:
        until(lambda: Path("served/.server.lock").exists())
        until(lambda: "pid" in Path("served/.server.lock").read_text())
        anyio.run(anyio.sleep, 1.5)
        server.send_signal(number)
        out, errors = server.communicate(timeout=60)
    assert (out, b"Traceback" in errors) == (b"", False), errors.decode()


@pytest.mark.slow
def test_the_reference_client_runs_generate_optimize_record_and_propose(folder):
    async def use(client: Client) -> None:
        is_error, value = await tool(client, "generate", domain="molecules", n=3, threads=1)
        assert (is_error, value["state"], len(value["rows"]["rows"])) == (False, "done", 3)
        is_error, value = await tool(client, "optimize", **SEARCH)
        assert (is_error, value["summary"]["scored"]) == (False, 24)
        assert {"nitrogens", "sa"} <= set(value["rows"]["columns"])
        await tool(client, "write_file", path="results.csv", text=MEASURED)
        is_error, value = await tool(
            client, "record", domain="molecules", results="results.csv", journal="campaign.csv"
        )
        assert (is_error, value["summary"]["recorded"]) == (False, 8)
        is_error, value = await tool(client, "propose", **PLATE)
        assert (is_error, value["summary"]["proposed"]) == (False, 3)
        is_error, value = await tool(client, "optimize", domain="molecules", goal=["maximize os:system"])
        assert (is_error, "--oracle os:system" in value["error"]) == (True, True)

    with_client(use, *ORACLE, "--wait", "200")


def test_a_line_that_is_no_message_is_answered(folder):
    """With half a character, which JSON can hold and UTF-8 can't."""
    first = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": first}),
        '{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        '{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "\\ud800", "arguments": {}}}',
        '{"jsonrpc": "2.0", "id": true, "method": 3}',
        "[" * 5000,
        "\\ud800 é {",
        json.dumps({"jsonrpc": "2.0", "id": 8, "method": "tools/list"}),
    ]
    environment = {**os.environ, "PYTHONPATH": PATH}
    with subprocess.Popen(
        [sys.executable, *WORDS], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write("\n".join(lines) + "\n")
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(6)]
        server.stdin.close()
    assert [one["id"] for one in answers] == [1, 7, None, None, None, 8]
    assert "Expected a message of JSON-RPC" in answers[1]["error"]["message"]
