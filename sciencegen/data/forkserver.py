"""A small clean process that imports once and forks workers fast: a worker that dies costs milliseconds, not seconds.

Why not `multiprocessing`: forking this process is unsafe once torch has started threads, and its spawn and fork-server
both run the user's script again unless it is guarded by `if __name__ == "__main__"`. Here nothing is run again.
Run as a program (`python -m sciencegen.data.forkserver FD`) it serves on that socket until its other end closes.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from typing import IO

from sciencegen.errors import ConfigError, SciencegenError

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

AVAILABLE = os.name == "posix"
"""Whether processes can fork."""


class Forkserver:
    """The calling process's end: `fork(task)` gives a worker's number and the connection to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # A session of its own: Ctrl-C reaches this process only, and it decides what to stop. Nothing that a library
        # prints in a worker may mix with a table on our standard output, so that goes to standard error.
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from sciencegen.data.forkserver import serve; serve({theirs.fileno()})"],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__ if _has_descriptor(sys.__stderr__) else subprocess.DEVNULL,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(_search_path())},
            start_new_session=True,
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self._one_request = threading.Lock()

    def fork(self, task: bytes) -> tuple[int, Connection]:
        """Start a worker on a pickled function."""
        ours, theirs = socket.socketpair()
        with self._one_request, theirs:
            try:
                self.connection.send((os.getcwd(), {**os.environ, **ONE_THREAD}, task))
                send_handle(self.connection, theirs.fileno(), self.process.pid)
                pid, problem = self.connection.recv()
            except (EOFError, OSError) as error:
                raise SciencegenError("The process that starts workers has died. See the messages above.") from error
        if problem:
            raise ConfigError(
                f"Expected a function that another process can import, got one that it can't: {problem}"
                "Define it in a module (a .py file that is imported), not in the main script or inside a function."
            )
        return pid, Connection(ours.detach())

    def close(self) -> None:
        self.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


_SERVERS: dict[tuple[int, tuple[str, ...]], Forkserver] = {}
"""By the process that asks (a forked child must not talk on its parent's socket) and its search path (a server imports
a module once: under another path the same name may be another module)."""


def forkserver() -> Forkserver:
    """The fork server of this process, started on first use and ended with the process."""
    key = (os.getpid(), tuple(_search_path()))
    server = _SERVERS.get(key)
    if server is None or server.process.poll() is not None:
        server = _SERVERS[key] = Forkserver()
        atexit.register(server.close)
    return server


def _has_descriptor(stream: IO[str] | None) -> bool:
    try:
        return stream is not None and stream.fileno() >= 0
    except (OSError, ValueError):
        return False


def _search_path() -> list[str]:
    return [entry or os.getcwd() for entry in sys.path]


def serve(descriptor: int) -> None:
    """Fork a worker for each request; at the end of the connection kill the workers that still run, and end."""
    connection = Connection(descriptor)
    workers: set[int] = set()
    while True:
        try:
            folder, environment, task = connection.recv()
            handle = recv_handle(connection)
        except (EOFError, OSError):
            break
        problem = _import_task(task)
        pid = 0 if problem else os.fork()
        if not problem and pid == 0:
            connection.close()
            os.chdir(folder)
            os.environ.update(environment)
            _work(Connection(handle), task)
        os.close(handle)
        workers = {worker for worker in workers if os.waitpid(worker, os.WNOHANG)[0] == 0} | ({pid} if pid else set())
        try:
            connection.send((pid, problem))
        except OSError:  # whoever asked was killed in the meantime
            break
    for worker in workers:  # none is reaped yet, so its number is still its own
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _import_task(task: bytes) -> str:
    """Load the task here, so that each worker inherits its imports; the error's text if that fails."""
    try:
        pickle.loads(task)
    except Exception as error:
        return "".join(traceback.format_exception_only(error))
    return ""


def _work(connection: Connection, task: bytes) -> None:
    """A worker's life: answer (True, result) or (False, reason) to each argument, until the connection closes."""
    try:
        function = pickle.loads(task)
        connection.send((True, None))
        while True:
            connection.send(_answer(function, connection.recv()))
    except (EOFError, OSError):
        pass
    except BaseException as error:  # of loading the function: the parent raises it
        with contextlib.suppress(OSError):
            connection.send((False, _reason(error)))
    finally:
        sys.stderr.flush()
        os._exit(0)  # no exit handlers: they belong to the server


def _answer(function: Callable[[object], object], argument: object) -> tuple[bool, object]:
    try:
        return True, function(argument)
    except Exception as error:
        return False, _reason(error)


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
