"""The process of a command: its standard streams, the signals that end it, workers as copies, and trials of it."""

from __future__ import annotations

import gc
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import TYPE_CHECKING

from sciencegen.errors import ConfigError, SciencegenError, Stopped
from sciencegen.progress import ROUGH, TRIAL, expected_cost, in_words

if TYPE_CHECKING:
    from typer._click.core import Context

# Standard streams that are closed at the start, or whose reader ends before the command does.

READER_GONE = 128 + signal.SIGPIPE
"""Exit code if the reader of the output ends early (`| head -1`): that of other programs, which SIGPIPE ends."""


def open_closed_streams() -> None:
    """Open standard streams that are closed, so that no other file gets their numbers.

    Nothing is read from stdin, messages are dropped, and results on stdout are an error: its file can't be written.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            os.dup2(opened, number)  # of the same number it only lets child processes inherit it
            if opened != number:
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115


def write_any_character() -> None:
    """Results in a pipe or a file are UTF-8, as those of -o. A terminal keeps its encoding, and what it lacks is
    escaped."""
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(encoding=None if stdout.isatty() else "utf-8", errors="backslashreplace")


@contextmanager
def watched_readers() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether the reader of stdout or stderr has gone.

    It asks the files that the streams have now: a library may replace them when it meets a closed pipe.
    """
    watched = [os.dup(number) for number in (1, 2)]
    poll = select.poll()
    for number in watched:
        poll.register(number, 0)
    try:
        yield lambda: any(event & select.POLLERR for _, event in poll.poll(0))
    finally:
        for number in watched:
            os.close(number)


