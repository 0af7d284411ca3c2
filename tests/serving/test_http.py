"""The HTTP server: who is answered, what requests give, and that many requests and lost clients cost nothing."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs sciencegen[serve]")
pytest.importorskip("uvicorn", reason="needs sciencegen[serve]")

from sciencegen.serving.http import application, http_server, listen
from sciencegen.serving.jobs import Budget
from sciencegen.serving.openapi import SCHEMAS
from tests.serving.conftest import ended, until

TOKEN = "a-token-of-the-tests"


class Client:
    """Asks one server."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        connection: http.client.HTTPConnection | None = None,
        **headers: str,
    ) -> tuple[int, Any]:
        """The status and the content, read as JSON where it is."""
        open_one = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            open_one.request(method, path, content, {name: one for name, one in sent.items() if one})
            answer = open_one.getresponse()
            found = answer.read()
            assert answer.getheader("X-Content-Type-Options") == "nosniff" or answer.status >= 500
            return answer.status, json.loads(found) if "json" in answer.getheader("Content-Type", "") else found
        finally:
            if connection is None:
                open_one.close()


@pytest.fixture
def client(service, tmp_path) -> Iterator[Client]:
    place = listen(0)
    server = http_server(application(service, TOKEN, "http://127.0.0.1"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield Client(place.getsockname()[1], tmp_path)
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def test_a_request_makes_a_job_with_rows_and_files(client):
    status, job = client.ask("POST", "/verbs/draw?wait=30", {"kind": "red", "n": 3})
    assert (status, job["state"], job["notes"]) == (200, "done", ["a note"])
    assert job["summary"] == {"written": 3, "cwd": str(client.folder), "safe": True}
    assert job["progress"] == {"what": "drawing", "done": 3, "total": 3, "note": ""}
    status, rows = client.ask("GET", f"/jobs/{job['id']}/rows?start=1&limit=1")
    assert rows["rows"] == [{"item": "i1", "value": 0.5, "kind": "red", "good": True}]
    assert (status, rows["next"]) == (200, 2)
    assert set(job) == set(SCHEMAS["Job"]["required"])
    (file,) = job["files"]
    text = (client.folder / file["path"]).read_bytes()
    assert client.ask("GET", f"/files/{file['path']}") == (200, text)
    assert client.ask("GET", "/files")[1]["files"] == [file]
    assert client.ask("GET", f"/jobs/{job['id']}/log") == (200, b"")
    assert client.ask("GET", f"/jobs/{job['id']}")[1] == job


@pytest.mark.long
def test_the_answer_does_not_wait_unless_asked(client):
    status, job = client.ask("POST", "/verbs/draw", {"kind": "red", "n": 40, "pause": 0.05})
    assert (status, job["state"] in ("queued", "running")) == (202, True)
    assert client.ask("GET", f"/jobs/{job['id']}?wait=0.2")[0] == 202
    until(lambda: client.ask("GET", f"/jobs/{job['id']}")[1]["progress"])
    assert client.ask("POST", f"/jobs/{job['id']}/cancel")[0] == 200
    status, cancelled = client.ask("GET", f"/jobs/{job['id']}?wait=30")
    assert (status, cancelled["state"]) == (200, "cancelled")
    assert 0 < len(client.ask("GET", f"/jobs/{job['id']}/rows")[1]["rows"]) < 40
    assert client.ask("POST", f"/jobs/{job['id']}/restart")[0] == 202
    assert client.ask("GET", f"/jobs/{job['id']}?wait=30")[1]["state"] == "done"
    assert len(client.ask("GET", f"/jobs/{job['id']}/rows")[1]["rows"]) == 40


def test_a_dry_run_makes_nothing(client):
    for path, body in (("?dry_run=true", {"kind": "a"}), ("", {"kind": "a", "dry_run": True})):
        status, found = client.ask("POST", f"/verbs/draw{path}", body)
        assert status == 200
        assert found["command"] == "sciencegen draw --output=jobs/ID/draw.csv --json -- a"
        assert found["cost"] == {"items": 3, "largest_number_of_draws": 1000, "seconds_at_most": None}
    assert client.ask("GET", "/jobs")[1] == {"jobs": [], "before": None}
    client.ask("POST", "/verbs/draw?wait=30", {"kind": "a"})
    assert client.ask("POST", "/verbs/draw?dry_run=1", {"kind": "b"})[1]["cost"]["seconds_at_most"] > 0


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Authorization": ""}, 401, "got none"),
        ({"Authorization": "Bearer wrong"}, 401, "got another token"),
        ({"Authorization": f"Basic {TOKEN}"}, 401, "got another token"),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401, "got another token"),
        ({"Origin": "http://evil.example"}, 403, "foreign origin"),
        ({"Origin": "null"}, 403, "foreign origin"),
        ({"Origin": "http://127.0.0.1:1"}, 403, "foreign origin"),
        ({"Host": "evil.example"}, 403, "foreign origin"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, "foreign origin"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/status"), ("POST", "/verbs/draw"), ("PUT", "/files/a.csv")])
def test_others_are_refused(client, headers, status, message, method, path):
    found, answer = client.ask(method, path, {"kind": "red"} if method != "GET" else None, **headers)
    assert found == status
    assert message in answer["error"]
    assert client.ask("GET", "/jobs")[1]["jobs"] == []
    assert not (client.folder / "a.csv").exists()


@pytest.mark.parametrize("path", ["/", "/openapi.json"])
def test_the_description_needs_no_token_but_the_own_host(client, path):
    status, content = client.ask("GET", path, Authorization="")
    assert status == 200
    assert "/verbs/draw" in (content.decode() if path == "/" else content["paths"])
    assert client.ask("GET", path, Host="evil.example")[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/verbs/drow", {"kind": "a"}, 404, "Did you mean 'draw'?"),
        ("POST", "/verbs/draw", {"kind": "a", "m": 1}, 400, "unknown key 'm'"),
        ("POST", "/verbs/draw", {}, 400, "key 'kind' is missing"),
        ("POST", "/verbs/draw", {"kind": "/etc/passwd"}, 400, "--allow FOLDER"),
        ("POST", "/verbs/draw", {"kind": "a", "command": "rm"}, 400, "Unknown program 'rm'. Known: dock."),
        ("POST", "/verbs/draw", b"{", 400, "Expected a JSON object"),
        ("POST", "/verbs/draw", b"[1]", 400, "Expected a JSON object"),
        ("POST", "/verbs/draw", b'{"n": NaN}', 400, "NaN is no number of JSON"),
        ("POST", "/verbs/draw", b"[" * 100_000, 400, "Expected a JSON object"),
        ("POST", "/verbs/draw", b'{"kind": ' + b"[" * 500 + b"]" * 500 + b"}", 400, "at most 100 levels of brackets"),
        ("POST", "/verbs/draw?wait=x", {"kind": "a"}, 400, "`wait`, got 'x'"),
        ("POST", "/verbs/draw?wait=601", {"kind": "a"}, 400, "a number from 0 to 600 for the query parameter `wait`"),
        ("POST", "/verbs/draw?dryrun=true", {"kind": "a"}, 400, "'dryrun'. Did you mean 'dry_run'?"),
        ("POST", "/verbs/draw?dry_run=yes", {"kind": "a"}, 400, "true or false"),
        ("POST", "/verbs/draw", {"kind": "a", "dry_run": "false"}, 400, "true or false"),
        ("GET", "/jobs?state=foo", None, 400, "one of queued, running, done, failed, cancelled, interrupted"),
        ("GET", "/jobs?limit=-1", None, 400, "an integer from 0 to 1000"),
        ("GET", "/jobs?limit=2.5", None, 400, "an integer from 0 to 1000"),
        ("POST", "/jobs/nothing/cancel?wait=3", None, 400, "no query parameters for this path, got 'wait'"),
        ("GET", "/jobs/nothing", None, 404, "Expected the id of a job"),
        ("GET", "/jobs/nothing/rows", None, 404, "Expected the id of a job"),
        ("GET", "/jobs/../records", None, 404, "Expected"),
        ("POST", "/jobs/nothing/cancel", None, 404, "Expected the id of a job"),
        ("GET", "/files/nothing.csv", None, 404, "Expected a file at nothing.csv, found none"),
        ("GET", "/files/../../etc/passwd", None, 400, "--allow FOLDER"),
        ("GET", "/files/%2e%2e/%2e%2e/etc/passwd", None, 400, "--allow FOLDER"),
        ("GET", "/files//etc/passwd", None, 400, "--allow FOLDER"),
        ("PUT", "/files/records/x/job.json", b"{}", 400, "belongs to the server"),
        ("PUT", "/files/RECORDS/x/job.json", b"{}", 400, "belongs to the server"),
        ("PUT", "/files/%00", b"", 400, "no file's name can have"),
        ("PUT", f"/files/{'a' * 300}", b"", 400, "whose names have at most 255"),
        ("PUT", f"/files/{'a' * 250}", b"", 400, "the system says: File name too long"),
        ("GET", f"/files/{'a/' * 3000}", None, 400, "a path of at most 4,096 bytes"),
        ("GET", "/files?below=nope", None, 404, "Expected a folder at nope, found nothing"),
        ("PUT", "/files/matplotlibrc", b"", 400, "which configures a library"),
        ("PUT", "/files/.numba_config.yaml", b"", 400, "which configures a library"),
        ("PUT", "/files/jobs", b"", 404, "jobs is a folder"),
        ("PUT", "/files/.server.lock/a", b"", 400, "the system says: File exists"),
        ("POST", "/verbs/draw", b'{"kind": "a\\u0000b"}', 400, "no command can be given"),
        ("POST", "/verbs/draw", b'{"kind": "\\ud800"}', 400, "no command can be given"),
        ("POST", "/verbs/draw", b'{"\\ud800": 3}', 400, "unicode"),
        ("POST", "/verbs/draw", b'{"kind": [' + b"1," * 10_000 + b"1]}", 400, "at most 10,000 values"),
        (
            "POST",
            "/verbs/draw",
            json.dumps(dict.fromkeys(map(str, range(25)), 1)).encode(),
            400,
            "and 6 further problems",
        ),
        ("GET", "/files?below=/etc", None, 400, "--allow FOLDER"),
        ("GET", "/nowhere", None, 404, "Expected a path of GET /openapi.json"),
        ("DELETE", "/jobs", None, 405, "got DELETE /jobs"),
    ],
)
def test_refusals_say_what_was_expected(client, method, path, body, status, message):
    found, answer = client.ask(method, path, body)
    assert (found, message in answer["error"]) == (status, True), answer


def test_a_form_of_another_page_is_refused(client):
    status, answer = client.ask("POST", "/verbs/draw", b"kind=a", Content_Type="application/x-www-form-urlencoded")
    assert status == 400
    assert "With curl, use --json" in answer["error"]


def test_uploads_are_whole_or_nothing(client):
    content = bytes(range(256)) * 4000
    assert client.ask("PUT", "/files/new/data.bin", content) == (201, {"path": "new/data.bin", "bytes": len(content)})
    assert client.ask("GET", "/files/new/data.bin") == (200, content)
    head = f"PUT /files/new/data.bin HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    with socket.create_connection(("127.0.0.1", client.port)) as broken:
        broken.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + b"x" * 500)
    time.sleep(0.3)
    assert client.ask("GET", "/files/new/data.bin") == (200, content)
    assert [path.name for path in (client.folder / "new").iterdir()] == ["data.bin"]


