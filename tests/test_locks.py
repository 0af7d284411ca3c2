"""Of two calls that write one output, the second is refused; a dead one blocks nobody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from sciencegen.errors import ConfigError
from sciencegen.files import reserved, sha256_of

HOLD = """
import sys, time
from sciencegen.files import reserved
with reserved(*sys.argv[1:]):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_elsewhere(*paths: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process keeps outputs until the block ends, when it is killed."""
    with subprocess.Popen([sys.executable, "-c", HOLD, *map(str, paths)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def keep(path: Path) -> bool:
    with reserved(path):
        return True


@pytest.mark.parametrize("name", ["x.csv", "new/folder/x.csv", "link.csv"])
def test_a_living_process_keeps_its_output_and_a_dead_one_does_not(tmp_path, name):
    (tmp_path / "link.csv").symlink_to("x.csv")
    with held_elsewhere(tmp_path / name) as process:
        with pytest.raises(ConfigError, match=f'another process writes there .*"pid": {process.pid}'):
            keep(tmp_path / ("x.csv" if name == "link.csv" else name))
        assert keep(tmp_path / "y.csv")
    assert keep(tmp_path / name)
    assert {one.name for one in tmp_path.rglob("*")} <= {"link.csv", "new", "folder"}  # made by the one that was killed


def test_a_thread_may_keep_an_output_twice_and_another_thread_may_not(tmp_path):
    place = tmp_path / "new/x.csv"
    with reserved(place):
        assert keep(place)
        with ThreadPoolExecutor(1) as pool, pytest.raises(ConfigError, match="this very process"):
            pool.submit(keep, place).result()
        code = "import sys; from sciencegen.files import reserved; reserved(sys.argv[1]).__enter__()"
        other = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=False)
        assert "another process writes there" in other.stderr  # the refusals above didn't drop the lock
    assert not list(tmp_path.iterdir())


def test_several_outputs_are_kept_or_none(tmp_path):
    with (
        held_elsewhere(tmp_path / "b.csv"),
        pytest.raises(ConfigError),
        reserved(tmp_path / "a.csv", tmp_path / "b.csv"),
    ):
        pass
    assert keep(tmp_path / "a.csv")


def test_a_lock_is_no_part_of_the_checksum_of_a_folder(tmp_path):
    (tmp_path / "a").touch()
    before = sha256_of(tmp_path)
    with reserved(tmp_path / "x.csv"):
        assert len(list(tmp_path.iterdir())) == 2
        assert sha256_of(tmp_path) == before


def test_standard_output_and_places_that_cannot_be_written_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with reserved("-", "/proc/nope/x.csv", "a" * 300, "/"):
        assert not list(tmp_path.iterdir())
