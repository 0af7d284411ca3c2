"""Workers are forked by a clean process."""

import errno
import os
import pickle
import socket
import subprocess
import sys
import time
from multiprocessing.reduction import send_handle
from pathlib import Path

import pytest

from sciencegen.data import forkserver as module
from sciencegen.data.forkserver import NO_PROCESS, Forkserver, forkserver
from sciencegen.data.workers import map_killable
from sciencegen.errors import SciencegenError
from sciencegen.files import process_is_alive
from tests.data import words

SCRIPT = """
import sys; sys.path.insert(0, {folder!r})
from tests.data import words
from sciencegen.data.workers import map_killable
print("the script runs", flush=True)
results = map_killable(words.where, range(10**9), processes=2, chunk=1)
print(next(results)[1][0], next(results)[1][0], flush=True)
list(map_killable(words.sign_in_and_hang, [{signature!r}], processes=1, timeout_s=600))
"""


def test_workers_see_the_present_folder_and_environment(tmp_path, monkeypatch):
    list(map_killable(words.where, [0], processes=1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIENCEGEN_TEST_WORD", "now")
    ((_, (pid, folder, word)),) = map_killable(words.where, [0], processes=1)
    assert (Path(folder), word) == (tmp_path, "now")
    assert pid != os.getpid()


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="the system doesn't tell a process's folder")
def test_a_server_needs_no_folder_of_the_caller(tmp_path, monkeypatch):
    """MKL ends a process whose folder was removed, as soon as a worker's task imports it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("modules")  # another path needs another server
    ((_, (_, folder, _)),) = map_killable(words.where, [0], processes=1)
    assert Path(folder) == tmp_path
    server = forkserver()
    try:
        assert Path(f"/proc/{server.process.pid}/cwd").resolve() == Path("/")
    finally:
        server.close()


@pytest.mark.long
def test_a_killed_script_leaves_no_worker_and_is_not_run_twice(tmp_path):
    """No `if __name__ == "__main__"` in the script, and a worker that hangs when the script is killed."""
    signature = tmp_path / "pid"
    script = SCRIPT.format(folder=str(Path(words.__file__).parent), signature=str(signature))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "the script runs\n"
        pids = [int(pid) for pid in process.stdout.readline().split()]
        while not signature.exists() or not signature.read_text().endswith("\n"):
            time.sleep(0.02)
        pids.append(int(signature.read_text()))
        assert all(map(process_is_alive, pids))
        process.kill()
        assert process.stdout.read() == ""
    deadline = time.monotonic() + 10
    while any(map(process_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(process_is_alive, pids))


def test_one_server_serves_all_calls():
    assert forkserver() is forkserver()


@pytest.mark.long
def test_the_server_of_a_process_that_was_killed_while_it_asked_ends_without_a_word(capfd):
    server, (ours, theirs) = Forkserver(), socket.socketpair()
    with ours, theirs:
        server.connection.send((os.getcwd(), {}, pickle.dumps((None, words.encode))))
        send_handle(server.connection, theirs.fileno(), server.process.pid)
    server.connection.close()
    assert server.process.wait(60) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("later", [False, True])
def test_a_limit_of_processes_is_told(monkeypatch, later):
    def refuse(*words, **more):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(module, "_SERVERS", {})
    monkeypatch.setattr(module.os, "fork", refuse)
    if not later:
        monkeypatch.setattr(module.subprocess, "Popen", refuse)
        with pytest.raises(SciencegenError, match="ulimit -u"):
            forkserver()
    else:
        assert module._forked(pickle.dumps(words.double)) == (NO_PROCESS, os.strerror(errno.EAGAIN))


COPIED = """
import sys; sys.path.insert(0, {folder!r})
import threading
from sciencegen.data import forkserver
from sciencegen.data.workers import map_killable
from tests.data import words
if {threaded}:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
forkserver.start_copied_server()
started = len(forkserver._SERVERS)
found = dict(map_killable(words.double, [3, 7, 4], processes=1))
(server,) = forkserver._SERVERS.values()
forkserver.start_copied_server()
assert len(forkserver._SERVERS) == 1
print(started, type(server.process).__name__, found[0], found[1].reason, found[2])
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system doesn't tell about threads")
@pytest.mark.parametrize(("threaded", "expected"), [(False, "1 Copy"), (True, "0 Popen")])
def test_a_program_with_one_thread_is_copied(threaded, expected):
    folder = str(Path(words.__file__).parents[2])
    code = COPIED.format(folder=folder, threaded=threaded)
    environment = os.environ | module.ONE_THREAD
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == f"{expected} 6 crashed the worker process 8\n", done.stderr
    assert done.stderr == ""
