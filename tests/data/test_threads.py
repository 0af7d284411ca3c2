"""Threads change when things are computed, never what comes out."""

import threading
from itertools import count, islice

import pytest

from sciencegen.data.threads import map_threaded


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order(threads):
    assert list(map_threaded(lambda x: x * x, range(50), threads)) == [x * x for x in range(50)]


def test_threads_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=20)  # passes only if three calls run together
    list(map_threaded(lambda _: meeting.wait(), range(3), 3))


def test_it_reads_no_further_ahead_than_its_threads():
    taken = []
    endless = map_threaded(lambda x: x, (taken.append(i) or i for i in count()), 2)
    assert list(islice(endless, 4)) == [0, 1, 2, 3]
    assert len(taken) <= 7


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(map_threaded(lambda x: 1 / x, [1, 0], 2))