def test_an_upload_of_a_new_name_replaces_nothing(client):
    assert client.ask("PUT", "/files/a.csv", b"1", If_None_Match="*")[0] == 201
    status, answer = client.ask("PUT", "/files/a.csv", b"2", If_None_Match="*")
    assert (status, "Leave If-None-Match out" in answer["error"]) == (412, True)
    assert client.ask("PUT", "/files/a.csv", b"2", If_None_Match='"etag"')[0] == 400
    assert client.ask("GET", "/files/a.csv") == (200, b"1")
    assert client.ask("PUT", "/files/a.csv", b"2")[0] == 201


@pytest.mark.parametrize("given", [{"output": "a.csv"}, {"tags": {"x": "a.csv"}}, {"tags": ["x=a.csv"], "force": True}])
def test_a_file_of_a_running_job_is_not_replaced(client, given):
    (client.folder / "a.csv").write_text("1")
    job = client.ask("POST", "/verbs/draw", {"kind": "red", "pause": 0.2, "n": 50, **given, "force": True})[1]
    status, answer = client.ask("PUT", "/files/a.csv", b"2")
    assert (status, job["id"] in answer["error"]) == (409, True)
    assert client.ask("PUT", "/files/b.csv", b"2")[0] == 201
    assert client.ask("PUT", "/files/a.csv?force=true", b"2")[0] == 201
    client.ask("POST", f"/jobs/{job['id']}/cancel")


