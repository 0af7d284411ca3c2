"""Quotas: no mark more often than its limit, the order of items kept."""

from collections import Counter

import numpy as np
import pytest

from sciencegen.optimization.quotas import Quota, first_within_quota, quota_limit


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
