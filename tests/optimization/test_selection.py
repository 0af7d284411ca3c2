"""Hand-overs: the best first, never two alike, the feasible before the rest."""

from collections import Counter

import numpy as np
import pytest

from sciencegen.optimization.selection import DiversityFilter, select


def similarity(items, references):
    """1 / (1 + distance)."""
    difference = np.array(items)[:, None] - np.array(references)[None]
    return 1 / (1 + np.linalg.norm(difference, axis=-1))


@pytest.fixture
def evaluations(objective):
    generator = np.random.default_rng(0)
    made = objective("maximize first", "norm <= 2", "failing <= 9")
    return made.evaluate([tuple(row) for row in generator.normal(-0.5, 1.0, (200, 2))])


def test_without_limits_the_best_are_taken(evaluations):
    picked = select(evaluations, 10, similarity)
    feasible = sorted((e for e in evaluations if e.feasible), key=lambda e: -e.gains[0])
    assert [e.key for e in picked] == [e.key for e in feasible[:10]]


def test_no_two_are_more_alike_than_allowed(evaluations):
    picked = select(evaluations, 30, similarity, max_similarity=0.8)
    alike = similarity([e.item for e in picked], [e.item for e in picked])
    assert (alike - np.eye(len(picked))).max() <= 0.8
    assert picked[0].gains[0] == max(e.gains[0] for e in evaluations if e.feasible)


def test_feasible_ones_come_first_and_failed_ones_never(evaluations):
    picked = select(evaluations, 1000, similarity)
    assert {e.key for e in picked} == {e.key for e in evaluations if e.failure is None}
    flags = [e.feasible for e in picked]
    assert flags == sorted(flags, reverse=True)


def test_diversity_spreads_the_pick(evaluations):
    def closest(picked):
        alike = similarity([e.item for e in picked], [e.item for e in picked]) - 2 * np.eye(len(picked))
        return alike.max()

    best, spread = select(evaluations, 8, similarity), select(evaluations, 8, similarity, diversity=1.0)
    assert closest(spread) < closest(best)
    assert len({e.key for e in spread}) == 8


def tens(items):
    """A class for each tenth of the second coordinate."""
    return [f"{item[1]:.1f}" for item in items]


def test_no_class_has_more_than_its_share_while_there_are_others(evaluations):
    picked = select(evaluations, 20, similarity, variety=DiversityFilter([tens], repr, 0.1))
    best = select(evaluations, 20, similarity)
    assert len(picked) == 20
    assert max(Counter(tens([e.item for e in picked])).values()) <= 2
    assert max(Counter(tens([e.item for e in best])).values()) > 2
    assert picked[0].key == best[0].key
    left_out = {e.key for e in best} - {e.key for e in picked}
    assert all(tens([e.item])[0] in tens([one.item for one in picked]) for e in best if e.key in left_out)


def test_one_class_alone_is_picked_as_without_a_limit(evaluations):
    one = DiversityFilter([lambda items: ["all"] * len(items)], repr, 0.1)
    none = DiversityFilter([lambda items: [""] * len(items)], repr, 0.1)
    for limit in (1.0, 0.8):
        picked = [e.key for e in select(evaluations, 150, similarity, limit)]
        assert [e.key for e in select(evaluations, 150, similarity, limit, variety=one)] == picked
        assert [e.key for e in select(evaluations, 150, similarity, limit, variety=none)] == picked


def test_nothing_in_nothing_out():
    assert select([], 5, similarity) == []
