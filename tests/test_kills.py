"""Commands that are killed at random moments and started again; `make kills` has more moments."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kills import checks
from tests.kills.commands import COMMANDS, QUICK

ROOT = Path(__file__).parents[1]


def strike(*words):
    done = subprocess.run(
        [sys.executable, "-m", "tests.kills", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.long
def test_killed_commands_leave_no_half_written_file_and_end_alike():
    rows = [line.split() for line in strike("--kills", "1", *QUICK).splitlines()[1:]]
    assert [row[:6] for row in rows] == [[verb, "1", "0", "1", "of", "1"] for verb in QUICK]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", [verb for verb in COMMANDS if verb not in QUICK])
def test_killed_commands_of_minutes(verb):
    strike("--kills", "4", verb)


def test_an_incomplete_file_is_found(tmp_path):
    for name in ("a.csv", "model/log.csv", "model/config.yaml", "model/checkpoints/last.pt", ".b.csv.1-2.tmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("step,loss\n1,0.5")
    found = checks.half_written(tmp_path, checks.allowed({}, {"a.csv": "other bytes"}))
    assert [one.partition(":")[0] for one in found] == [
        "a.csv", "model/checkpoints/last.pt", "model/config.yaml", "model/log.csv",
    ]  # fmt: skip
    whole = checks.contents(tmp_path)
    assert "a.csv" not in str(checks.half_written(tmp_path, checks.allowed({}, whole)))


def test_what_is_left_over_is_found(tmp_path):
    (tmp_path / "a.csv").write_text("a\n")
    expected = checks.contents(tmp_path)
    (tmp_path / ".lock").touch()
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    left = checks.leftovers(expected, checks.contents(tmp_path), tmp_path)
    assert set(left) == {".lock", ".snakemake", ".snakemake/locks/0.input.lock"}


def test_the_times_of_a_log_are_not_compared(tmp_path):
    def log(rate, loss="0.5"):
        (tmp_path / "log.csv").write_text(f"step,loss,items_per_second\n1,{loss},{rate}\n")
        return checks.contents(tmp_path)

    assert checks.differences(log(10.0), log(11.0)) == []
    assert checks.differences(log(10.0), log(10.0, "0.6")) == ["log.csv: other bytes"]
