"""A service whose jobs are a small program that draws numbers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, create_model

from sciencegen.config import GenerateSettings, Settings, build_settings
from sciencegen.serving.jobs import Budget, Jobs
from sciencegen.serving.records import RECORDS, Job
from sciencegen.serving.requests import AllowedPrograms, Boundary, Place, ServedVerb
from sciencegen.serving.service import Service

REPOSITORY = Path(__file__).parents[2]
PATH = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH", "")])])
"""For processes that import the same modules."""
WORKER = (sys.executable, "-P", str(Path(__file__).parent / "worker.py"))
FIELDS: dict[str, Any] = {
    "kind": (str, Field(...)), "n": (int | None, Field(None, ge=1, description="Rows.")), "pause": (float | None, None),
    "fail": (str | None, None), "crash": (bool | None, None), "die": (bool | None, None),
    "command": (str | None, None), "output": (str | None, None), "force": (bool | None, None),
    "tags": (dict[str, Any] | tuple[str, ...] | None, None),
}  # fmt: skip
PLACES = {name: Place(name, "-n" if name == "n" else f"--{name}", repeats=name == "tags") for name in FIELDS}


def check(arguments: Mapping[str, Any]) -> Settings:
    return build_settings(GenerateSettings, {"n": arguments.get("n") or 3})


DRAW = ServedVerb(
    "draw", ("draw",), "Draw numbers.\n\nSlowly, if asked.", create_model("Draw", __base__=Settings, **FIELDS),
    {**PLACES, "kind": Place("kind")}, ".csv", True, check,
)  # fmt: skip
VERBS = {"draw": DRAW}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": PATH}


@pytest.fixture
def make_jobs(tmp_path: Path) -> Iterator[Callable[..., Jobs]]:
    made: list[Jobs] = []

    def make(parallel: int = 1, budget: Budget | None = None) -> Jobs:
        made.append(Jobs(tmp_path, WORKER, environment(), parallel, budget))
        return made[-1]

    yield make
    for one in made:
        one.close()


def call(key: str = "", **given: Any) -> dict[str, Any]:
    values = DRAW.values({"kind": "red", **given})

    def command(id: str) -> tuple[list[str], str]:
        output = f"jobs/{id}/draw.csv"
        return DRAW.command({**values, "output": output}, ["--json"]), output

    return {"verb": "draw", "parameters": values, "command": command, "overwrites": True, "key": key}


def ended(jobs: Jobs, id: str, seconds: float = 30) -> Job:
    last = time.monotonic() + seconds
    while jobs.is_active(id):
        assert time.monotonic() < last, jobs.job(id)
        time.sleep(0.02)
    return jobs.job(id)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.02)


@pytest.fixture
def service(tmp_path: Path, make_jobs: Callable[..., Jobs]) -> Service:
    (tmp_path / RECORDS).mkdir()
    return Service(
        VERBS, make_jobs(2), Boundary(tmp_path, closed=(tmp_path / RECORDS,)), AllowedPrograms({"dock": "./dock"})
    )
