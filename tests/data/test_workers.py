import os
import pickle
import socket
import subprocess
import sys
import time
from itertools import count, islice
from multiprocessing.reduction import send_handle
from pathlib import Path

import pytest

from sciencegen.data.forkserver import Forkserver, forkserver
from sciencegen.data.workers import Failure, map_chunks_killable, map_killable
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import process_is_alive
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


def test_workers_see_the_present_folder_and_environment(tmp_path, monkeypatch):
    list(map_killable(words.where, [0], processes=1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIENCEGEN_TEST_WORD", "now")
    ((_, (pid, folder, word)),) = map_killable(words.where, [0], processes=1)
    assert (Path(folder), word) == (tmp_path, "now")
    assert pid != os.getpid()


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
        list(map_killable(words.double, [1], initializer=words.broken_start))


SCRIPT = """
import sys; sys.path.insert(0, {folder!r})
from tests.data import words
from sciencegen.data.workers import map_killable
print("the script runs", flush=True)
results = map_killable(words.where, range(10**9), processes=2, chunk=1)
print(next(results)[1][0], next(results)[1][0], flush=True)
list(map_killable(words.sign_in_and_hang, [{signature!r}], processes=1, timeout_s=600))
"""


def test_a_killed_script_leaves_no_worker_and_is_not_run_twice(tmp_path):
    """No `if __name__ == "__main__"` in the script, and a worker that hangs when the script is killed."""
    signature = tmp_path / "pid"
    script = SCRIPT.format(folder=str(Path(words.__file__).parent), signature=str(signature))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "the script runs\n"
        pids = [int(pid) for pid in process.stdout.readline().split()]
        while not signature.exists() or not signature.read_text().endswith("\n"):
            time.sleep(0.02)
        pids.append(int(signature.read_text()))
        assert all(map(process_is_alive, pids))
        process.kill()
        assert process.stdout.read() == ""
    deadline = time.monotonic() + 10
    while any(map(process_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(process_is_alive, pids))


def test_one_server_serves_all_calls():
    assert forkserver() is forkserver()


def test_the_server_of_a_process_that_was_killed_while_it_asked_ends_without_a_word(capfd):
    server, (ours, theirs) = Forkserver(), socket.socketpair()
    with ours, theirs:
        server.connection.send((os.getcwd(), {}, pickle.dumps((None, words.encode))))
        send_handle(server.connection, theirs.fileno(), server.process.pid)
    server.connection.close()
    assert server.process.wait(60) == 0
    assert capfd.readouterr().err == ""
