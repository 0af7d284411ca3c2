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


def test_reading_further_ahead_takes_no_more_threads():
    taken, names = [], set()
    endless = map_threaded(
        lambda x: names.add(threading.get_ident()) or x, (taken.append(i) or i for i in count()), 2, 9
    )
    assert next(endless) == 0
    endless.close()
    assert len(taken) == 10
    assert len(names) <= 2
    assert names.isdisjoint(thread.ident for thread in threading.enumerate())  # none outlives the map


def test_a_growing_map_computes_no_more_than_is_asked_at_first():
    begun = []
    results = map_threaded(lambda x: begun.append(x) or x, count(), 2, 3, growing=True)
    assert [(next(results), len(begun)) for _ in range(2)] == [(0, 1), (1, 2)]
    assert list(islice(results, 20)) == list(range(2, 22))
    results.close()
    assert len(begun) <= 22 + 4


def test_one_thread_is_the_callers_whatever_is_read_ahead():
    assert set(map_threaded(lambda _: threading.get_ident(), range(5), 1, 9)) == {threading.get_ident()}


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(map_threaded(lambda x: 1 / x, [1, 0], 2))
