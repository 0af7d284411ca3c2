"""Snakemake in a process of its own, forked from one that has imported it: most of a dry run is that import."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from sciencegen.api.workflow import supervision
from tests.commands_here import Commands

WORKFLOWS = Path(__file__).parents[2] / "workflows"
TIMEOUT_S = 240
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.workflows.preloaded"])


def snakemake(*flags: object, cwd: Path, environment: Mapping[str, str] = os.environ) -> CompletedProcess[str]:
    """What `python -m snakemake --snakefile workflows/Snakefile <flags>` does in a folder."""
    return call_snakemake("--snakefile", WORKFLOWS / "Snakefile", *flags, cwd=cwd, environment=environment)


def call_snakemake(
    *flags: object, cwd: Path, environment: Mapping[str, str] = os.environ, commands: Commands | None = None
) -> CompletedProcess[str]:
    """commands: those of the steps run in this process, one after the other."""
    words = ["snakemake", *map(str, flags)]
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder, "stdout"), Path(folder, "stderr")
        process = CONTEXT.Process(target=_work, args=(words, cwd, dict(environment), streams))
        process.start()
        asked = [] if commands is None else [commands.socket]
        while process.sentinel not in (ready := wait([process.sentinel, *asked], TIMEOUT_S)) and ready:
            commands.answer()
        process.join(0)
        if process.exitcode is None:
            process.kill()
            process.join()
        out, err = (path.read_text() for path in streams)
    assert process.exitcode is not None
    return CompletedProcess(words, process.exitcode, out, err)


def run_in_this_process(
    patch: pytest.MonkeyPatch, folder_of_commands: Path | None = None, commands: Commands | None = None
) -> None:
    """`sciencegen run` starts Snakemake by a fork, and its jobs find the commands of a folder, or those that this
    process runs, before others."""
    found, first = supervision.job_environment, folder_of_commands or (commands and commands.bin)

    def call(command: Sequence[str], folder: Path) -> int:
        """What `supervision.call` does, without a new interpreter."""
        words, environment = command[len(supervision.SNAKEMAKE) :], supervision.job_environment(folder)
        done = call_snakemake(*words, cwd=Path.cwd(), environment=environment, commands=commands)
        os.write(2, (done.stdout + done.stderr).encode())
        return done.returncode

    def with_commands(folder: Path) -> dict[str, str]:
        there = found(folder)
        return {**there, "PATH": os.pathsep.join((str(first), there["PATH"]))}

    if first:
        patch.setattr(supervision, "job_environment", with_commands)
    patch.setattr(supervision, "call", call)


def _work(words: list[str], cwd: Path, environment: dict[str, str], streams: tuple[Path, Path]) -> None:
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    from snakemake.cli import main

    sys.argv = words
    main(words[1:])
