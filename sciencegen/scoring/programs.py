"""Programs in temporary folders, none of which outlives the call that started it, whatever ends the calling process."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from sciencegen.data.threads import exit_code
from sciencegen.files import is_abandoned, owner_tag
from sciencegen.scoring import guard
from sciencegen.scoring.guard import MARK, end_programs

PREFIX = "sciencegen-oracle-"


class Programs:
    """The running programs of one call. When the block ends, all are killed with their descendants.

    A child process (`guard`) does the same if this process is killed. What is left if both are killed goes when the
    next call begins.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen] = {}
        self._guard: subprocess.Popen | None = None

    def __enter__(self) -> Programs:
        sweep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_all()
        if self._guard is not None:
            assert self._guard.stdin is not None
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
            exit_code(self._guard)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A temporary folder for one program."""
        with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{owner_tag()}.", ignore_cleanup_errors=True) as name:
            self._note(f"+{name}")
            try:
                yield Path(name)
            finally:
                self._note(f"-{name}")

    def wait(
        self, words: Sequence[str], log: Path, timeout_s: float, environment: Mapping[str, str],
        folder: str | None = None,
    ) -> int:  # fmt: skip
        """Run a program with a log in its folder, and return its exit code. folder: in which it runs, by default the
        current one.

        All its descendants are killed at the end, on Linux daemons too; elsewhere only its process group.
        """
        name = str(log.parent)
        with open(log, "wb") as file, self._lock:
            if self.stopped:
                return 130
            process = subprocess.Popen(
                guard.launching(words), stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
                env={**environment, MARK: name}, cwd=folder,
            )  # fmt: skip
            self._running[name] = process
        try:
            self._note(f"{process.pid} {name}")
            return process.wait(timeout_s)
        except BaseException:
            end_programs(name, process.pid)
            raise
        finally:
            guard.end_group(process.pid)
            exit_code(process)
            with self._lock:
                del self._running[name]

    def kill_all(self) -> None:
        with self._lock:
            self.stopped = True
            for name, process in self._running.items():
                end_programs(name, process.pid)

    def _note(self, line: str) -> None:
        with self._lock:
            if self._guard is None:
                self._guard = _start_guard()
            assert self._guard.stdin is not None
            with contextlib.suppress(OSError):  # somebody killed it
                self._guard.stdin.write(f"{line}\n")


def _start_guard() -> subprocess.Popen:
    # Without the mark of an outer program: what ends that one must not end this guard before its parent.
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=environment, text=True, bufsize=1, start_new_session=True,
    )  # fmt: skip


def sweep() -> None:
    """End what programs of killed processes left running, and remove their folders."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            tag = entry.name.removeprefix(PREFIX).partition(".")[0]
            if entry.name.startswith(PREFIX) and is_abandoned(tag) and entry.stat().st_uid == os.getuid():
                end_programs(entry.path)
                shutil.rmtree(entry.path, ignore_errors=True)
