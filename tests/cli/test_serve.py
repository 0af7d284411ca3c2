"""`sciencegen serve` and `sciencegen mcp` as users start them, with clients that nobody here wrote."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs sciencegen[serve]")
pytest.importorskip("uvicorn", reason="needs sciencegen[serve]")

from tests.serving.conftest import PATH, until
from tests.signals import hear

COMMAND = (sys.executable, "-m", "sciencegen.cli.main")
MEASURE = """#!/bin/sh
echo "index,score" > "$2"
awk '{row = $2; print row "," gsub(/N/, "", $1)}' "$1" >> "$2"
"""
MEASURED = "smiles,value\nCCO,1\nCCN,2\nCCC,3\nCCCC,2.5\nc1ccccc1,4\nOc1ccccc1,3.5\nCCOC,1.2\nNCCO,0.7\n"
SEARCH = {
    "domain": "molecules", "n": 2, "budget": 24, "goal": ["maximize nitrogens", "sa <= 5"], "threads": 1,
    "settings": {"oracles": {"nitrogens": {"command": "count", "batch_size": 8}}},
}  # fmt: skip
PLATE = {
    "domain": "molecules", "journal": "campaign.csv", "batch": 3, "threads": 1, "surrogate": "ensemble",
    "settings": {"breeding": {"children": 20, "generations": 1}},
}  # fmt: skip
ORACLE = ("--oracle", "count=./measure.sh {input} {output}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the server is started, with a program and measured values."""
    (tmp_path / "measure.sh").write_text(MEASURE)
    (tmp_path / "measure.sh").chmod(0o755)
    (tmp_path / "measured.csv").write_text(MEASURED)
    return tmp_path


