"""Every border takes its sound files, and a few damaged ones; `make fuzz` runs more."""

from __future__ import annotations

import os
import signal
import tempfile
import time

import pytest

from sciencegen.errors import DataError
from tests.fuzz import supervision
from tests.fuzz.__main__ import main
from tests.fuzz.borders import BORDERS
from tests.fuzz.cases import Border, Case, Found, Source, draw, whole
from tests.fuzz.running import bench_of, wrong_of

PATIENCE_S = 30.0
"""A test doesn't fail because the machine is busy."""
LONG = ("runs",)
FEW, COUNTS = 12, {"runs": 1, "predictors": 2}
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", [pytest.param(one, marks=pytest.mark.slow) if one in LONG else one for one in BORDERS])
def test_a_border_takes_what_it_is_given(name):
    border = BORDERS[name]
    cases = (
        [] if name in COUNTS and COUNTS[name] < FEW else [whole(key, source) for key, source in border.sources.items()]
    )
    with bench_of(border) as bench:
        bench.warm_up()
        for case in [*cases, *(draw(border, 0, number) for number in range(COUNTS.get(name, FEW)))]:
            outcome = bench.run(case, PATIENCE_S)
            assert not outcome.wrong, f"{case.source}: {outcome.wrong}"


def test_a_case_is_the_same_whatever_was_drawn_before():
    border = BORDERS["molecules"]
    assert [draw(border, 0, number) for number in (3, 4)][1] == draw(border, 0, 4)
    assert len({draw(border, seed, number).content for seed in (0, 1) for number in range(40)}) > 70


def test_what_is_lost_is_seen():
    case = Case("x", b"", items=3, sound=2)
    assert not wrong_of(Found(2, ["bad"]), case)
    assert "lost in silence" in wrong_of(Found(2), case)
    assert "sound items lost" in wrong_of(Found(1, ["bad", "bad"]), case)
    assert "no reason" in wrong_of(Found(2, [" "]), case)


def _use(path, source):
    content = path.read_bytes()
    if content == b"raise":
        raise KeyError("x")
    if content == b"refuse":
        raise DataError("no")
    if content == b"leave":
        (path.parent / "left").touch()
    if content == b"hang":
        time.sleep(60)
    if content == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    return Found(1)


CONTENTS = [b"fine", b"raise", b"refuse", b"leave", b"hang", b"die", b"fine"]


@pytest.mark.long
def test_every_kind_of_failure_is_found_and_can_be_repeated(tmp_path, monkeypatch, capsys):
    sources = {"x": Source("x", b"fine", mutate=lambda content, name, chooser: b"")}
    monkeypatch.setitem(BORDERS, "toy", Border("toy", lambda: sources, _use))
    monkeypatch.setattr(supervision, "draw", lambda border, seed, number: Case("x", CONTENTS[number]))
    monkeypatch.setattr("tests.fuzz.running.LONGEST_S", 0.5)
    monkeypatch.setattr("tests.fuzz.running.Bench.run.__defaults__", (0.5,))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    result = supervision.run_border("toy", 0, range(len(CONTENTS)), tmp_path)
    assert (result.cases, result.files_refused) == (7, 1)
    assert [number for number, _ in result.wrong] == [1, 3, 4, 5]
    for (_, reason), words in zip(
        result.wrong, ("KeyError", "files left", "longer than", "ends the process"), strict=True
    ):
        assert words in reason
    assert not list(temporary.iterdir()), "the folder of a process that died"
    assert main(["--replay", str(tmp_path / "toy-0.json")]) == 1
    assert "KeyError" in capsys.readouterr().out