def test_a_client_that_is_killed_loses_nothing(client):
    """Its job goes on, and the same key finds it again."""
    body, head = b'{"kind": "red", "n": 10, "pause": 0.05}', f"Host: 127.0.0.1:{client.port}\r\nContent-Length: 39\r\n"
    head += f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nIdempotency-Key: mine\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port)) as broken:
        broken.sendall(f"POST /verbs/draw?wait=60 HTTP/1.1\r\n{head}".encode() + body)
        until(lambda: client.ask("GET", "/jobs")[1]["jobs"])
    job = client.ask("POST", "/verbs/draw?wait=30", {"kind": "red", "n": 10, "pause": 0.05}, Idempotency_Key="mine")[1]
    assert (job["state"], job["starts"]) == ("done", 1)
    assert len(client.ask("GET", "/jobs")[1]["jobs"]) == 1


def test_a_refused_job_lists_no_file_of_another(client):
    body = {"kind": "red", "output": "same.csv"}
    first, second = (client.ask("POST", "/verbs/draw?wait=30", body)[1] for _ in range(2))
    assert [one["path"] for one in first["files"]] == ["same.csv"]
    assert (second["state"], second["files"]) == ("failed", [])


def test_a_key_of_another_request_is_a_conflict(client):
    assert client.ask("POST", "/verbs/draw", {"kind": "red", "n": 1}, Idempotency_Key="mine")[0] == 202
    status, answer = client.ask("POST", "/verbs/draw", {"kind": "red", "n": 2}, Idempotency_Key="mine")
    assert (status, "another value of 'n'" in answer["error"]) == (409, True)
    assert len(client.ask("GET", "/jobs")[1]["jobs"]) == 1


