"""Durations as text, and the time left at the mean speed."""

import pytest

from sciencegen import progress
from sciencegen.progress import ROUGH, Pace, expected_cost, in_words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (90, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")]
)
def test_durations_are_told_as_a_person_says_them(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("begun", "done", "total", "words"),
    [(0, 25, 100, "30 s left"), (20, 25, 35, "20 s left"), (0, 0, 100, ""), (0, 100, 100, ""), (5, 5, 9, ""),
     (0, 5, None, "")],
)  # fmt: skip
def test_the_time_left_follows_the_pace_of_what_was_done_since(begun, done, total, words, monkeypatch):
    clock = iter([3.0, 13.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    assert Pace(begun).left(done, total) == words


def test_costs_of_parts_tell_that_of_the_whole():
    line = [(size, 3 + 0.5 * size) for size in (10, 20, 40)]
    assert expected_cost(1000, line) == pytest.approx((503 / ROUGH, 503, 503 * ROUGH), rel=1e-3)
    square = [(size, 3 + 0.5 * size**1.5) for size in (10, 20, 40)]
    assert expected_cost(1000, square)[2] == pytest.approx(ROUGH * (3 + 0.5 * 1000**1.5), rel=1e-3)
    assert expected_cost(1000, square)[0] < expected_cost(1000, square)[1] < expected_cost(1000, square)[2]
    assert expected_cost(1000, [(10, 5.0), (20, 4.0)])[1] == 4  # noise
    assert expected_cost(5, [(10, 4.0)]) == (4, 4, 4)
