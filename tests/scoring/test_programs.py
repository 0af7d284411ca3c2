"""No program outlives the process that started it, however that ends, and no folder is left."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest

from sciencegen.files import owner_tag
from sciencegen.scoring.guard import MARK
from sciencegen.scoring.programs import PREFIX, Programs, sweep
from tests.signals import hear

PROGRAM = """
import pathlib, subprocess, sys, time
child = [sys.executable, "-c", "import time; time.sleep(120)"]
started = [subprocess.Popen(child), subprocess.Popen(child, start_new_session=True)]
pathlib.Path(sys.argv[1]).write_text(" ".join(str(one.pid) for one in started) + " done")
time.sleep(120)
"""
CALLER = """
import os, sys
from sciencegen.scoring.programs import Programs
with Programs() as programs, programs.folder() as folder:
    programs.wait([sys.executable, "-c", sys.argv[1], sys.argv[2]], folder / "log.txt", 120, os.environ)
"""
CALLER_OF = """
import os, sys
from sciencegen.scoring.programs import Programs
with Programs() as programs, programs.folder() as folder:
    programs.wait([*sys.argv[1:]], folder / "log.txt", 120, os.environ)
"""
on_linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds other sessions by /proc")


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))


def started(path):
    """The processes that PROGRAM has noted."""
    assert _soon(lambda: path.exists() and path.read_text().endswith("done"))
    return [int(word) for word in path.read_text().split()[:-1]]


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


DAEMON = """
import os, pathlib, signal, sys, time
ways, note, then = sys.argv[1].split(), pathlib.Path(sys.argv[2]), sys.argv[3]
pids = []
for _ in range(2):
    read, write = os.pipe()
    if not os.fork():
        if "session" in ways:
            os.setsid()
        if "deaf" in ways:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        if "twice" in ways and os.fork():
            os._exit(0)
        os.write(write, str(os.getpid()).encode())
        os.execve("/bin/sleep", ["sleep", "120"], {} if "cleared" in ways else dict(os.environ))
    pids.append(os.read(read, 10).decode())
note.write_text(" ".join(pids) + " done")
time.sleep(120 if then == "wait" else 0)
sys.exit(3 if then == "fail" else 0)
"""


@on_linux
@pytest.mark.parametrize("then", ["end", "fail", "wait", "killed"])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(one, marks=pytest.mark.slow) for one in (2, 3))])
def test_no_daemon_outlives_the_call(tmp_path, seed, then):
    chooser, note = Random(f"{seed} {then}"), tmp_path / "note"
    ways = " ".join(way for way in ("session", "twice", "cleared", "deaf") if seed == 0 or chooser.random() < 0.6)
    words = [sys.executable, "-c", DAEMON, ways, str(note), "wait" if then == "killed" else then]
    if then == "killed":
        caller = subprocess.Popen([sys.executable, "-c", CALLER_OF, *words], preexec_fn=hear)
        pids = started(note)
        caller.kill()
        caller.wait(30)
    else:
        outcome = pytest.raises(subprocess.TimeoutExpired) if then == "wait" else nullcontext()
        with Programs() as programs, programs.folder() as folder, outcome:
            code = programs.wait(words, folder / "log.txt", 2, os.environ)
            assert code == (3 if then == "fail" else 0)
        pids = started(note)
    assert _soon(lambda: all(map(has_ended, pids)))
    assert _soon(lambda: not list((tmp_path / "tmp").iterdir()))


@pytest.mark.parametrize(("script", "code"), [("kill -9 $$", -9), ("kill 0", -15), ("trap '' TERM; kill 0; exit 5", 5)])
def test_the_exit_code_is_the_program_s(tmp_path, script, code):
    with Programs() as programs, programs.folder() as folder:
        assert programs.wait(["/bin/sh", "-c", script], folder / "log.txt", 30, os.environ) == code


def _soon(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@on_linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_caller_leaves_neither_programs_nor_folders(tmp_path, number):
    note = tmp_path / "note"
    caller = subprocess.Popen([sys.executable, "-c", CALLER, PROGRAM, str(note)], preexec_fn=hear)
    pids = started(note)
    assert not any(map(has_ended, pids))
    assert [one.name.startswith(PREFIX) for one in (tmp_path / "tmp").iterdir()] == [True]
    caller.send_signal(number)
    assert caller.wait(30) == -number
    assert _soon(lambda: all(map(has_ended, pids)))
    assert _soon(lambda: not list((tmp_path / "tmp").iterdir()))


@on_linux
@pytest.mark.long
def test_a_time_out_ends_descendants_in_other_sessions(tmp_path):
    note = tmp_path / "note"
    words = [sys.executable, "-c", PROGRAM, str(note)]
    with Programs() as programs, programs.folder() as folder, pytest.raises(subprocess.TimeoutExpired):
        programs.wait(words, folder / "log.txt", 3, os.environ)
    assert _soon(lambda: all(map(has_ended, started(note))))
    assert not list((tmp_path / "tmp").iterdir())


@on_linux
def test_what_guard_and_caller_left_is_swept_by_the_next_call(tmp_path, monkeypatch):
    caller = subprocess.Popen(["true"])
    caller.wait()
    left, ours = (tmp_path / "tmp" / f"{PREFIX}{owner_tag()}.{name}" for name in ("left", "ours"))
    monkeypatch.setattr(socket, "gethostname", lambda: "another node")
    far = tmp_path / "tmp" / f"{PREFIX}{owner_tag()}.far".replace(str(os.getpid()), str(caller.pid))
    monkeypatch.undo()
    left = left.with_name(left.name.replace(str(os.getpid()), str(caller.pid)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for folder in (left, ours, far):
        folder.mkdir()
    running = {
        folder: subprocess.Popen(["sleep", "120"], env={**os.environ, MARK: str(folder)}, start_new_session=True)
        for folder in (left, ours, far)
    }
    try:
        sweep()
        assert running[left].wait(30) == -signal.SIGKILL
        assert not left.exists()
        assert all(folder.exists() and running[folder].poll() is None for folder in (ours, far))
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def test_a_killed_guard_does_not_stop_the_call(tmp_path):
    with Programs() as programs:
        for _ in range(2):
            with programs.folder() as folder:
                assert programs.wait(["true"], folder / "log.txt", 30, os.environ) == 0
            programs._guard.kill()
            programs._guard.wait()
    assert not list((tmp_path / "tmp").iterdir())
