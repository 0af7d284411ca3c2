"""A cached oracle asks once per item, in memory and across runs, and keeps failures apart from scores."""

import sqlite3

import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.scoring.cache import CachedOracle, cache_notes, cached
from sciencegen.scoring.oracles import Oracle, Score
from sciencegen.scoring.programs import CommandOracle


class Counting:
    """Length of a word; words with a digit fail. Records every item it is asked for."""

    name, unit, direction = "length", "letters", "maximize"

    def __init__(self):
        self.asked = []

    def score(self, items):
        self.asked += items
        return [
            Score(None, failure="digit") if any(c.isdigit() for c in w) else Score(float(len(w)), 0.0, 9.0)
            for w in items
        ]


def test_asks_once_per_key_and_keeps_the_order():
    inner = Counting()
    oracle = CachedOracle(inner, key=str.lower)
    scores = oracle.score(["Abc", "de", "ABC", "x1"])
    assert [score.value for score in scores] == [3.0, 2.0, 3.0, None]
    assert oracle.score(["abc", "x1"])[1].failure == "digit"
    assert len(inner.asked) == 3
    assert isinstance(oracle, Oracle)
    assert (oracle.name, oracle.unit, oracle.direction) == ("length", "letters", "maximize")


def test_a_second_run_reads_the_file(tmp_path):
    path = tmp_path / "deep" / "scores.sqlite"
    first = CachedOracle(Counting(), str, path).score(["abc", "x1"])
    inner = Counting()
    again = CachedOracle(inner, str, path).score(["abc", "x1"])
    assert again == first
    assert inner.asked == []


def test_failures_are_retried_only_on_wish(tmp_path):
    path = tmp_path / "scores.sqlite"
    CachedOracle(Counting(), str, path).score(["abc", "x1"])
    inner = Counting()
    CachedOracle(inner, str, path, retry_failures=True).score(["abc", "x1"])
    assert inner.asked == ["x1"]


def test_oracles_with_other_identities_share_nothing(tmp_path):
    path = tmp_path / "scores.sqlite"
    CachedOracle(Counting(), str, path, identity="v1").score(["abc"])
    inner = Counting()
    CachedOracle(inner, str, path, identity="v2").score(["abc"])
    assert inner.asked == ["abc"]


class Program(Counting):
    """An oracle that runs a program, in waves of two, and is killed at its third item."""

    identity, wave = "a program", 2

    def score(self, items):
        if "killed" in items:
            raise KeyboardInterrupt
        return super().score(items)


def test_scores_of_a_program_are_stored_wave_by_wave(tmp_path):
    path = tmp_path / "scores.sqlite"
    with pytest.raises(KeyboardInterrupt):
        cached(Program(), str, str(path)).score(["a", "bc", "killed"])
    inner = Program()
    assert [score.value for score in cached(inner, str, str(path)).score(["a", "bc", "def"])] == [1, 2, 3]
    assert inner.asked == ["def"]


def test_only_scores_of_programs_go_to_the_file(tmp_path):
    path = tmp_path / "scores.sqlite"
    assert cached(Counting(), str, str(path)).score(["a"])[0].value == 1
    assert not path.exists()


def test_a_folder_is_no_cache(tmp_path):
    with pytest.raises(DataError, match="Expected a score cache"):
        cached(Program(), str, str(tmp_path))


def test_a_cache_below_a_file_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="Expected a folder at"):
        CachedOracle(Counting(), str, tmp_path / "file" / "scores.sqlite")


def test_many_items_in_one_look_up(tmp_path):
    path = tmp_path / "scores.sqlite"
    words = [f"{'a' * (i % 7)}-{'b' * i}" for i in range(1300)]
    CachedOracle(Counting(), str, path).score(words)
    inner = Counting()
    assert [s.value for s in CachedOracle(inner, str, path).score(words)] == [float(len(w)) for w in words]
    assert inner.asked == []


def test_two_writers_lose_nothing(tmp_path):
    path = tmp_path / "scores.sqlite"
    one, two = (CachedOracle(Counting(), str, path) for _ in range(2))
    one.score(["a"]), two.score(["bb"]), one.score(["ccc"])
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM scores").fetchone() == (3,)


def test_a_file_that_is_no_cache_is_a_clear_error(tmp_path):
    path = tmp_path / "scores.sqlite"
    path.write_text("not a database, certainly not one of this kind" * 50)
    with pytest.raises(DataError, match=r"score cache .* in .*scores\.sqlite"):
        CachedOracle(Counting(), str, path)


def test_an_oracle_that_returns_too_few_scores_is_caught():
    class Short(Counting):
        def score(self, items):
            return super().score(items)[1:]

    with pytest.raises(DataError, match="Expected 2 scores"):
        CachedOracle(Short(), str).score(["a", "b"])


def test_a_file_that_keeps_nothing_is_told(tmp_path):
    program = CommandOracle("docked", "true {input} {output}", write=lambda path, items, names: None)
    assert cache_notes([Counting(), program], "scores.sqlite") == cache_notes([Counting()], None) == ()
    (note,) = cache_notes([Counting()], "scores.sqlite")
    assert "scores.sqlite isn't used" in note
