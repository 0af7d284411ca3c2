"""The process of a job: it outlives the server, and a lock that it holds says whether it still runs.

No module is imported from a folder in which requests may write: not by the server, not by a job, and not by processes
that a job starts.
"""

from __future__ import annotations

import fcntl
import os
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path

from sciencegen.errors import ConfigError
from sciencegen.files import NO_LOCKS
from sciencegen.plugins import ALLOWED
from sciencegen.progress import JOB, RUN
from sciencegen.serving.paths import AllowedPrograms, Boundary
from sciencegen.serving.records import LOG, PRINTED, TOKEN

LOCK = "lock"
"""The file that a job's process holds locked. The system releases it when the process ends, however it does."""
COMMAND = (sys.executable, "-P", "-m", "sciencegen.cli.main")
"""A job's command; -P: no module is imported from the current folder, where requests may write."""
SEARCHED = (
    "PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "NUMBA_CACHE_DIR",
)  # fmt: skip
"""Environment variables with places of programs, modules and libraries. An empty or relative one means the current
folder, and that of a job is the server's."""
PACKAGE = Path(__file__).parents[1]


def environment_of_jobs(boundary: Boundary, programs: AllowedPrograms, here: Path) -> Mapping[str, str]:
    """The environment of a server's jobs, in which they find the same modules as the server, and functions that it
    allows. here: the folder in which the server was started.

    Raises
    ------
    ConfigError
        If requests may write where code is: they could replace it.
    """
    folders = (boundary.folder, *boundary.allowed)
    given = [os.path.abspath(one) for one in sys.path]
    # The current folder is among them by `python -m` alone.
    sys.path[:] = [one for one in given if Path(one).resolve() != here or _holding(here, folders) is None]
    for what, place in _code(programs, here):
        if (folder := _holding(place, folders)) is not None:
            raise ConfigError(
                f"Expected a folder without code for requests to write in, got {folder}: it holds {what} ({place}). "
                "Name another one for --folder or --allow, such as runs/served."
            )
    for folder in folders:
        if _may_be_imported(folder, here):
            raise ConfigError(
                f"Expected a folder outside of Python's, without the name of a module, got {folder}: files in it could "
                "be imported. Name another one for --folder or --allow, such as runs/served."
            )
    found = {name: one for name, one in os.environ.items() if name not in (RUN, TOKEN)}
    for name in SEARCHED:
        if name in found:
            places = [(here / one).resolve() for one in found[name].split(os.pathsep)]
            found[name] = os.pathsep.join(str(one) for one in places if _holding(one, folders) is None)
    if programs.functions:
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (found.get("PYTHONPATH"), str(here))))
    return found | {ALLOWED: programs.allowance}


def _code(programs: AllowedPrograms, here: Path) -> Iterator[tuple[str, Path]]:
    """What is there, and where: files that run, or that decide what runs."""
    yield "this package", PACKAGE
    for one in sys.path:
        yield "modules that are imported", Path(one).resolve()
    for file in programs.files:
        yield "what --oracle names", file
    if programs.commands or programs.functions:
        yield "the folder in which programs run", here
    yield "your home folder", Path("~").expanduser().resolve()
    yield (
        "code that libraries have compiled",
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().resolve(),
    )
    if site.ENABLE_USER_SITE:  # which is on Python's path once it is there
        yield "modules that are imported", Path(site.getusersitepackages()).resolve()
    yield "the system's temporary folder", Path(tempfile.gettempdir()).resolve()


def _holding(place: Path, folders: Sequence[Path]) -> Path | None:
    """The folder that a place is in, or is; None if in none."""
    return next((one for one in folders if place.is_relative_to(one)), None)


def _may_be_imported(folder: Path, here: Path) -> bool:
    """Whether files in a folder could be modules of a package that is imported."""
    installed = [Path(str(sysconfig.get_path(one))).resolve() for one in ("purelib", "platlib", "stdlib")]
    if _holding(folder, [PACKAGE, *installed]):
        return True
    searched = [one.resolve() for one in (*map(Path, sys.path), here)]
    others = [str(one) for one in searched if one != folder.parent]
    is_name = folder.parent in searched and folder.name.isidentifier()
    return is_name and PathFinder.find_spec(folder.name, others) is not None


def start(
    command: Sequence[str], records: Path, folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the command of a job in `folder`, in a session of its own, so that Ctrl-C for the server isn't for it.

    What it prints goes to files in `records`. The lock is taken before it starts and handed over to it.
    """
    lock = os.open(records / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(records / PRINTED, "wb") as printed, open(records / LOG, "ab") as log:
            return subprocess.Popen(
                command, cwd=folder, env={**environment, JOB: str(records)}, stdin=subprocess.DEVNULL, stdout=printed,
                stderr=log, start_new_session=True, pass_fds=(lock,),
            )  # fmt: skip
    finally:
        os.close(lock)


def is_running(records: Path) -> bool:
    """Whether the process of a job runs, also one of an earlier server."""
    try:
        lock = os.open(records / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NO_LOCKS
    finally:
        os.close(lock)
    return False


def send(process: int | None, number: signal.Signals) -> None:
    """Send a signal to a job's process; SIGKILL to its session too, whose other processes it can't end any more."""
    if process is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if number is signal.SIGKILL:
            os.killpg(process, number)
        else:
            os.kill(process, number)
