import time
from itertools import count, islice

import pytest

from sciencegen.data.workers import Failure, is_refusal, map_chunks_killable, map_killable
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import process_is_alive
from sciencegen.items import Refusal
from tests.data import words


@pytest.mark.parametrize("processes", [1, 2])
def test_only_the_guilty_item_fails_and_order_is_kept(processes):
    found = list(map_killable(words.double, range(40), processes=processes, chunk=16, timeout_s=0.5))
    assert [index for index, _ in found] == list(range(40))
    assert {index: result.reason for index, result in found if isinstance(result, Failure)} == {
        7: "crashed the worker process",
        11: "took longer than 0.5 s",
        13: "ValueError: thirteen",
    }
    assert all(result == 2 * index for index, result in found if not isinstance(result, Failure))


@pytest.mark.parametrize("value", [None, Refusal("odd"), Failure("killed")])
def test_a_reason_is_no_item(value):
    assert is_refusal(value)
    assert not is_refusal("an item")


def test_a_time_out_may_be_longer_than_the_system_waits():
    assert [found for _, found in map_killable(words.double, [1], processes=1, timeout_s=1e9)] == [2]


def test_chunks_come_whole_where_nothing_is_wrong():
    found = list(map_chunks_killable(sum, range(20, 32), processes=2, chunk=5))
    assert found == [(0, [20, 21, 22, 23, 24], 110), (5, [25, 26, 27, 28, 29], 135), (10, [30, 31], 61)]


def test_an_exception_of_a_chunk_function_fails_one_item():
    for processes in (0, 1):
        found = list(map_chunks_killable(words.parse_and_measure, ["a", "raise", "b"], processes=processes, chunk=3))
        assert [type(result) is Failure for *_, result in found] == [False, True, False]
        assert found[1] == (1, ["raise"], Failure("ValueError: a broken word"))


def test_here_without_processes():
    found = dict(map_killable(words.double, [1, 13, 2], processes=0))
    assert found == {0: 2, 1: Failure("ValueError: thirteen"), 2: 4}
    assert list(map_killable(words.double, [], processes=2)) == []


def test_an_endless_source_is_read_only_as_far_as_needed():
    read = []
    source = (read.append(number) or number for number in count(100))
    results = map_killable(words.double, source, processes=2, chunk=10)
    assert [result for _, result in islice(results, 50)] == [2 * number for number in range(100, 150)]
    results.close()
    assert len(read) <= 50 + 10 * (4 * 2 + 2 + 1 + 1)


@pytest.mark.parametrize("first_alone", [False, True])
def test_nothing_is_read_beyond_the_first_results_if_they_may_be_enough(first_alone):
    read = []
    source = (read.append(number) or number for number in range(100, 140))
    results = map_chunks_killable(words.slow_sum, source, processes=2, chunk=10, first_alone=first_alone)
    assert next(results) == (0, list(range(100, 110)), sum(range(100, 110)))
    assert (len(read) == 10) == first_alone
    assert [start for start, *_ in results] == [10, 20, 30]
    assert len(read) == 40


def test_workers_end_with_the_iterator():
    results = map_killable(words.where, range(1000), processes=2, chunk=1)
    pids = {next(results)[1][0] for _ in range(20)}
    results.close()
    list(map_killable(words.where, [0], processes=1))  # the server reaps when it is asked for the next worker
    deadline = time.monotonic() + 5
    while any(map(process_is_alive, pids)) and time.monotonic() < deadline:
        list(map_killable(words.where, [0], processes=1))
    assert not any(map(process_is_alive, pids))


def test_a_function_that_cannot_travel_is_an_error():
    with pytest.raises(ConfigError, match="top of a module"):
        list(map_killable(lambda number: number, [1]))
    with pytest.raises(SciencegenError, match="could not start: ValueError: no dictionary"):
        list(map_killable(words.LoadsInOneProcess(), [1]))
