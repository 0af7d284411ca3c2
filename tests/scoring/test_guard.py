"""The guard ends what its parent noted and did not end itself."""

import subprocess
import sys

import pytest

from sciencegen.scoring.guard import MARK, end_programs, watch

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def start():
    started = []

    def start(folder, **options):
        process = subprocess.Popen(SLEEP, start_new_session=True, env={MARK: str(folder)}, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_noted_programs_are_ended_and_their_folders_removed(tmp_path, start):
    folders = [tmp_path / name for name in ("running", "ended")]
    for folder in folders:
        folder.mkdir()
    process = start(folders[0])
    watch([f"+{folders[0]}\n", f"{process.pid} {folders[0]}\n", f"+{folders[1]}\n", f"-{folders[1]}\n"])
    assert process.wait(10) == -9
    assert [folder.exists() for folder in folders] == [False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by their environment on Linux only")
def test_descendants_in_other_sessions_are_found_by_their_mark(tmp_path, start):
    mine, other = start(tmp_path / "mine"), start(tmp_path / "other")
    end_programs(str(tmp_path / "mine"))
    assert mine.wait(10) == -9
    assert other.poll() is None
