"""A stop rule: a plate that hardly promises a better item than the best one is not worth its cost."""

from __future__ import annotations

from collections.abc import Sequence

from sciencegen.optimization.replay import ReplayedRound

STOP = 0.1
"""Probability to beat the best value below which another plate is not expected to pay."""


def says_stop(beats_best: float) -> bool:
    """Whether a campaign should end before a plate that beats the best value with this probability; NaN never ends it.

    Examples
    --------
    >>> says_stop(0.04), says_stop(0.4), says_stop(float("nan"))
    (True, False, False)
    """
    return beats_best < STOP


def until_stop(rounds: Sequence[ReplayedRound]) -> Sequence[ReplayedRound]:
    """The rounds of a campaign that ends before the first plate of which the rule says so; the first one is measured
    in any case.

    Examples
    --------
    >>> chances = enumerate((0.6, 0.05, 0.3), start=1)
    >>> plates = [ReplayedRound(number, 8 * number, 0.5, 0.9, beats_best=one) for number, one in chances]
    >>> [one.number for one in until_stop(plates)]
    [1]
    """
    ends = (place for place, one in enumerate(rounds) if place and says_stop(one.beats_best))
    return rounds[: next(ends, len(rounds))]
