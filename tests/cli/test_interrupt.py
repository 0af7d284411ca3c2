"""Ctrl-C and SIGTERM keep what is finished; memory doesn't grow with the number of items."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest

from sciencegen.files import process_is_alive
from tests.signals import hear
from tests.toy import environment


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_stop_keeps_what_is_finished(workspace, toy_folder, tmp_path, number):
    words = [sys.executable, "-m", "sciencegen.cli.main", "generate", "pointclouds", "--model", str(workspace.model)]
    ours = environment(toy_folder)
    process = subprocess.Popen(
        [*words, "-n", "10000000", "-o", "big.csv"], cwd=tmp_path, env=ours, stderr=subprocess.PIPE,
        preexec_fn=hear,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not any(path.stat().st_size for path in tmp_path.glob(".big.csv.*.tmp")) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        kept = "big.csv has what was finished. The same command with --force starts anew."
        assert said.decode().endswith(f"stopped\n{kept}\n")
        assert b"Traceback" not in said
    finally:
        process.kill()
    lines = (tmp_path / "big.csv").read_text().splitlines()
    assert lines[0] == "item"
    assert all(line.count(";") == 4 for line in lines[1:])
    assert len(lines) > 1
    assert not list(tmp_path.glob(".big.csv.*"))


@pytest.mark.long
def test_a_stopped_training_names_the_command_that_goes_on(workspace, toy_folder, tmp_path):
    flags = ["train", "pointclouds", "--data", str(workspace.folder / "data"), "-o", "m", "--training", "steps=1000000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sciencegen.cli.main", *flags], cwd=tmp_path, env=environment(toy_folder),
        stderr=subprocess.PIPE, text=True, preexec_fn=hear,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "m" / "log.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert said.endswith(f"\nTo go on, run the same command: sciencegen {shlex.join(flags)}\n")
    assert "Traceback" not in said
    assert list((tmp_path / "m" / "checkpoints").iterdir())


PROGRAM = """
import os, sys, time
open(sys.argv[3], "w").write(f"{os.getpid()} done")
time.sleep(120)
"""


AS_A_MODULE = ["-m", "sciencegen.cli.main"]
AFTER_A_SUBSTRUCTURE_SEARCH = [
    "-c",
    "from rdkit import Chem; Chem.MolFromSmiles('CCO').HasSubstructMatch(Chem.MolFromSmarts('O'));"
    "from sciencegen.cli.main import main; main()",
]


@pytest.mark.parametrize(
    ("number", "started", "parallel"),
    [
        pytest.param(signal.SIGTERM, AS_A_MODULE, 1, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, AS_A_MODULE, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, AFTER_A_SUBSTRUCTURE_SEARCH, 1, marks=pytest.mark.long),
        (signal.SIGINT, AFTER_A_SUBSTRUCTURE_SEARCH, 2),
    ],
)
def test_a_stopped_search_ends_its_oracle_and_leaves_no_file(
    workspace, toy_folder, tmp_path, number, started, parallel
):
    (tmp_path / "tmp").mkdir()
    (tmp_path / "dock.py").write_text(PROGRAM)
    command = f"'{sys.executable}' '{tmp_path}/dock.py' {{input}} {{output}} '{tmp_path}/note'"
    settings = json.dumps({"oracles": {"dock": {"command": command, "input_format": ".csv", "parallel": parallel}}})
    words = [sys.executable, *started, "optimize", "pointclouds", "--model", str(workspace.model)]
    more = ["--settings", settings, "--goal", "maximize dock", "--training", str(workspace.folder / "data")]
    process = subprocess.Popen(
        [*words, *more, "-o", "x.csv"], cwd=tmp_path, stderr=subprocess.PIPE,
        env=environment(toy_folder) | {"TMPDIR": str(tmp_path / "tmp")},
        preexec_fn=hear,
    )  # fmt: skip
    try:
        note, deadline = tmp_path / "note", time.monotonic() + 120
        while not (note.exists() and note.read_text().endswith("done")) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        assert said.decode().endswith("stopped\nx.csv was not written. The same command starts anew.\n")
        assert b"Traceback" not in said
    finally:
        process.kill()
    assert not process_is_alive(int(note.read_text().split()[0]))
    assert {one.name for one in tmp_path.iterdir()} == {"tmp", "note", "dock.py"}
    assert not list((tmp_path / "tmp").iterdir())


MEASURED = """
import resource, sys
from sciencegen.cli.main import app
app(sys.argv[1:], standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.slow
def test_memory_stays_flat(workspace, toy_folder, tmp_path):
    peaks = []
    for count in (10_000, 300_000):
        flags = ["generate", "pointclouds", "--model", str(workspace.model), "-n", str(count), "-o", f"{count}.csv"]
        words = [sys.executable, "-c", MEASURED, *flags]
        done = subprocess.run(
            words, cwd=tmp_path, env=environment(toy_folder), capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] < peaks[0] + 60_000, "kB"
