"""What the surroundings of a command may do to it: closed streams, readers that leave, and no room for a file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from tests.toy import environment, write_clouds

SCORE = ("score", "pointclouds", "clouds.csv", "--with", "radius", "--threads", "1")
TABLE = ("properties", "pointclouds")
ROOM = 2_000
"""Bytes that a file may have where there is little room."""


@pytest.fixture
def start(toy_folder, tmp_path):
    """Start the command, by default with all output kept."""
    write_clouds(tmp_path / "clouds.csv", 300)

    def starting(*words, **options):
        command = [sys.executable, "-m", "sciencegen.cli.main", *map(str, words)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(command, cwd=tmp_path, env=environment(toy_folder), **options)

    return starting


def closing(*numbers):
    return lambda: [os.close(number) for number in numbers]


def little_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.mark.parametrize(
    "words",
    [("--help",), *(pytest.param(words, marks=pytest.mark.slow) for words in (SCORE, TABLE, ("datasets", "list")))],
)
def test_a_reader_that_leaves_ends_the_command_as_sigpipe_would(start, words):
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*words, stdout=writing)
    os.close(writing)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, b"Traceback" in told, b"Exception" in told) == (141, False, False), told


def test_without_stdin_there_is_nothing_to_read(start):
    process = start("score", "pointclouds", "-", "--with", "radius", preexec_fn=closing(0))
    _, told = process.communicate(timeout=120)
    assert process.returncode in (2, 3)
    assert told.startswith(b"error: ")


@pytest.mark.parametrize("words", [TABLE, pytest.param(SCORE, marks=pytest.mark.slow)])
def test_results_for_a_closed_stdout_are_an_error(start, words):
    process = start(*words, preexec_fn=closing(1))
    _, told = process.communicate(timeout=120)
    assert (process.returncode, b"standard output" in told, b"Exception" in told) == (2, True, False), told


def test_closed_streams_do_not_matter_to_a_file(start, tmp_path):
    process = start(*SCORE, "-o", "out.csv", preexec_fn=closing(0, 1, 2))
    process.communicate(timeout=120)
    assert process.returncode == 0
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert (len(lines), lines[0].split(",")[0]) == (301, "item")


@pytest.mark.parametrize(
    "output", ["out.parquet", *(pytest.param(f"out.{ending}", marks=pytest.mark.slow) for ending in ("csv", "csv.gz"))]
)
def test_a_file_without_room_is_named(start, tmp_path, output):
    before = sorted(path.name for path in tmp_path.iterdir())
    process = start(*SCORE, "-o", output, preexec_fn=little_room)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 2
    lines = told.decode().splitlines()
    assert lines[-1] == f"error: {output}: File too large. Choose another place, or free some space."
    assert "Exception ignored" not in told.decode()
    assert [name for name in sorted(path.name for path in tmp_path.iterdir()) if name not in before] in ([], ["runs"])


@pytest.mark.slow
def test_a_folder_without_room_is_named(start, tmp_path):
    process = start("datasets", "prepare", "pointclouds", "clouds.csv", "-o", "data", preexec_fn=little_room)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 2
    assert told.decode().splitlines()[-1].startswith(f"error: {tmp_path / 'data'}: ")
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_full_stdout_is_named(start):
    with open("/dev/full", "wb") as full:
        process = start(*SCORE, stdout=full)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, b"error: standard output" in told) == (2, True), told


def test_results_are_utf8_whatever_the_encoding_of_stdout(start, tmp_path, toy_folder):
    head, first, *_ = (tmp_path / "clouds.csv").read_text().splitlines()
    (tmp_path / "named.csv").write_text(f"{head},né😀\n{first},Å\n", encoding="utf-8")
    words = ("score", "pointclouds", "named.csv", "--with", "radius", "--threads", "1")
    ascii_only = {**environment(toy_folder), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "sciencegen.cli.main", *words]
    done = subprocess.run(command, cwd=tmp_path, env=ascii_only, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "né😀" in done.stdout.decode("utf-8")


def test_a_table_without_rows_names_no_file_of_reasons(cli, tmp_path):
    (tmp_path / "none.csv").write_text("item,note\n")
    words = ("score", "pointclouds", "none.csv", "--item-column", "item", "--with", "radius", "-o", "x.csv")
    assert "it has none" in cli(*words).err
