"""Tools: a call makes a job, and refusals are results that say what was expected."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from sciencegen.serving.mcp_server import Tools, tools_of
from tests.serving.conftest import VERBS, until


@pytest.fixture
def call(service):
    tools = Tools(service, 30.0)

    def called(name: str, wait_s: float | None = None, **arguments: Any):
        shown: list[tuple[float, float | None, str]] = []

        async def progress(done: float, total: float | None, what: str) -> None:
            shown.append((done, total, what))

        async def run():
            return await (tools if wait_s is None else Tools(service, wait_s)).call(name, arguments, progress)

        found = anyio.run(run)
        return found.value, found.is_error, shown

    return called


def test_tools_are_the_verbs_and_those_for_jobs_and_files():
    tools = {tool.name: tool for tool in tools_of(VERBS)}
    assert {*tools} == {"draw", "job", "jobs", "cancel", "restart", "rows", "read_file", "write_file"}
    assert tools["draw"].schema["properties"]["dry_run"]["type"] == "boolean"
    assert "dry_run" not in VERBS["draw"].schema()["properties"]
    assert {name for name, tool in tools.items() if tool.reads} == {"job", "jobs", "rows", "read_file"}


def test_a_call_gives_the_rows(call):
    value, is_error, shown = call("draw", kind="red", n=6, pause=0.1)
    assert not is_error
    assert (value["state"], value["rows"]["rows"][0]["item"]) == ("done", "i0")
    assert shown[-1][1:] == (6, "drawing")
    assert call("rows", id=value["id"], start=5)[0]["rows"] == [
        {"item": "i5", "value": 2.5, "kind": "red", "good": True}
    ]


def test_a_long_job_goes_on_after_the_answer(call):
    value, is_error, _ = call("draw", wait_s=0.1, kind="red", n=5, pause=0.1)
    assert (is_error, value["state"] in ("queued", "running")) == (False, True)
    assert f"id {value['id']}" in value["next"]
    assert call("job", id=value["id"], wait_s=30)[0]["state"] == "done"
    assert [one["id"] for one in call("jobs")[0]["jobs"]] == [value["id"]]


def test_a_dry_run_makes_nothing(call):
    value, is_error, _ = call("draw", kind="red", dry_run=True)
    assert (is_error, value["dry_run"], value["left"]) == (False, True, {"calls": None, "seconds": None})
    assert call("jobs")[0]["jobs"] == []


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("drow", {}, "got 'drow'"),
        ("draw", {"kind": "a", "m": 3}, "unknown key 'm'"),
        ("draw", {"kind": "/etc/passwd"}, "--allow FOLDER"),
        ("draw", {"kind": "/etc/passwd"}, "the tool write_file"),
        ("draw", {"kind": "https://example.org/a.csv"}, "the tool write_file"),
        ("draw", {"kind": "a", "command": "/bin/rm {input}"}, "--oracle 'NAME=program"),
        ("draw", {"kind": "a", "command": "rm"}, "Unknown program"),
        ("draw", {"dry_run": True}, "key 'kind' is missing"),
        ("draw", {"kind": "a", "dry_run": "no"}, "Expected true or false for `dry_run`"),
        ("job", {"id": "nothing"}, "Expected the id of a job"),
        ("job", {}, "Expected the argument 'id'"),
        ("job", {"id": 3}, "Expected a string for 'id'"),
        ("job", {"id": "x", "wait": 3}, "got 'wait'"),
        ("jobs", {"limit": 3}, "Expected no arguments of jobs, got 'limit'"),
        ("write_file", {"path": "a", "text": "", "force": "no"}, "Expected a boolean for 'force'"),
        ("rows", {"id": "x", "start": -1}, "Expected an integer of at least 0 for 'start'"),
        ("rows", {"id": "x", "start": True}, "Expected an integer of at least 0 for 'start'"),
        ("rows", {"id": "x", "limit": 0}, "Expected an integer from 1 to 1000 for 'limit'"),
        ("rows", {"id": "x", "limit": 1001}, "Expected an integer from 1 to 1000 for 'limit'"),
        ("read_file", {"path": "../x"}, "--allow FOLDER"),
        ("read_file", {"path": "x"}, "found none"),
        ("write_file", {"path": "records/a", "text": ""}, "belongs to the server"),
    ],
)
def test_refusals_are_errors_of_the_tool(call, name, arguments, message):
    value, is_error, _ = call(name, **arguments)
    assert is_error
    assert message in value["error"]


def test_a_job_that_fails_is_an_error_too(call):
    value, is_error, _ = call("draw", kind="red", fail="Expected rows, got none. Add some.")
    assert (is_error, value["state"], value["error"]) == (True, "failed", "Expected rows, got none. Add some.")


def test_files_are_written_and_read(call, tmp_path):
    assert call("write_file", path="a/b.csv", text="item\né\n")[0] == {"path": "a/b.csv", "bytes": 8}
    assert call("read_file", path="a/b.csv")[0]["text"] == "item\né\n"


def test_a_journal_is_not_replaced_unless_forced(call, tmp_path):
    journal = "round,item,kind,value,value_sd,predicted,lower,upper,source\n"
    call("write_file", path="campaign.csv", text=journal)
    value, is_error, _ = call("write_file", path="campaign.csv", text="item\n")
    assert (is_error, "campaign.csv has the measurements of a campaign" in value["error"]) == (True, True)
    assert (tmp_path / "campaign.csv").read_text() == journal
    assert not call("write_file", path="campaign.csv", text="item\n", force=True)[1]


def test_a_cancelled_call_ends_its_job_and_can_start_again(service, call):
    tools = Tools(service, 60.0)

    async def ignore(done: float, total: float | None, what: str) -> None: ...

    async def run() -> None:
        with anyio.move_on_after(1.5):
            await tools.call("draw", {"kind": "red", "n": 1000, "pause": 0.05}, ignore)

    anyio.run(run)
    (id,) = service.jobs.ids()
    until(lambda: not service.jobs.is_active(id))
    assert service.jobs.job(id).state == "cancelled"
    assert call("restart", id=id, wait_s=0.1)[0]["state"] in ("queued", "running")
    value, is_error, _ = call("cancel", id=id)
    assert (value["state"], is_error) == ("cancelled", False)
    assert call("job", id=id)[1]
