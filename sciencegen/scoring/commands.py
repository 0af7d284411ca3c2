"""Programs that read a file and write another, run once for each batch of items, without a shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from sciencegen.config import ProgramSettings
from sciencegen.data.threads import map_threaded
from sciencegen.errors import ConfigError
from sciencegen.files import last_line
from sciencegen.plugins import check_allowed, check_may_run, folder_of_programs
from sciencegen.scoring.programs import Programs

Batch = TypeVar("Batch")
Result = TypeVar("Result")

_SHELL_WORDS = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"}


@dataclass(frozen=True)
class Exchange(Generic[Batch, Result]):
    """What a program is given and what its output means.

    Parameters
    ----------
    write : (path, batch) -> None
        Writes the input.
    read : (path, batch) -> result
        Reads the output.
    failed : (batch, reason) -> result
        The result of a batch that failed.
    values : (batch) -> mapping
        Values of further words in braces, such as `{seed}`.
    """

    write: Callable[[Path, Batch], None]
    read: Callable[[Path, Batch], Result]
    failed: Callable[[Batch, str], Result]
    values: Callable[[Batch], Mapping[str, str]] = lambda batch: {}


@dataclass(frozen=True)
class BatchProgram:
    """A command with its limits: `dock.sh {input} {output}`.

    input_name, output_name: of the files in the temporary folder of a call. After a time-out, a non-zero exit code or
    no output, a batch is run up to `retries` more times. parallel: number of batches that run at the same time.
    ours: whether the command is this package's own, and not a user's.
    """

    command: str
    input_name: str
    output_name: str
    parallel: int = 1
    timeout_s: float = 600.0
    retries: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False

    def run(
        self,
        batches: Sequence[Batch],
        exchange: Exchange[Batch, Result],
        ended: Callable[[Batch], None] = lambda batch: None,
    ) -> list[Result]:
        """The result of each batch, in order. ended: called with each batch that has ended, in order."""
        results = []
        with Programs() as programs:
            run = partial(self._run_batch, exchange=exchange, programs=programs)
            found = map_threaded(run, batches, self.parallel, len(batches), stop=programs.kill_all)
            with closing(found):  # after Ctrl-C too, no program keeps running after the call
                for batch, result in zip(batches, found, strict=True):
                    results.append(result)
                    ended(batch)
        return results

    def _run_batch(self, batch: Batch, exchange: Exchange[Batch, Result], programs: Programs) -> Result:
        failure = ""
        for _ in range(self.retries + 1):
            with programs.folder() as folder:
                source, target = folder / self.input_name, folder / self.output_name
                exchange.write(source, batch)
                values = {**exchange.values(batch), "input": str(source), "output": str(target)}
                failure = self._call(values, folder / "log.txt", programs)
                if not failure and (target.is_file() or target.is_dir()):  # reading a pipe or a device may never end
                    return exchange.read(target, batch)
                failure = failure or "exit code 0, but no output file"
            if programs.stopped:
                break
        return exchange.failed(batch, failure)

    def _call(self, values: Mapping[str, str], log: Path, programs: Programs) -> str:
        """Run the program and return why it failed, or ""."""
        words = [_filled(word, values) for word in split_command(self.command, self.ours)]
        folder = None if self.ours else folder_of_programs()
        try:
            code = programs.wait(words, log, self.timeout_s, {**os.environ, **self.environment}, folder)
        except subprocess.TimeoutExpired:
            return f"time-out after {self.timeout_s:g} s"
        except OSError as error:
            return f"can't be started: {error}"
        if code == 0:
            return ""
        reason = last_line(log)[:300]
        return f"exit code {code}: {reason}" if reason else f"exit code {code}"


def batch_program(settings: ProgramSettings, input_name: str, output_name: str) -> BatchProgram:
    """The program of these settings, with the names of its files."""
    limits = (settings.parallel, settings.timeout_s, settings.retries)
    return BatchProgram(settings.command, input_name, output_name, *limits)


def _filled(word: str, values: Mapping[str, str]) -> str:
    """A word of a command with the names in braces replaced; other braces stay."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word)


def split_command(command: str, ours: bool = False, oracle: str = "") -> list[str]:
    """The words of a command template, checked: both placeholders, a program that exists, no shell syntax, and that it
    may run in this process. ours: whether it is this package's own. oracle: its name, for errors. No other function
    makes words of a command."""
    if not ours:
        check_allowed(f"the program '{command}'" + (f" of oracle '{oracle}'" if oracle else ""))
        check_may_run("program", command)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"Expected a command such as 'dock.sh {{input}} {{output}}', got '{command}': {error}."
        ) from error
    missing = [mark for mark in ("{input}", "{output}") if not any(mark in word for word in words)]
    if missing:
        raise ConfigError(
            f"Expected {' and '.join(missing)} in the command, got '{command}'. They become the names of files."
        )
    if shell := _SHELL_WORDS.intersection(words):
        raise ConfigError(
            f"Expected one program (no shell runs it), got {', '.join(sorted(shell))} in '{command}'. "
            "Put it in a script."
        )
    found = shutil.which(words[0]) or (str(Path(words[0]).resolve()) if Path(words[0]).is_file() else None)
    if found is None or not os.access(found, os.X_OK):
        remedy = f"Run 'chmod +x {words[0]}'." if found else "Give its path, or put its folder on PATH."
        raise ConfigError(f"Expected an executable program, got '{words[0]}'. {remedy}")
    return [found, *words[1:]]