def drop_unwritten() -> None:
    """Let the rest of stdout go nowhere, so that Python doesn't try to write it again at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# SIGTERM and SIGHUP end a command by an exception, so that temporary files go and child processes end.


@contextmanager
def stops_raise() -> Iterator[None]:
    """The first of these signals raises Stopped in the block, the second ends the process as if this were not here.

    Signals that this process ignores (`nohup`) remain ignored; only the main thread can handle signals.
    """
    heard = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        heard = []

    def stop(number: int, frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_DFL)
        raise Stopped(number)

    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


# Worker processes as copies of the command, which start in milliseconds instead of seconds.

BLAS_THREADS = "OPENBLAS_NUM_THREADS"

_own_process = _limited = False


def take_process() -> None:
    """Say that this process runs nothing but the command."""
    global _own_process
    _own_process = True


def begin_loading() -> None:
    """Prepare for the imports of a verb that calls `start_workers` after them.

    The BLAS of numpy and scipy get one thread, since a process with more can't be copied, and no garbage is collected:
    imports make many objects that stay, which each collection would look at.
    """
    global _limited
    if not _own_process:
        return
    gc.disable()
    _limited = BLAS_THREADS not in os.environ
    if _limited:
        os.environ[BLAS_THREADS] = "1"


def start_workers() -> None:
    """Let workers be copies of this process as it is now, with all that it has imported, if it is the command's own and
    has one thread; else they are started on demand as new processes."""
    if not _own_process:
        return
    if _limited:
        os.environ.pop(BLAS_THREADS, None)  # it isn't meant for programs of others
    gc.freeze()
    gc.enable()
    from sciencegen.data.forkserver import start_copied_server

    start_copied_server()


# A dry run: the command itself on growing parts of its input, and what they took.

DRY_RUN = "--dry-run"
LARGER, LEAST_LARGER, MOST_LARGER = 8.0, 2.0, 64.0
"""Growth from the first trial to the second; least and largest of later ones."""
LONGEST_S, EVERY_S = 30.0, 0.2
"""Seconds of the processor that a third or later trial may take; between two looks."""
STOPS_S = 10.0
"""After which a stopped trial is killed."""
MOST = 0.5
"""Largest share of the work that is tried."""
WORK = 1.5
"""The last trial takes so many times as long as the first, which mostly starts and loads."""


Parts = Mapping[str, tuple[int, int]]
"""Of a trial: what there is to do -> how much of it was done, and how much there is."""


def dry_run(context: Context) -> None:
    """Say what the command would take, by trials; raise an error if that can't fit in this machine's memory."""
    from sciencegen.cli.console import say, summarize
    from sciencegen.serving.requests import WRITTEN

    given = {
        one.name: one for one in context.command.params if context.params.get(one.name or "") not in (None, "", [])
    }
    if "-" in (context.params[name] for name in given if name not in WRITTEN):
        raise ConfigError("Expected files to read for a dry run, got - (standard input). Write it to a file first.")
    words = [word for word in sys.argv[1:] if word != DRY_RUN]
    with tempfile.TemporaryDirectory() as folder:
        named = [name for name in WRITTEN if name in given and context.params[name] != "-"]
        shares: list[float] = []
        costs: list[tuple[float, float, float]] = []
        larger = LARGER
        while True:
            place = Path(folder, str(len(costs)))
            place.mkdir()
            copies = []
            for name in named:
                path = Path(context.params[name])
                if path.is_file() and name != "output":
                    shutil.copy(path, place / path.name)
                copies += [given[name].opts[0], str(place / path.name)]
            own = [
                f"{word.partition('=')[0]}={place / 'set'}" if word.split("=")[0] in WRITTEN else word for word in words
            ]
            parts, cost = _tried([*own, *copies], min(larger * shares[-1], MOST) if shares else 0.0, place)
            shares.append(min((part / max(whole, 1) for part, whole in parts.values()), default=1.0))
            costs.append(cost)
            is_known = len(costs) > 2 and cost[1] > WORK * costs[0][1]
            if len(costs) == 1:
                larger = max(LEAST_LARGER, min(LARGER, LONGEST_S / max(cost[1], EVERY_S)))
            else:  # what takes the rest of the time, by what the work of the last trial took beside its start
                work = max(cost[1] - costs[-2][1], EVERY_S) / (1 - shares[-2] / shares[-1])
                larger = min(MOST_LARGER, 1 + (LONGEST_S - cost[1]) / work)
            if shares[-1] >= MOST or is_known or larger < LEAST_LARGER:
                break
    seconds, cpu, memory = (expected_cost(1.0, list(zip(shares, own, strict=True))) for own in zip(*costs, strict=True))
    if len(costs) > 1:  # most work goes in chunks, beyond which memory may not grow
        memory = cost[2], ROUGH * memory[0], memory[2]
    available = memory_of_machine()
    rows = {what: whole for what, (_, whole) in parts.items()}
    gigabytes = [round(one / 1e9, 2) for one in memory]
    if available is not None and memory[0] > available:
        raise ConfigError(
            f"Expected work that fits in this machine's {available / 1e9:.1f} GB of memory, this would take about "
            f"{gigabytes[1]} GB ({gigabytes[0]} to {gigabytes[2]}) for {_listed(rows)}. Give "
            "fewer, or take another machine."
        )
    if context.params.get("as_json"):
        found = {"rows": rows, "seconds": seconds, "cpu_seconds": cpu, "memory_gb": gigabytes, "trials": len(costs)}
        summarize({"dry_run": True, **found, "memory_of_machine_gb": available and available / 1e9}, "", True)
        return
    say(
        f"dry run: {_listed(rows) or 'all at once'}\n"
        f"time: {in_words(seconds[1])} ({in_words(seconds[0])} to {in_words(seconds[2])}), of which processors work "
        f"{cpu[1]:,.0f} s\n"
        f"memory: {gigabytes[1]} GB ({gigabytes[0]} to {gigabytes[2]})"
        f"{'' if available is None else f', of {available / 1e9:.1f} GB'}\n"
        f"by trials with {', '.join(f'{share:.2g}' for share in shares)} of it; nothing was written"
    )


def _listed(rows: dict[str, int]) -> str:
    return ", ".join(f"{whole:,} {what}" for what, whole in rows.items())


def _tried(words: Sequence[str], share: float, folder: Path) -> tuple[Parts, tuple[float, float, float]]:
    """Run the command on a share of its work. The costs are seconds, seconds of processors, and bytes at most."""
    told = folder / "parts"
    environment = {**os.environ, TRIAL: f"{share!r} {told}"}
    began = monotonic()
    with (folder / "messages").open("wb") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "sciencegen", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=messages, env=environment,
        )  # fmt: skip
    memory, used = 0, dict[int, float]()
    try:
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            memory = max(memory, sum(_memory(number) for number in _family(process.pid, used)))
            sleep(EVERY_S)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
    except BaseException:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPS_S)
        process.kill()
        raise
    wall_s = monotonic() - began
    if process.returncode not in (0, 5):
        lines = (folder / "messages").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        error = SciencegenError(lines[-1].removeprefix("error: ") if lines else "The trial ended without a message.")
        error.exit_code = process.returncode
        raise error
    parts = {}
    if told.exists():
        for what, part, whole in map(json.loads, told.read_text(encoding="utf-8").splitlines()):
            parts[what] = part, whole
    own = ended[2]  # of the process and of children that it waited for: all there is to know without /proc
    cpu_s = max(sum(used.values()), own.ru_utime + own.ru_stime)
    return parts, (wall_s, cpu_s, memory or own.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def _family(number: int, used: dict[int, float]) -> Iterator[int]:
    """A process and those below it. used: number -> seconds of the processor, which are noted."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        used[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        yield number
        for thread in Path(f"/proc/{number}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child), used)


def _memory(number: int) -> int:
    """Bytes of a process; what several share is divided among them."""
    with suppress(OSError):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


def memory_of_machine() -> int | None:
    """Bytes that a process may use: of the machine, or of its container; None where the system doesn't say."""
    found = []
    with suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text()))
    return min(found, default=None)
