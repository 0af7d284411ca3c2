"""What a log hears of a training: the terms of a step, and how long the others take at that pace."""

import pytest

from sciencegen.training import progress as steps
from sciencegen.training.progress import Steps, in_words


def test_the_time_left_follows_the_pace_since_the_first_told_step(monkeypatch):
    """The first one's start-up doesn't count."""
    clock, said = iter([100.0, 130.0, 190.0, 400.0]), list[str]()
    monkeypatch.setattr(steps, "monotonic", lambda: next(clock))
    reported_at = Steps(said.append, "network 1, ")
    for step in (1, 11, 21):
        reported_at(step, 21, {"loss": 2.0})
    assert said == [
        "network 1, step 1/21  loss 2",
        "network 1, step 11/21  loss 2  30 s left",
        "network 1, step 21/21  loss 2",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (90, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")]
)
def test_durations_are_told_as_a_person_says_them(seconds, words):
    assert in_words(seconds) == words
