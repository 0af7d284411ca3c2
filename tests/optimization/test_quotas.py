"""Quotas: no mark more often than its limit, the order of items kept."""

from collections import Counter

import numpy as np
import pytest

from sciencegen.optimization.selection import Quota, first_within_quota, quota_limit, spread


@pytest.mark.parametrize(("share", "count", "limit"), [(1.0, 10, np.inf), (0.25, 96, 24), (0.3, 10, 3), (0.01, 5, 1)])
def test_the_limit_is_a_whole_number_within_the_share(share, count, limit):
    assert quota_limit(share, count) == limit


def test_a_quota_allows_a_mark_as_often_as_its_limit():
    quota = Quota(2)
    for _ in range(2):
        assert quota.allows(["A"])
        quota.add(["A", "B"])
    assert not quota.allows(["A"])
    assert not quota.allows(["C", "B"])
    assert quota.allows(["C"])
    assert quota.allows([])


@pytest.mark.parametrize("share", [0.1, 0.3, 1.0])
def test_first_items_within_a_quota_are_in_order_and_share_no_mark_too_often(share):
    generator = np.random.default_rng(0)
    marks = [[int(mark)] for mark in generator.integers(0, 12, 200)]
    chosen = first_within_quota(marks, 20, share)
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= 20
    assert max(Counter(marks[index][0] for index in chosen).values()) <= quota_limit(share, 20)
    skipped = [index for index in range(chosen[-1]) if index not in chosen]
    assert share < 1 or not skipped


def random_marks(kinds, count=200, seed=0):
    return [[int(mark)] for mark in np.random.default_rng(seed).integers(0, kinds, count) ** 2 // kinds]


@pytest.mark.parametrize("share", [0.1, 0.3, 1.0])
def test_a_spread_begins_with_the_first_within_the_quota(share):
    marks = random_marks(12)
    within = first_within_quota(marks, 20, share)
    assert spread(marks, 20, Quota(quota_limit(share, 20)))[: len(within)] == within


@pytest.mark.parametrize("kinds", [1, 3, 6])
def test_a_spread_is_full_and_as_even_as_possible(kinds):
    marks = random_marks(kinds, 60)
    chosen = spread(marks, 30, Quota(quota_limit(0.1, 30)))
    assert len(set(chosen)) == 30
    held, there = Counter(marks[row][0] for row in chosen), Counter(mark for (mark,) in marks)
    largest = max(held.values())
    assert all(size >= largest - 1 or size == there[mark] for mark, size in held.items())


def test_a_spread_takes_all_of_too_few_and_items_without_marks():
    assert spread([["A"], ["A"]], 5, Quota(1)) == [0, 1]
    assert spread([[], [], []], 2, Quota(1)) == [0, 1]
    assert spread([], 5, Quota(1)) == []


def test_of_several_marks_the_fullest_decides():
    marks = [["a", "A"], ["b", "A"], ["c", "B"], ["c", "C"]]
    assert spread(marks, 3, Quota(1)) == [0, 2, 1]  # a full mark waits, whichever it is; then the first item comes