class Server:
    """A server in a process of its own."""

    def __init__(self, folder: Path, words: Sequence[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": PATH}
        self.process = subprocess.Popen(
            [*COMMAND, "serve", *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, preexec_fn=hear,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address, self.token = (self.process.stdout.readline().strip() for _ in range(2))
        assert self.address.startswith("http://127.0.0.1:"), self.process.communicate(timeout=60)

    def curl(self, path: str, body: dict[str, Any] | None = None, *words: str) -> Any:
        sent = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-H", f"Authorization: Bearer {self.token}", *sent, *words,
             f"{self.address}{path}"],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Server]:
    server = Server(folder, words)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.mark.long
@needs_curl
def test_the_server_runs_verbs_without_loading_torch(folder):
    with served(folder) as server:
        assert server.curl("/status")["jobs"]["done"] == 0
        assert "error" in server.curl("/verbs/generate", {"domain": "molecules", "n": 0})
        assert server.curl("/verbs/generate?dry_run=1", {"domain": "molecules"})["cost"]["items"] == 1000
        job = server.curl("/verbs/datasets-show?wait=60", {"name": "moses"})
        assert (job["state"], job["summary"]["name"]) == ("done", "moses")
        if sys.platform == "linux":
            assert "torch" not in Path(f"/proc/{server.process.pid}/maps").read_text()
        code, errors = server.end()
        assert (code, "Traceback" in errors) == (0, False), errors
    with served(folder, "--folder", "runs/served") as server:
        assert server.curl(f"/jobs/{job['id']}") == job


@pytest.mark.long
@needs_curl
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_a_signal_for_the_server_loses_no_job(folder, number):
    """A stopped server ends its jobs, which can be started again; a killed one leaves them, and the next takes over."""
    doctor = {"suite": "pmo", "tasks": ["no such task"]}
    with served(folder, "--jobs", "1") as server:
        first, second = (server.curl("/verbs/benchmark", doctor)["id"] for _ in range(2))
        until(lambda: server.curl(f"/jobs/{first}")["state"] == "running")
        code, errors = server.end(number)
        assert (code, "Traceback" in errors) == (143 if number == signal.SIGTERM else -signal.SIGKILL, False), errors
    with served(folder) as server:
        found = server.curl(f"/jobs/{first}?wait=120")
        if number == signal.SIGTERM and found["state"] == "interrupted":
            server.curl(f"/jobs/{first}/restart", None, "-X", "POST")
            found = server.curl(f"/jobs/{first}?wait=120")
        for one in (found, server.curl(f"/jobs/{second}?wait=120")):
            assert (one["state"], one["exit_code"]) == ("failed", 2)
            assert "no such task" in one["error"]


@needs_curl
@pytest.mark.slow
def test_curl_runs_generate_optimize_record_and_propose(folder):
    with served(folder, *ORACLE) as server:
        drawn = server.curl("/verbs/generate?wait=300", {"domain": "molecules", "n": 3, "seed": 1, "threads": 1})
        assert (drawn["state"], drawn["summary"]["written"]) == ("done", 3)
        found = server.curl("/verbs/optimize?wait=300", SEARCH)
        assert (found["state"], found["summary"]["scored"]) == ("done", 24), found
        assert {"nitrogens", "sa"} <= set(server.curl(f"/jobs/{found['id']}/rows")["columns"])
        assert "Unknown program" in server.curl("/verbs/optimize", {**SEARCH, "settings": {
            "oracles": {"nitrogens": {"command": "rm {input} {output}"}}}})["error"]  # fmt: skip
        forbidden = server.curl("/verbs/optimize?wait=300", {"domain": "molecules", "goal": ["maximize os:system"]})
        assert (list(forbidden), "--oracle os:system" in forbidden["error"]) == (["error"], True)
        server.curl("/files/results.csv", None, "-T", str(folder / "measured.csv"))
        recorded = server.curl(
            "/verbs/record?wait=300", {"domain": "molecules", "results": "results.csv", "journal": "campaign.csv"}
        )
        assert recorded["summary"]["recorded"] == 8
        plate = server.curl("/verbs/propose?wait=300", PLATE)
        assert (plate["state"], plate["summary"]["proposed"]) == ("done", 3), plate
        replayed = server.curl("/verbs/replay?wait=300", {"file": drawn["output"], "all": True, "threads": 1})
        assert (replayed["state"], replayed["exit_code"]) == ("done", 0), replayed
    words = [*COMMAND, "generate", "molecules", "-n", "3", "--seed", "1", "--threads", "1", "-o", "same.csv"]
    environment = {**os.environ, "PYTHONPATH": PATH}
    subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)
    assert (folder / "same.csv").read_bytes() == (folder / "runs/served" / drawn["output"]).read_bytes()


@needs_curl
@pytest.mark.slow
def test_the_progress_of_a_slow_program_moves_and_a_cancel_ends_it(folder):
    """Calls of 8 items take a second each, one of them a minute."""
    slow = "[ -e slow.count ] && [ $(wc -l < slow.count) -ge 3 ] && sleep 60; sleep 1; echo >> slow.count"
    (folder / "measure.sh").write_text(MEASURE.replace("#!/bin/sh", f"#!/bin/sh\n{slow}"))
    with served(folder, *ORACLE) as server:
        id, seen = server.curl("/verbs/optimize", {**SEARCH, "budget": 48})["id"], []

        def progress() -> bool:
            found = server.curl(f"/jobs/{id}")["progress"]
            if found and found["done"] not in seen:
                assert found["total"] == 48
                seen.append(found["done"])
            return 24 in seen

        until(progress, 300)
        assert seen == [0, 8, 16, 24]
        since = monotonic()
        server.curl(f"/jobs/{id}/cancel", None, "-X", "POST")
        found = server.curl(f"/jobs/{id}?wait=60")
        assert (found["state"], found["error"]) == ("cancelled", "It was cancelled.")
        assert monotonic() - since < 15


@needs_curl
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_has_the_bytes_of_the_command_whatever_ends_the_server(folder, number):
    request = {"domain": "molecules", "n": 300, "seed": 3, "threads": 1, "where": ["logp in 1..4"]}
    with served(folder) as server:
        id = server.curl("/verbs/generate", request)["id"]
        place = folder / "runs" / "served" / "jobs" / id / "generate.csv"
        until(lambda: server.curl(f"/jobs/{id}")["progress"], 300)
        server.end(number)
    with served(folder) as server:
        found = server.curl(f"/jobs/{id}?wait=300")
        if number == signal.SIGTERM:
            assert found["state"] == "interrupted"
            server.curl(f"/jobs/{id}/restart", None, "-X", "POST")
            found = server.curl(f"/jobs/{id}?wait=300")
        assert (found["state"], found["starts"]) == ("done", 2 if number == signal.SIGTERM else 1), found
    words = [*COMMAND, "generate", "molecules", "-n", "300", "--seed", "3", "--where", "logp in 1..4"]
    environment = {**os.environ, "PYTHONPATH": PATH}
    subprocess.run([*words, "--threads", "1", "-o", "same.csv"], cwd=folder, env=environment, check=True)
    assert (folder / "same.csv").read_bytes() == place.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("serve", "--allow", "nowhere"), "Expected a folder for --allow, got 'nowhere'"),
        (("serve", "--oracle", "dock"), "for --oracle, got 'dock'"),
        (("serve", "--oracle", "dock=nowhere.sh {input} {output}"), "an executable program, got 'nowhere.sh'"),
        (("serve", "--oracle", "dock=true {input}"), "Expected {output} in the command"),
        (("mcp", "--oracle", "dock=true"), "Expected {input} and {output} in the command"),
        (("serve", "--oracle", "nowhere:score"), "No module named 'nowhere'"),
        (("--no-plugins", "serve", "--oracle", "os:getpid"), "plugins are refused"),
        (("--no-plugins", "serve", "--oracle", "dock=true {input} {output}"), "plugins are refused"),
        (("serve", "--port", "70000"), "--port"),
        (("mcp", "--calls", "0"), "--calls"),
    ],
)
def test_wrong_usage_has_a_remedy(cli, monkeypatch, words, message):
    monkeypatch.setenv("SCIENCEGEN_NO_PLUGINS", "")  # set by --no-plugins
    result = cli(*words)
    assert result.code == 2, result.err
    assert message in " ".join(result.err.split())
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("verb", "library", "listing"), [("serve", "starlette", "--openapi"), ("mcp", "mcp", "--tools")]
)
def test_descriptions_are_printed_and_missing_libraries_are_named(cli, monkeypatch, verb, library, listing):
    if verb == "mcp":
        pytest.importorskip("mcp", reason="needs sciencegen[mcp]")
    result = cli(verb, listing)
    assert result.code == 0, result.err
    assert "propose" in result.out
    json.loads(result.out)
    for name in [one for one in sys.modules if one.split(".")[0] == library or one.startswith("sciencegen.serving.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    result = cli(verb)
    assert result.code == 2
    assert f"pip install 'sciencegen[{verb}]'" in " ".join(result.err.split())