def test_the_budget_is_an_answer_too(client, service):
    service.jobs.budget = Budget(calls=1)
    assert client.ask("POST", "/verbs/draw?wait=30", {"kind": "a"})[0] == 200
    status, answer = client.ask("POST", "/verbs/draw", {"kind": "a"})
    assert (status, "Expected at most 1 calls" in answer["error"]) == (429, True)
    assert client.ask("GET", "/status")[1]["left"] == {"calls": 0, "seconds": None}


def test_jobs_come_in_pages(client):
    made = [client.ask("POST", "/verbs/draw", {"kind": "a", "n": 1})[1]["id"] for _ in range(5)]
    seen, before = [], ""
    while before is not None:
        found = client.ask("GET", f"/jobs?limit=2&before={before}")[1]
        seen += [one["id"] for one in found["jobs"]]
        before = found["before"]
    assert seen == made[::-1]


def requests_lose_nothing(client: Client, service: Any, count: int, threads: int = 8) -> None:
    """So many requests of clients that ask beside each other, one in a hundred for a job, one in ten refused."""
    status = Path("/proc/self/status")
    before = len(os.listdir("/proc/self/fd")), threading.active_count()

    def some(numbers: range) -> list[str]:
        connection, ids = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120), []
        for number in numbers:
            if number % 100 == 0:
                code, job = client.ask("POST", "/verbs/draw", {"kind": "a", "n": 1}, connection)
                ids.append(job["id"])
                assert code == 202
            elif number % 10 == 1:
                assert client.ask("GET", "/status", None, connection, Authorization="Bearer wrong")[0] == 401
            else:
                assert client.ask("GET", "/status" if number % 2 else "/jobs?limit=3", None, connection)[0] == 200
        connection.close()
        return ids

    with ThreadPoolExecutor(threads) as pool:
        made = [*chain.from_iterable(pool.map(some, [range(at, count, threads) for at in range(threads)]))]
    assert len(set(made)) == len(made) == count // 100
    assert {ended(service.jobs, id, 300).state for id in made} == {"done"}
    assert sorted(made, reverse=True) == service.jobs.ids()
    time.sleep(0.3)
    assert len(os.listdir("/proc/self/fd")) <= before[0] + 4, status.read_text()
    assert threading.active_count() <= before[1] + 45  # the threads of the framework


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_many_requests_lose_nothing(client, service, count):
    requests_lose_nothing(client, service, count)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_is_a_client(client):
    address = f"http://127.0.0.1:{client.port}"

    def curl(*words: str) -> Any:
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-H", f"Authorization: Bearer {TOKEN}", *words],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    job = curl("-H", "Content-Type: application/json", "-d", '{"kind": "red"}', f"{address}/verbs/draw?wait=30")
    assert job["state"] == "done"
    assert curl(f"{address}/jobs/{job['id']}/rows")["rows"][0]["item"] == "i0"
    (client.folder / "here.csv").write_text("item\na\n")
    assert curl("-T", str(client.folder / "here.csv"), f"{address}/files/there.csv")["bytes"] == 7
    assert "error" in curl("-H", "Origin: http://evil.example", f"{address}/status")
