"""Threads change when things are computed, never what comes out."""

import re
import subprocess
import sys
import threading
import time
from itertools import count, islice
from pathlib import Path

import pytest

import sciencegen
from sciencegen.data.threads import map_threaded
from tests.signals import hear


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order(threads):
    assert list(map_threaded(lambda x: x * x, range(50), threads)) == [x * x for x in range(50)]


def test_threads_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=20)  # passes only if three calls run together
    list(map_threaded(lambda _: meeting.wait(), range(3), 3))


def test_it_reads_no_further_ahead_than_its_threads():
    taken = []
    endless = map_threaded(lambda x: x, (taken.append(i) or i for i in count()), 2)
    assert list(islice(endless, 4)) == [0, 1, 2, 3]
    assert len(taken) <= 7


def test_reading_further_ahead_takes_no_more_threads():
    taken, names = [], set()
    endless = map_threaded(
        lambda x: names.add(threading.get_ident()) or x, (taken.append(i) or i for i in count()), 2, 9
    )
    assert next(endless) == 0
    endless.close()
    assert len(taken) == 10
    assert len(names) <= 2
    assert names.isdisjoint(thread.ident for thread in threading.enumerate())  # none outlives the map


def test_a_growing_map_computes_no_more_than_is_asked_at_first():
    begun = []
    results = map_threaded(lambda x: begun.append(x) or x, count(), 2, 3, growing=True)
    assert [(next(results), len(begun)) for _ in range(2)] == [(0, 1), (1, 2)]
    assert list(islice(results, 20)) == list(range(2, 22))
    results.close()
    assert len(begun) <= 22 + 4


def test_one_thread_is_the_callers_whatever_is_read_ahead():
    assert set(map_threaded(lambda _: threading.get_ident(), range(5), 1, 9)) == {threading.get_ident()}


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(map_threaded(lambda x: 1 / x, [1, 0], 2))


WAITING = """
import os, signal, subprocess, sys, threading
from pathlib import Path
from sciencegen.data.forkserver import forkserver
from sciencegen.data.threads import exit_code, map_threaded
from sciencegen.files import held, turn_at
from sciencegen.scoring.oracles import FunctionOracle

def send():
    signal.siginterrupt(signal.SIGINT, False)  # as a substructure search leaves it
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

def lock():
    taken = threading.Lock()
    taken.acquire()
    send()
    with held(taken):
        pass

def turn():
    with turn_at(Path("here")):
        send()
        with turn_at(Path("here")):
            pass

TAKES = "import time; from pathlib import Path; from sciencegen.files import turn_at; turn = turn_at(Path('here'));"
TAKES += "turn.__enter__(); print(flush=True); time.sleep(9)"

def slow():
    return subprocess.Popen(["sleep", "9"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def turn_of_another_process():
    other = subprocess.Popen([sys.executable, "-c", TAKES], stdout=subprocess.PIPE)
    other.stdout.readline()
    send()
    try:
        with turn_at(Path("here")):
            pass
    finally:
        other.kill()

def server():
    os.kill(forkserver().process.pid, signal.SIGSTOP)
    send()
    forkserver().fork(b"")

def process():
    send()
    exit_code(slow())

def threads():
    send()
    stopped = threading.Event()
    list(map_threaded(lambda _: stopped.wait(9), range(3), 2, stop=stopped.set))

def function():
    send()
    FunctionOracle("slow", lambda _: slow().wait()).score([0])

try:
    globals()[sys.argv[1]]()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    os._exit(0)
"""


@pytest.mark.parametrize(
    "waiting", ["lock", "turn", "turn_of_another_process", "server", "process", "threads", "function"]
)
@pytest.mark.long
def test_ctrl_c_ends_a_wait_where_a_library_lets_calls_go_on_after_signals(tmp_path, waiting):
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", WAITING, waiting], cwd=tmp_path, preexec_fn=hear, capture_output=True, text=True,
        check=False, timeout=30,
    )  # fmt: skip
    assert done.stdout == "interrupted\n", done.stderr
    assert time.monotonic() - begun < 8


ENDLESS = re.compile(
    r"\.(result|wait|join|acquire|communicate)\(\)|LOCK_EX\)|as_completed\(|subprocess\.run\((?!.*timeout)"
)
FINITE = {
    "data/threads.py: yield pending.popleft().result()",  # its end was waited for
    "serving/service.py: main_thread().join()",  # of a thread of its own, which no signal reaches
}


def test_no_wait_of_the_package_is_without_a_limit():
    root = Path(sciencegen.__file__).parent
    found = {
        f"{path.relative_to(root).as_posix()}: {line.strip()}"
        for path in root.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if ENDLESS.search(line)
    }
    assert found == FINITE
