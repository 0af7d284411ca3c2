"""Snakemake as a child process: its environment, its exit code, and its locks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sciencegen.api.workflow.supervision import call, job_environment, stop_left_over, unlock
from sciencegen.progress import RUN
from tests.signals import hear

HEAD = """
import sys
from pathlib import Path
from sciencegen.api.workflow.supervision import call
from sciencegen.errors import Stopped
try:
    call(["bash", "-c", sys.argv[1]], Path("."))
except (KeyboardInterrupt, Stopped):
    sys.exit(3)
"""
STEP = """
import signal, sys, time
heard = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: heard.append(number))
open("started", "w").close()
while not heard:
    time.sleep(0.01)
end = time.monotonic() + 2.5  # it saves
while time.monotonic() < end:
    time.sleep(0.01)
open("heard", "w").write(str(list(map(int, heard))))
"""
DEAF = "trap '' INT TERM; touch started; while true; do sleep 60; done"


def begin(folder, command):
    """A run of this command that has started its step."""
    folder.mkdir()
    (folder / "step.py").write_text(STEP)
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD, command], cwd=folder, start_new_session=True, preexec_fn=hear
    )
    while not (folder / "started").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


@pytest.mark.timeout(120)
@pytest.mark.long
def test_a_step_gets_one_signal_and_saves(tmp_path):
    """Also if the signal came to the first process alone."""
    cases = [(send, number) for send in (os.kill, os.killpg) for number in (signal.SIGINT, signal.SIGTERM)]
    folders = [tmp_path / str(at) for at in range(len(cases))]
    begun = [begin(folder, f"{sys.executable} -S step.py | tee log") for folder in folders]
    for process, (send, number) in zip(begun, cases, strict=True):
        send(process.pid, number)
    assert [process.wait(60) for process in begun] == [3] * len(cases)
    heard = [(folder / "heard").read_text() for folder in folders]
    assert heard == [str([int(number if send is os.killpg else signal.SIGINT)]) for send, number in cases]


@pytest.mark.timeout(120)
@pytest.mark.long
def test_a_run_ends_within_ten_seconds_though_a_step_is_deaf(tmp_path):
    numbers = (signal.SIGINT, signal.SIGTERM)
    begun = [begin(tmp_path / number.name, DEAF) for number in numbers]
    began = time.monotonic()
    for process, number in zip(begun, numbers, strict=True):
        os.killpg(process.pid, number)
    assert [process.wait(60) for process in begun] == [3, 3]
    assert time.monotonic() - began < 10
    assert [stop_left_over(tmp_path / number.name) for number in numbers] == [0, 0]


def test_jobs_find_the_command_of_this_python_first_and_carry_the_mark(tmp_path):
    found = job_environment(tmp_path)
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert found[RUN] == str(tmp_path.resolve())


def test_the_exit_code_is_the_command_s_and_what_it_prints_goes_to_stderr(tmp_path, capfd):
    assert call([sys.executable, "-S", "-c", "print('heard'); raise SystemExit(7)"], tmp_path) == 7
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "heard\n")


def test_what_a_dead_owner_left_is_ended_and_nothing_else(tmp_path):
    words = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    marked, other = (subprocess.Popen(words, env=job_environment(tmp_path / name)) for name in ("a", "b"))
    try:
        assert stop_left_over(tmp_path / "a") == 1
        assert marked.wait(10) is not None
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(10)


def test_a_lock_without_its_snakemake_is_removed(tmp_path):
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    unlock(tmp_path)
    assert list(locks.iterdir()) == []
