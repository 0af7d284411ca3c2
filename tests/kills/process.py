"""A command in a process of its own that may be struck, and what is left of it."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from tests.golden_record.record import ENVIRONMENT, PRELOADED
from tests.kills.hook import sitecustomize as hook
from tests.signals import hear

ROOT = Path(__file__).parents[2]
HOOK = Path(hook.__file__).parent
TIMEOUT_S = 3600
ENDED = {-signal.SIGKILL, *(sign for one in (signal.SIGTERM, signal.SIGINT) for sign in (-one, 128 + one))}
"""Exit codes of a command that was struck."""


@dataclass(frozen=True)
class Moment:
    """When and how a command is struck: before its change number `change` of a file, or after so many seconds."""

    how: str = "all"
    change: int = 0
    seconds: float = TIMEOUT_S

    def __str__(self) -> str:
        return f"{self.how} at {f'change {self.change}' if self.change else f'{self.seconds:.2f} s'}"


@dataclass(frozen=True)
class Ended:
    """after: seconds from the strike to the end of the first process."""

    code: int
    changes: int
    seconds: float
    after: float = 0.0

    @property
    def struck(self) -> bool:
        return self.code in ENDED


def preload(names: Iterable[str] = PRELOADED) -> None:
    """What every command's process inherits: imports would take most of its time."""
    os.environ |= ENVIRONMENT
    for name in names:
        with suppress(ImportError):
            __import__(name)


def call(words: str, place: Path, moment: Moment | None = None) -> Ended:
    """Run a command in the folder `place`, its messages in `<place>.log`; struck at a moment, if one is given."""
    moment = moment or Moment()
    count = Path(f"{place}.count")
    struck = Path(f"{count}.struck")
    for one in (count, struck):
        one.unlink(missing_ok=True)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _work(shlex.split(words), place, count, moment)
    status = _wait(child, count, moment)
    after = time.time() - struck.stat().st_mtime if struck.exists() else 0.0
    if moment.how == "all" and os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
        for process in left_over(place, child):
            with suppress(psutil.Error):
                process.kill()
    changes = count.stat().st_size if count.exists() else 0
    return Ended(os.waitstatus_to_exitcode(status), changes, time.monotonic() - began, after)


def _work(words: list[str], place: Path, count: Path, moment: Moment) -> None:
    code = 1
    try:
        os.setsid()
        hear()
        os.chdir(place)
        log = os.open(f"{place}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.environ |= _environment(place, count, moment)
        hook.watch(f"{place}/", str(count), moment.change, moment.how, os.getpid())
        from sciencegen.cli.main import main

        sys.argv = words
        sys.modules["__main__"].__spec__ = find_spec("sciencegen.__main__")  # what other processes of a training start
        main(own_process=False)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _environment(place: Path, count: Path, moment: Moment) -> Mapping[str, str]:
    paths = os.pathsep.join((str(HOOK), str(ROOT), os.environ.get("PYTHONPATH", "")))
    scratch = Path(f"{place}.tmp")
    scratch.mkdir(exist_ok=True)
    return {
        hook.FOLDER: f"{place}/", hook.COUNT: str(count), hook.AT: str(moment.change), hook.HOW: moment.how,
        hook.HEAD: str(os.getpid()), "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(scratch),
        "SCIENCEGEN_CACHE": str(place / "cache"), "SCIENCEGEN_DATASETS": str(place / "cards"),
    }  # fmt: skip


def _wait(child: int, count: Path, moment: Moment) -> int:
    end = time.monotonic() + moment.seconds
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(0.005)
    hook.strike(child, moment.how, count)
    return os.waitpid(child, 0)[1]


def left_over(place: Path, head: int = 0) -> list[psutil.Process]:
    """Processes of commands in the folder that still run."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            ours = process.environ().get(hook.FOLDER) == f"{place}/" or (head and os.getsid(process.pid) == head)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_for_end(place: Path, patience_s: float = 10.0) -> list[psutil.Process]:
    """The processes that are left after a while."""
    end = time.monotonic() + patience_s
    while (found := left_over(place)) and time.monotonic() < end:
        time.sleep(0.05)
    return found
