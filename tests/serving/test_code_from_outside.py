"""Files and requests that name code, given to both servers: what they weren't started with doesn't run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs sciencegen[serve]")
pytest.importorskip("mcp", reason="needs sciencegen[mcp]")

import anyio
import yaml

from sciencegen.api.models.folder import CONFIG, load_model, pretrained_root
from sciencegen.api.writing.output_record import Written, ingredients_of, record_path
from sciencegen.config import OptimizeSettings, build_settings
from tests.cli.test_serve import MEASURE, ORACLE, served
from tests.serving.test_mcp_server import tool, with_client

Ask = Callable[..., Any]
"""Called with a verb and parameters: the job, or the refusal."""
DOORS = ("http", "mcp")
EVIL = "evil_module:score"


class Door:
    """A server in a process of its own that was started with `words`, and what its clients can do."""

    def __init__(self, upload: Callable[[str, str], Any], ask: Ask) -> None:
        self.upload, self.ask = upload, ask


def through(door: str, folder: Path, use: Callable[[Door], None], *words: str) -> None:
    """Use a server of `folder`/served by one of the doors."""
    if door == "http":
        with served(folder, "--folder", "served", *words) as server:

            def put(path: str, text: str) -> None:
                (folder / "sent").write_text(text)
                assert "error" not in server.curl(f"/files/{path}", None, "-T", str(folder / "sent"))

            use(Door(put, lambda verb, **given: server.curl(f"/verbs/{verb}?wait=280", given)))
        return

    async def by_tools(client: Any) -> None:
        def call(name: str, **given: Any) -> Any:
            _, value = anyio.from_thread.run(lambda: tool(client, name, **given))
            return value

        def put(path: str, text: str) -> None:
            assert "error" not in call("write_file", path=path, text=text)

        await anyio.to_thread.run_sync(
            lambda: use(Door(put, lambda verb, **given: call(verb.replace("-", "_"), **given)))
        )

    with_client(by_tools, "--wait", "280", *words)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers are started, with a program that they allow."""
    (tmp_path / "measure.sh").write_text(MEASURE)
    (tmp_path / "measure.sh").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def nothing_runs(folder: Path) -> Iterator[str]:
    """A command that would leave a file, and the promise that it doesn't."""
    yield f"touch {folder}/ran {{input}} {{output}}"
    assert not (folder / "ran").exists()


def record_of(folder: Path, name: str, **settings: Any) -> dict[str, str]:
    """An output and its record, as `optimize` would write them: name -> text."""
    given = {"budget": 8, "n": 1, "start": ["CCO", "CCN"], "threads": 1, **settings}
    place = folder / name
    place.write_text("smiles,score\nCCO,1\n")
    made = ingredients_of(
        "optimize", "molecules", build_settings(OptimizeSettings, given), load_model("molecules", None, "cpu")
    )
    made.write(str(place), Written(1))
    return {name: place.read_text(), record_path(name).name: record_path(place).read_text()}


@pytest.mark.long
@pytest.mark.parametrize("door", DOORS)
def test_a_record_runs_nothing_that_the_server_does_not_allow(folder, door):
    """Whether the client agrees to the record's programs or not."""
    module = f"open('{folder}/ran', 'w')\ndef score(item):\n    return 1.0\n"
    with nothing_runs(folder) as command:

        def use(server: Door) -> None:
            server.upload("evil_module.py", module)
            for name, settings in {
                "program.csv": {"goals": ["maximize x"], "oracles": {"x": {"command": command}}},
                "function.csv": {"goals": [f"maximize {EVIL}"]},
                "installed.csv": {"goals": ["maximize os:getpid"]},
            }.items():
                for place, text in record_of(folder, name, **settings).items():
                    server.upload(place, text)
                for run_programs in (False, True):
                    found = server.ask("replay", file=name, all=True, threads=1, run_programs=run_programs)
                    assert (found["state"], found["exit_code"]) == ("failed", 2), found
                    said = ("that this server allows", "Pass `run_programs`")
                    assert any(one in found["error"] for one in said), found

        through(door, folder, use, *ORACLE)


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_no_other_file_and_no_setting_runs_code(folder, door):
    """Models, predictors, configs of workflows, journals and settings of plugins."""
    module = f"open('{folder}/ran', 'w')\ndef score(item):\n    return 1.0\nRECIPE = DOMAIN = score\n"
    model = pretrained_root() / "molecules"
    with nothing_runs(folder) as command:
        code = {"command": command, "oracles": {"x": {"command": command}}, "goals": [f"maximize {EVIL}"]}

        def use(server: Door) -> None:
            server.upload("evil_module.py", module)
            for name, change in {"a": {"recipe": EVIL}, "b": {"complete": EVIL, **code}, "c": {"domain": EVIL}}.items():
                config = yaml.safe_load((model / CONFIG).read_text()) | change
                server.upload(f"model-{name}/{CONFIG}", json.dumps(config))
                server.upload(f"model-{name}/representation.json", (model / "representation.json").read_text())
                found = server.ask("generate", domain="molecules", n=2, model=f"model-{name}", threads=1)
                assert found.get("state", "failed") == "failed", found
            predictor = {"format_version": 1, "domain": "molecules", "target": EVIL, "model": EVIL, **code}
            server.upload(f"predictor/{CONFIG}", json.dumps(predictor))
            server.upload("predictor/metrics.json", "{}")
            server.upload("a.csv", "smiles,value\nCCO,1\n")
            predicted = {"domain": "molecules", "source": "a.csv", "predictor": {"p": "predictor"}}
            assert server.ask("predict", **predicted).get("state", "failed") == "failed"
            workflow = {"domain": "molecules", "optimize": code}
            server.upload("results/config.yaml", json.dumps(workflow))
            server.upload("results/workflow.yaml", json.dumps(workflow))
            server.ask("report", source="results", domain="molecules")
            assert "error" in server.ask("run", domain="molecules", config="results/workflow.yaml")
            server.upload(
                "journal.csv",
                f"round,item,kind,value,value_sd,predicted,lower,upper,source\n0,CCO,measured,1,,,,,{EVIL}\n",
            )
            for goal in ([f"maximize {EVIL}"], ["maximize os:getpid"]):
                server.ask("propose", domain="molecules", journal="journal.csv", goal=goal, batch=2, threads=1)
            for settings in (
                {"settings": code},
                {"method": EVIL},
                {"oracles": {"x": {"command": "count", "input_format": command}}},
            ):
                given = {"goal": ["maximize qed"], "budget": 4, "n": 1, "threads": 1, "settings": settings}
                assert server.ask("optimize", domain="molecules", **given).get("state", "failed") == "failed"

        through(door, folder, use, *ORACLE)
