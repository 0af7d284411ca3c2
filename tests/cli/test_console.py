"""Progress and summaries on standard error."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from sciencegen import progress
from sciencegen.cli import console
from tests.documentation import parse_verb


def test_a_summary_for_programs_goes_where_the_results_are_not(cli, workspace):
    result = cli("generate", "pointclouds", "-n", 3, "--model", workspace.model, "--json")
    assert result.out.startswith("item")
    assert json.loads(result.err.splitlines()[-1])["written"] == 3


def clock(monkeypatch):
    """A list with the time, for all that asks for it."""
    now = [0.0]
    for module in (console, progress):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def test_long_work_is_heard_of_where_there_is_no_terminal(capsys, monkeypatch):
    now = clock(monkeypatch)
    with console.progress("scoring", 50) as advance:
        for seconds in (1, 3, 15, 24):
            now[0] = seconds
            advance(10)
    assert capsys.readouterr().err.splitlines() == ["scoring: 20 of 50, 4 s left", "scoring: 40 of 50, 6 s left"]


def test_steps_of_a_long_work_are_heard_of_where_there_is_no_terminal(capsys, monkeypatch):
    now = clock(monkeypatch)
    with console.steps() as report:
        report("fitting", 0, None)
        for seconds in (0, 1, 3, 15, 24):
            now[0] = seconds
            report("candidates", 10 * seconds, 1500)
        report("picking", 0, None)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "fitting",
        "candidates: 30 of 1,500, 2 min left",
        "candidates: 240 of 1,500, 2 min left",
        "picking",
    ]


def test_on_a_terminal_the_step_has_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: True)
    with console.steps() as report:
        report("fitting", 0, None)
        report("candidates", 3, 15)
    assert "candidates" in capsys.readouterr().err


def test_where_the_reasons_of_what_is_refused_stand_is_told_with_its_number(cli, workspace, tmp_path):
    """For a table, for a folder, and for stdout, which has no file of rejects."""
    head, *rows = (workspace.folder / "clouds.csv").read_text().splitlines()
    (tmp_path / "in.csv").write_text("\n".join([head, "nonsense,1", *rows[:40]]) + "\n")
    scored = cli("score", "pointclouds", tmp_path / "in.csv", "-o", "scores.csv")
    assert "refused 1" in scored.err
    assert "rejects scores.csv.rejects.csv" in scored.err
    assert Path("scores.csv.rejects.csv").is_file()
    told = json.loads(cli("score", "pointclouds", tmp_path / "in.csv", "-o", "s.csv", "--json").out)
    assert told["rejects"] == "s.csv.rejects.csv"
    piped = cli("score", "pointclouds", tmp_path / "in.csv")
    assert "rejects not kept (pass -o to have the reasons in a file)" in piped.err
    few = ("--set", "families=[ridge]", "--set", "folds=3")
    trained = cli(
        "train", "predictor", "pointclouds", tmp_path / "in.csv", "--target", "measured", "-o", "fitted", *few
    )
    assert "rejects fitted/rejects.csv" in trained.err
    clean = cli("score", "pointclouds", workspace.folder / "clouds.csv", "-o", "clean.csv")
    assert "rejects" not in clean.err


def test_the_first_part_of_slow_work_says_how_long_the_rest_takes(capsys, monkeypatch):
    now = clock(monkeypatch)
    with console.progress("generating", 100) as advance:
        now[0] = 8
        advance(4, "9 draws")
    assert capsys.readouterr().err == "generating: 4 of 100, 9 draws, 3 min left\n"
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with console.progress("generating", 100) as advance:
        now[0] = 16
        advance(4, "9 draws")
    assert "9 draws, 3 min left" in capsys.readouterr().err


def test_control_characters_of_a_file_do_not_reach_the_terminal(capsys):
    console.say("error: found '\x1b[31mred\x07\u202e\udcff' in ä.csv; and `column`")
    told = capsys.readouterr().err
    assert told == "error: found '\\x1b[31mred\\x07\\u202e\\udcff' in ä.csv; and --item-column\n"


@pytest.mark.parametrize("verb", console.NEXT)
def test_what_follows_a_command_is_a_command(verb, monkeypatch, capsys):
    """A terminal shows it; logs, pipes and pictures don't."""
    before = {"predictor": ["train"], "prepare": ["datasets"]}.get(verb, [])
    monkeypatch.setattr(console.sys, "argv", ["sciencegen", *before, verb, "galaxies", "-o", "x.csv"])
    console.summarize({"written": 1}, "x.csv", False)
    assert "next" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    console.summarize({"written": 1}, "x.svg", False)
    assert "next" not in capsys.readouterr().err
    console.summarize({"written": 1}, "x.csv", False)
    shown = re.search(r"next: sciencegen ([^\x1b\n]+)", capsys.readouterr().err)
    parse_verb(shlex.split(shown[1]))
