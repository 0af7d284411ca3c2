"""A small process that imports modules once and forks workers: to replace a worker takes milliseconds, not seconds.

`multiprocessing` is not used: forking the calling process is unsafe once torch has started threads, and its spawn and
forkserver methods run the user's script again unless it is guarded by `if __name__ == "__main__"`; this one does not.
It is a new Python, or, in a program that has called `start_copied_server` while it had one thread, a copy of the
program, which has imported everything already. It serves on a socket until the other end closes.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from typing import IO, Protocol

from sciencegen.data.threads import WAIT_S, exit_code
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import held

# A copy of this process that serves on a socket: what a fork must undo before it can run apart.

LONGEST_SLEEP_S = 0.05
"""Seconds between two looks at a process that is waited for."""


def has_one_thread() -> bool:
    """Whether this process has a single thread, those of libraries included; False where the system doesn't tell.

    A fork copies only the thread that calls it: locks that others held are never released in the copy.
    """
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


class Copy:
    """A forked child, with the calls of `subprocess.Popen`. `pid` is its process id."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            try:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has asked for it
                self._code = 0
            else:
                self._code = os.waitstatus_to_exitcode(status) if ended else None
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        end, sleep = None if timeout is None else time.monotonic() + timeout, 0.0005
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() >= end:
                raise subprocess.TimeoutExpired("a copy of this process", timeout or 0.0)
            time.sleep(sleep)
            sleep = min(2 * sleep, LONGEST_SLEEP_S)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def copy_serving(descriptor: int, serve: Callable[[int], None]) -> Copy:
    """Fork a child that runs `serve(descriptor)` and ends. Nothing of this process is flushed or removed by it."""
    pid = os.fork()
    if pid:
        return Copy(pid)
    code = 1
    try:
        _detach(descriptor)
        serve(descriptor)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # no exit handlers and no unwinding: they belong to the parent


def _detach(descriptor: int) -> None:
    """In the child: leave the parent's session, signal handlers, folder and files, except standard error."""
    os.setsid()  # Ctrl-C reaches only the parent
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    if not has_descriptor(sys.__stderr__):
        os.dup2(null, 2)
    os.dup2(2, 1)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    os.chdir("/")
    gc.freeze()  # collections don't write to, and so copy, the pages that are shared with the parent


def has_descriptor(stream: IO[str] | None) -> bool:
    """Whether a stream is a file of the system."""
    try:
        return stream is not None and stream.fileno() >= 0
    except (OSError, ValueError):
        return False


ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

NO_PROCESS = -1
"""In place of a process id, if the system gives none."""

AVAILABLE = os.name == "posix"
"""Whether processes can fork."""


