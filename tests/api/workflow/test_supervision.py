"""Snakemake as a child process: its environment, its exit code, and its locks."""

import os
import subprocess
import sys
from pathlib import Path

from sciencegen.api.workflow.supervision import call, job_environment, stop_left_over, unlock
from sciencegen.notes import RUN


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
