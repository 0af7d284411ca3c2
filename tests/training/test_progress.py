"""What a log hears of a training: the terms of a step, and how long the others take at that pace."""

from sciencegen import progress
from sciencegen.training.progress import Steps


def test_the_time_left_follows_the_pace_since_the_first_told_step(monkeypatch):
    """The first one's start-up doesn't count."""
    clock, said = iter([100.0, 130.0, 190.0, 400.0]), list[str]()
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    reported_at = Steps(said.append, "network 1, ")
    for step in (1, 11, 21):
        reported_at(step, 21, {"loss": 2.0})
    assert said == [
        "network 1, step 1/21  loss 2",
        "network 1, step 11/21  loss 2  30 s left",
        "network 1, step 21/21  loss 2",
    ]
