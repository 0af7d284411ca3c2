"""Snakemake in a process of its own, forked from one that has imported it: most of a dry run is that import."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

WORKFLOWS = Path(__file__).parents[2] / "workflows"
TIMEOUT_S = 120
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["snakemake.cli"])


def snakemake(*flags: object, cwd: Path, environment: Mapping[str, str] = os.environ) -> CompletedProcess[str]:
    """What `python -m snakemake --snakefile workflows/Snakefile <flags>` does in a folder."""
    return call_snakemake("--snakefile", WORKFLOWS / "Snakefile", *flags, cwd=cwd, environment=environment)


def call_snakemake(*flags: object, cwd: Path, environment: Mapping[str, str] = os.environ) -> CompletedProcess[str]:
    words = ["snakemake", *map(str, flags)]
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder, "stdout"), Path(folder, "stderr")
        process = CONTEXT.Process(target=_work, args=(words, cwd, dict(environment), streams))
        process.start()
        process.join(TIMEOUT_S)
        if process.exitcode is None:
            process.kill()
            process.join()
        out, err = (path.read_text() for path in streams)
    assert process.exitcode is not None
    return CompletedProcess(words, process.exitcode, out, err)


def _work(words: list[str], cwd: Path, environment: dict[str, str], streams: tuple[Path, Path]) -> None:
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    from snakemake.cli import main

    sys.argv = words
    main(words[1:])