class Served(Protocol):
    """What is used of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


class Forkserver:
    """The client in the calling process: `fork(task)` returns a worker's process id and the connection to it.

    copied: whether the server is a copy of this process.
    """

    def __init__(self, copied: bool = False) -> None:
        ours, theirs = socket.socketpair()
        self.process: Served = copy_serving(theirs.fileno(), serve) if copied else _new_python(theirs)
        theirs.close()
        self.connection = Connection(ours.detach())
        self._one_request = threading.Lock()

    def fork(self, task: bytes) -> tuple[int, Connection]:
        """Start a worker for a pickled function."""
        ours, theirs = socket.socketpair()
        with theirs, held(self._one_request):
            try:
                self.connection.send((os.getcwd(), {**os.environ, **ONE_THREAD}, task))
                send_handle(self.connection, theirs.fileno(), self.process.pid)
                while not self.connection.poll(WAIT_S):
                    pass
                pid, problem = self.connection.recv()
            except (EOFError, OSError) as error:
                raise SciencegenError("The process that starts workers has died. See the messages above.") from error
            except BaseException:  # Ctrl-C: nobody would take the answer, and the next request would get it
                self.close()
                raise
        if pid == NO_PROCESS:
            raise _no_process(problem)
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
            exit_code(self.process)


_SERVERS: dict[tuple[int, tuple[str, ...]], Forkserver] = {}
"""By the calling process (a forked child must not use its parent's socket) and its search path (a server imports a
module once, and with another path its name may refer to another module)."""


def _new_python(socket_of_server: socket.socket) -> subprocess.Popen[bytes]:
    """A server in a new Python."""
    # In a new session, so that Ctrl-C reaches only the calling process, which decides what to stop. What libraries
    # print in a worker goes to standard error, so that it does not mix with a table on our standard output.
    # -P: workers change to the caller's folder, in which no module is looked for unless the caller looks there too.
    descriptor = socket_of_server.fileno()
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"from sciencegen.data.forkserver import serve; serve({descriptor})"],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=sys.__stderr__ if has_descriptor(sys.__stderr__) else subprocess.DEVNULL,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(_search_path())},
        cwd="/",  # the calling process may leave its folder and remove it, and libraries don't load without one
        start_new_session=True,
    )


def forkserver() -> Forkserver:
    """The fork server of this process, started on first use and closed at exit."""
    return _server(copied=False)


def start_copied_server() -> None:
    """Start the fork server as a copy of this process, if it has a single thread and no server yet; else do nothing.

    For programs that have imported what workers need, and that nothing else shares: a copy has all objects of this
    process, and only its standard error of its files.
    """
    if AVAILABLE and has_one_thread():
        _server(copied=True)


def _server(copied: bool) -> Forkserver:
    key = (os.getpid(), tuple(_search_path()))
    server = _SERVERS.get(key)
    if server is None or server.process.poll() is not None:
        try:
            server = _SERVERS[key] = Forkserver(copied)
        except OSError as error:
            raise _no_process(str(error.strerror)) from None
        atexit.register(server.close)
    return server


def _no_process(reason: str) -> SciencegenError:
    return SciencegenError(
        f"Expected to start a process for items that may crash, got: {reason}. End other programs, raise the limit of "
        "processes (`ulimit -u`), or lower `threads`."
    )


def _search_path() -> list[str]:
    return list(map(os.path.abspath, sys.path))


def serve(descriptor: int) -> None:
    """Fork a worker for each request; when the connection closes, kill the workers that still run, and return."""
    connection = Connection(descriptor)
    workers: set[int] = set()
    while True:
        try:
            folder, environment, task = connection.recv()
            handle = recv_handle(connection)
        except (EOFError, OSError):
            break
        pid, problem = _forked(task)
        if not problem and pid == 0:
            connection.close()
            os.chdir(folder)
            os.environ.update(environment)
            _work(Connection(handle), task)
        os.close(handle)
        workers = {worker for worker in workers if os.waitpid(worker, os.WNOHANG)[0] == 0}
        workers |= set() if problem else {pid}
        try:
            connection.send((pid, problem))
        except OSError:  # the client was killed in the meantime
            break
    for worker in workers:  # none was reaped yet, so no process id was reused
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _forked(task: bytes) -> tuple[int, str]:
    """The process id (0 in the worker), and the problem if there is none."""
    if problem := _import_task(task):
        return 0, problem
    try:
        return os.fork(), ""
    except OSError as error:  # a limit of processes or of memory
        return NO_PROCESS, str(error.strerror)


def _import_task(task: bytes) -> str:
    """Load the task, so that workers inherit its imports; returns the error's text if that fails, else ""."""
    try:
        pickle.loads(task)
    except Exception as error:
        return "".join(traceback.format_exception_only(error))
    return ""


def _work(connection: Connection, task: bytes) -> None:
    """Main loop of a worker: send (True, result) or (False, reason) for each argument, until the connection closes."""
    try:
        function = pickle.loads(task)
        connection.send((True, None))
        while True:
            connection.send(_answer(function, connection.recv()))
    except (EOFError, OSError):
        pass
    except BaseException as error:  # from loading the function: raised again by the parent
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
