"""Finished campaigns come back as they were, whatever cut the file, and only to the same backtest."""

from __future__ import annotations

import math

import pytest

from sciencegen.api.backtest import FinishedCampaigns, is_unfinished, unfinished_path
from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.backtest import ReplayedRound

IDENTITY = {"sciencegen": "1", "table": "abc", "settings": {"seed": 0, "exploration": None}}
ROUNDS = [ReplayedRound(1, 8, 1 / 3, math.nan), ReplayedRound(2, 16, 0.1 + 0.2, 0.875, 3.0, 0.1 + 0.7, 1.0, 5.0)]


@pytest.fixture
def path(tmp_path):
    found = unfinished_path(tmp_path / "campaigns.csv")
    first = FinishedCampaigns(found, IDENTITY)
    first.add(("propose", 1), ROUNDS)
    first.add(("random", 1), ROUNDS[:1])
    assert is_unfinished(tmp_path / "campaigns.csv")
    return found


def plain(campaigns):
    """With texts, since NaN isn't equal to itself."""
    return {case: list(map(repr, rounds)) for case, rounds in campaigns.rounds.items()}


def test_campaigns_come_back_exactly(path):
    expected = {("propose", 1): list(map(repr, ROUNDS)), ("random", 1): list(map(repr, ROUNDS[:1]))}
    assert plain(FinishedCampaigns(path, IDENTITY)) == expected


def test_a_line_that_was_cut_is_run_again(path):
    whole = path.read_bytes()
    starts = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found = FinishedCampaigns(path, IDENTITY)
        assert len(found.rounds) == max(sum(start <= size for start in starts) - 1, 0)
        for case, rounds in ((("propose", 1), ROUNDS), (("random", 1), ROUNDS[:1])):
            if case not in found.rounds:
                found.add(case, rounds)
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": {"seed": 1, "exploration": None}}, "`seed` 1 for 0"),
        ({"settings": {"seed": 0, "exploration": 2.0}}, "`exploration` 2.0 for None"),
        ({"table": "other"}, "another table"),
        ({"sciencegen": "2"}, "another sciencegen"),
        ({"format": ["number", "measured"]}, "another format"),
    ],
)
def test_campaigns_of_another_backtest_are_an_error_unless_forced(path, change, told):
    with pytest.raises(ConfigError, match=told):
        FinishedCampaigns(path, IDENTITY | change)
    again = FinishedCampaigns(path, IDENTITY | change, force=True)
    assert not again.rounds
    again.add(("greedy", 2), ROUNDS)
    assert list(FinishedCampaigns(path, IDENTITY | change).rounds) == [("greedy", 2)]


@pytest.mark.parametrize("text", ["a note of mine\n", "[]\n", "{}\n", '{"settings": 1}\n'])
def test_another_file_is_not_overwritten(path, text):
    path.write_text(text)
    with pytest.raises(ConfigError, match="another file there"):
        FinishedCampaigns(path, IDENTITY)
    assert path.read_text() == text


@pytest.mark.parametrize("line", ["", "{}", '{"method": "random", "repeat": 1, "rounds": [[1]]}'])
def test_a_damaged_line_is_named(path, line):
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match=f"line 4 of {path}"):
        FinishedCampaigns(path, IDENTITY)
    assert not FinishedCampaigns(path, IDENTITY, force=True).rounds


def test_nothing_is_kept_of_standard_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert unfinished_path("-") is None
    found = FinishedCampaigns(None, IDENTITY)
    found.add(("propose", 1), ROUNDS)
    found.remove()
    assert not list(tmp_path.iterdir())
