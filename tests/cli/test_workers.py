"""What a command changes for its workers is undone before they work, and only in a process of its own."""

from __future__ import annotations

import gc
import os

import pytest

from sciencegen.cli import process as workers
from sciencegen.data import forkserver as tasks


@pytest.fixture(autouse=True)
def untaken(monkeypatch):
    monkeypatch.delenv(workers.BLAS_THREADS, raising=False)
    monkeypatch.setattr(workers, "_own_process", False)
    monkeypatch.setattr(workers, "_limited", False)
    yield
    gc.enable()
    gc.unfreeze()


def test_a_process_of_others_is_left_alone(monkeypatch):
    monkeypatch.setattr(tasks, "start_copied_server", lambda: pytest.fail("copied"))
    workers.begin_loading()
    assert gc.isenabled()
    assert workers.BLAS_THREADS not in os.environ
    workers.start_workers()


@pytest.mark.parametrize("given", [None, "3"])
def test_garbage_and_threads_are_as_before_when_workers_start(monkeypatch, given):
    seen = []
    monkeypatch.setattr(
        tasks, "start_copied_server", lambda: seen.append((gc.isenabled(), os.environ.get(workers.BLAS_THREADS)))
    )
    if given is not None:
        monkeypatch.setenv(workers.BLAS_THREADS, given)
    workers.take_process()
    workers.begin_loading()
    assert not gc.isenabled()
    assert os.environ[workers.BLAS_THREADS] == (given or "1")
    workers.start_workers()
    assert seen == [(True, given)]
