"""A copy of a process leaves everything of it alone, except standard error."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sciencegen.data.forkserver import Copy, has_descriptor, has_one_thread

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system doesn't tell about threads")

SCRIPT = """
import atexit, os, signal, socket, sys
from sciencegen.data.forkserver import copy_serving

def serve(descriptor):
    files = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    with socket.socket(fileno=descriptor) as answer:
        here = os.getcwd(), os.getsid(0) == os.getpid(), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        print("a library prints", flush=True)
        answer.sendall(repr((*here, [n for n in files if n > 2 and n != descriptor][1:], KNOWN)).encode())

KNOWN = "from the parent"
atexit.register(print, "the end")
signal.signal(signal.SIGTERM, lambda *given: print("heard"))
kept = open(sys.argv[1], "w")
kept.write("unwritten")
sys.stdout.write("also unwritten, ")
ours, theirs = socket.socketpair()
child = copy_serving(theirs.fileno(), serve)
theirs.close()
answer = b"".join(iter(lambda: ours.recv(4096), b"")).decode()
assert child.wait(20) == 0 and child.poll() == 0
child.kill()
print(answer)
"""


def test_a_copy_knows_all_and_touches_nothing(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "kept.txt")], capture_output=True, text=True, cwd=tmp_path,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "also unwritten, ('/', True, True, [], 'from the parent')\nthe end\n"
    assert done.stderr == "a library prints\n"
    assert (tmp_path / "kept.txt").read_text() == "unwritten"


def test_threads_are_counted():
    code = "import threading, time; from sciencegen.data.forkserver import has_one_thread as one; print(one());"
    code += "threading.Thread(target=time.sleep, args=(1,)).start(); print(one())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
    thread = threading.Thread(target=threading.Event().wait, args=(0.2,))
    thread.start()
    assert not has_one_thread()
    thread.join()


def test_a_child_that_somebody_waited_for_has_ended():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    assert Copy(process.pid).wait(1) == 0


def test_a_wait_has_a_limit():
    process = subprocess.Popen(["sleep", "60"])
    copy = Copy(process.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        copy.wait(0.01)
    copy.kill()
    assert copy.wait(10) == -9
    process.returncode = -9  # it was waited for


def test_streams_of_the_system_have_a_descriptor(tmp_path):
    with open(tmp_path / "file", "w") as file:
        assert has_descriptor(file)
    assert not has_descriptor(file)
    assert not has_descriptor(None)
