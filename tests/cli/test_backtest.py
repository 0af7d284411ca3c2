"""`sciencegen backtest`: its files, its summary, and stops after which it goes on."""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from sciencegen.errors import Stopped
from sciencegen.optimization import backtest

LETTERS = "ACDEFG"
SMALL = ("--batch", 4, "--rounds", 2, "--repeats", 2, "--threads", 1, "--settings", "{surrogate: gp, scale: linear}")
WORDS = ("backtest", "proteins", "table.csv", *SMALL, "-o", "campaigns.csv")


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        f"MK{a}{b},{LETTERS.index(a) + 0.5 * LETTERS.index(b) + 1}" for a, b in itertools.product(LETTERS, repeat=2)
    ]
    Path("table.csv").write_text("item,value\n" + "\n".join(rows) + "\n")


@contextmanager
def stopped_after(plates=None, error=None):
    """Raise an error in place of a plate, counted over all campaigns; yields the list of plates made."""
    made, whole = [], backtest.next_plate

    def counted(*arguments):
        if len(made) == plates:
            raise error
        made.append(None)
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtest, "next_plate", counted)
        yield made


@pytest.mark.long
def test_a_table_and_a_summary(cli):
    found = cli(*WORDS, "--json")
    assert found.code == 0, found.err
    rows = pd.read_csv("campaigns.csv")
    assert list(rows) == [
        "method", "repeat", "round", "measured", "best", "held", "hits", "hits_expected", "hits_low", "hits_high",
        "beats_best",
    ]  # fmt: skip
    assert len(rows) == 4 * 2 * 2
    summary = json.loads(found.out)
    assert (summary["campaigns"], summary["items"], summary["threshold"]) == (8, 36, 0.9)
    assert set(summary["methods"]) == {"propose", "greedy", "one-shot", "random"}
    assert "mean best" in found.err
    assert [one.name for one in Path().iterdir() if one.name != "table.csv"] == ["campaigns.csv"]
    assert cli(*WORDS).code == 2
    assert cli(*WORDS, "--force").code == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("plates", "error", "code"),
    [*((plates, KeyboardInterrupt(), 130) for plates in (0, 1, 2, 5, 7)), (5, Stopped(15), 143)],
)
def test_a_stopped_backtest_goes_on(cli, plates, error, code):
    """The finished campaigns are kept, and in the output."""
    words = (*WORDS, "--method", "greedy,random")
    assert cli(*words).code == 0
    whole = Path("campaigns.csv").read_bytes()
    Path("campaigns.csv").unlink()
    finished = plates // 2
    with stopped_after(plates, error):
        assert cli(*words).code == code
    assert Path(".campaigns.csv.unfinished").exists() == (finished > 0)
    assert Path("campaigns.csv").exists() == (finished > 0)
    if Path("campaigns.csv").exists():
        assert whole.startswith(Path("campaigns.csv").read_bytes())
        assert len(pd.read_csv("campaigns.csv")) == 2 * finished
    with stopped_after() as made:
        found = cli(*words)
    assert found.code == 0, found.err
    assert len(made) == 8 - 2 * finished
    assert Path("campaigns.csv").read_bytes() == whole
    assert not Path(".campaigns.csv.unfinished").exists()


@pytest.mark.long
def test_a_stopped_backtest_of_other_settings_is_not_mixed_in(cli):
    words = (*WORDS, "--method", "random")
    with stopped_after(3, KeyboardInterrupt()):
        assert cli(*words).code == 130
    before = Path(".campaigns.csv.unfinished").read_bytes()
    found = cli(*words, "--seed", 1)
    assert found.code == 2
    assert "--seed 1 for 0" in found.err
    assert "--force" in found.err
    assert Path(".campaigns.csv.unfinished").read_bytes() == before
    assert cli(*words, "--seed", 1, "--force").code == 0
    other = Path("campaigns.csv").read_bytes()
    assert cli(*words, "--seed", 1, "--force").code == 0
    assert Path("campaigns.csv").read_bytes() == other


def test_a_wrong_ending_is_an_error_before_the_table_is_read(cli):
    found = cli("backtest", "proteins", "none.csv", "-o", "campaigns.fasta")
    assert found.code == 2
    assert "ending in .csv" in found.err


def test_help_names_the_methods(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    assert ", ".join(backtest.METHODS) in cli("backtest", "--help").out


def test_rows_on_standard_output(cli):
    found = cli(*WORDS[:-2], "--method", "random")
    assert found.code == 0, found.err
    header = "method,repeat,round,measured,best,held,hits,hits_expected,hits_low,hits_high,beats_best"
    assert found.out.splitlines()[0] == header
    assert len(found.out.splitlines()) == 5
    assert [one.name for one in Path().iterdir()] == ["table.csv"]


def test_refused_rows_are_listed(cli):
    with open("table.csv", "a") as file:
        file.write("MK1,3\n")
    assert cli(*WORDS, "--method", "random").code == 0
    assert pd.read_csv("campaigns.csv.rejects.csv")["item"].tolist() == ["MK1"]


def test_a_table_that_is_too_small_leaves_no_file(cli):
    found = cli("backtest", "proteins", "table.csv", "-o", "campaigns.csv")
    assert found.code == 3
    assert "Expected at least 480 different measured items in table.csv for 5 plates of 96, got 36" in found.err
    assert [one.name for one in Path().iterdir()] == ["table.csv"]
