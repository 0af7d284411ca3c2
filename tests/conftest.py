"""The toy domain is on the path before anything starts, since worker processes take the path over once."""

from __future__ import annotations

import functools
import gc
import importlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
import typer.main

from tests.toy import install_toy

MATHEMATICS = ("sciencegen.vae", "sciencegen.diffusion", "sciencegen.networks")
"""Here the shapes in the annotations are checked at every call, unless one before was like it."""

ONE_THREAD = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT")
"""Here and in every process below, for the whole suite: tensors are tiny, and threads would wait for each other. The
limit holds where a command asks torch for every core."""

LONGEST_FIRST = (
    "workflows", "test_fourth_domain.py", "test_documentation.py", "test_readme.py", "prediction/test_points.py", "cli",
    "vae", "domains", "test_old_artefacts.py", "diffusion", "optimization", "test_examples.py", "test_kills.py",
    "report/test_page.py",
)  # fmt: skip
"""Files come one by one to the workers, and the last one should be short. Two that share a trained predictor should not
come together: one worker would wait while the other trains it."""

_FOLDER = tempfile.TemporaryDirectory(prefix="sciencegen-toy-")


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # nothing that is collected is garbage, and a million objects are looked at again and again
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    jaxtyping.jaxtyped = importlib.import_module("tests.annotations").jaxtyped_once  # torch reads the limit as it comes
    jaxtyping.install_import_hook(MATHEMATICS, "beartype.beartype")
    typer.main.get_command = functools.cache(typer.main.get_command)  # each call would make all verbs and flags anew
    os.fsync = lambda descriptor: None  # no test cuts the power, and a disk takes milliseconds for each file
    folder = install_toy(Path(_FOLDER.name))
    sys.path.append(str(folder))
    os.environ["SCIENCEGEN_TOY"] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if os.environ.get("SCIENCEGEN_TOY") in sys.path:
        sys.path.remove(os.environ["SCIENCEGEN_TOY"])
    _FOLDER.cleanup()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(50_000)  # else each 70,000 objects all are looked at that came since
    gc.enable()
    start_workers_with_imports()


def start_workers_with_imports() -> None:
    """Workers are forked from a process that has `tests.worker_imports`, if it has the usual path: another path is one
    test's, and few workers come from it."""
    forkserver = importlib.import_module("sciencegen.data.forkserver")
    usual, start = forkserver._search_path(), forkserver._new_python

    def start_prepared(socket_of_server: socket.socket) -> subprocess.Popen[bytes]:
        popen = subprocess.Popen

        def with_imports(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
            return popen([*words[:-1], f"import tests.worker_imports; {words[-1]}"], **options)

        with pytest.MonkeyPatch.context() as patch:
            if forkserver._search_path() == usual:
                patch.setattr(subprocess, "Popen", with_imports)
            return start(socket_of_server)

    forkserver._new_python = start_prepared


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent

    @functools.cache
    def rank(path: Path) -> int:
        matching = (number for number, name in enumerate(LONGEST_FIRST) if path.is_relative_to(here / name))
        return next(matching, len(LONGEST_FIRST))

    items.sort(key=lambda item: (rank(item.path), *item.path.parts))
    if unstable := [item.nodeid for item in items if " object at 0x" in item.nodeid]:
        raise pytest.UsageError(f"Expected tests with the same names in every process, got {unstable[0]}. Pass ids.")


@pytest.fixture(scope="session")
def toy_folder() -> Path:
    """The folder with the toy domain's package, for PYTHONPATH."""
    return Path(_FOLDER.name)


def compute_by(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws come by so many rows: a shipped model takes seconds for 512, requested or not."""
    for module in ("latent.geometry", "latent.explorer", "api.sampling.generation"):
        monkeypatch.setattr(importlib.import_module(f"sciencegen.{module}"), "COMPUTE_CHUNK", rows)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_by(32, monkeypatch)


@pytest.fixture
def tiny_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that look at no distribution of draws: 16 at a time, on one core, so that none are drawn ahead. As many
    are the measure of a model that was tuned."""
    compute_by(16, monkeypatch)
    monkeypatch.setattr(importlib.import_module("sciencegen.api.models.data"), "DRAWS", 16)
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})


@pytest.fixture
def quick_restoration(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that look at no posterior: few steps in few directions, a tenth of the seconds that a stamp takes."""
    module = importlib.import_module("sciencegen.vae.image_vae")
    descended = module.descended
    monkeypatch.setattr(module, "RANK", 8)
    monkeypatch.setattr(module, "descended", lambda energy, start, steps, rate: descended(energy, start, 2, rate))
