"""Jobs: their order and ends; neither a stop, nor a kill of the process, nor one of the server loses anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sciencegen.errors import ConfigError
from sciencegen.serving import jobs as budget
from sciencegen.serving.jobs import Budget, BudgetSpent, is_running
from sciencegen.serving.records import RECORD, Conflict, NotFound, read_job, write_json
from tests.serving.conftest import REPOSITORY, call, ended, environment, until

SERVER = """
import sys, time
from pathlib import Path
from sciencegen.serving.jobs import Jobs
from tests.serving.conftest import WORKER, call, environment
jobs = Jobs(Path(sys.argv[1]), WORKER, environment())
for n in (60, 2):
    print(jobs.submit(**call(n=n, pause=0.05)).id, flush=True)
time.sleep(100)
"""
"""Another server, with a job that runs and one that waits."""


def lines(folder: Path, job) -> list[str]:
    return (folder / job.output).read_text().splitlines()


def test_a_job_runs_and_says_what_it_made(make_jobs, tmp_path):
    jobs = make_jobs()
    job = ended(jobs, jobs.submit(**call(n=2)).id)
    assert (job.state, job.exit_code, job.error, job.starts, job.process) == ("done", 0, "", 1, None)
    assert lines(tmp_path, job) == ["item,value,kind,good", "i0,0.0,red,", "i1,0.5,red,true"]
    assert job == read_job(jobs.records(job.id))
    assert job.created <= job.started <= job.ended


@pytest.mark.parametrize(
    ("given", "code", "error"),
    [
        ({"fail": "Expected rows."}, 3, "Expected rows."),
        ({"crash": True}, 1, "ZeroDivisionError: crashed"),
        ({"die": True}, -9, "ended by SIGKILL"),
    ],
)
def test_a_failure_says_why(make_jobs, given, code, error):
    jobs = make_jobs()
    job = ended(jobs, jobs.submit(**call(**given)).id)
    assert (job.state, job.exit_code) == ("failed", code)
    assert error in job.error


def test_jobs_wait_for_their_turn(make_jobs):
    jobs = make_jobs(2)
    ids = [jobs.submit(**call(n=4, pause=0.1)).id for _ in range(4)]
    assert ids == sorted(ids)
    assert jobs.ids() == ids[::-1]
    until(lambda: len(jobs.ids("running")) == 2)
    assert jobs.ids("queued") == ids[:1:-1]
    found = [ended(jobs, id) for id in ids]
    assert {one.state for one in found} == {"done"}
    assert min(one.started for one in found[2:]) >= min(one.ended for one in found[:2])


@pytest.mark.long
def test_cancelled_jobs_keep_their_rows_and_start_again(make_jobs, tmp_path):
    jobs = make_jobs()
    running, waiting = jobs.submit(**call(n=30, pause=0.05)), jobs.submit(**call(n=2))
    until(lambda: (tmp_path / running.output).exists() and len(lines(tmp_path, running)) > 2)
    assert jobs.cancel(waiting.id).state == "cancelled"
    jobs.cancel(running.id, "It was cancelled.")
    stopped = ended(jobs, running.id)
    assert (stopped.state, stopped.exit_code, stopped.error) == ("cancelled", 143, "It was cancelled.")
    assert 2 < len(lines(tmp_path, stopped)) < 31
    jobs.restart(running.id)
    again = ended(jobs, running.id)
    assert (again.state, again.starts) == ("done", 2)
    assert len(lines(tmp_path, again)) == 31
    assert again.seconds > stopped.seconds
    with pytest.raises(ConfigError, match="is done"):
        jobs.restart(running.id)
    assert jobs.cancel(running.id).state == "done"


@pytest.mark.long
def test_a_stopped_server_leaves_jobs_that_start_again(make_jobs, tmp_path):
    first = make_jobs()
    job, waiting = first.submit(**call(n=30, pause=0.05)), first.submit(**call(n=2))
    until(lambda: first.job(job.id).state == "running")
    with pytest.raises(ConfigError, match="another process writes there"):
        make_jobs()
    first.close()
    second = make_jobs()
    assert second.job(job.id).state == "interrupted"
    assert ended(second, waiting.id).state == "done"
    second.restart(job.id)
    assert ended(second, job.id).state == "done"
    assert len(lines(tmp_path, job)) == 31


@pytest.mark.long
def test_a_killed_server_loses_nothing(make_jobs, tmp_path):
    """Its process goes on and the next server watches it; what waited still does."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], env=environment(), cwd=REPOSITORY, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        running, waiting = (server.stdout.readline().decode().strip() for _ in range(2))
        until(lambda: (tmp_path / f"jobs/{running}/draw.csv").exists())
        server.kill()
    records = tmp_path / "records" / running
    assert is_running(records)
    jobs = make_jobs()
    assert (jobs.job(running).state, jobs.job(waiting).state) == ("running", "queued")
    job = ended(jobs, running)
    assert (job.state, job.exit_code, job.starts) == ("done", 0, 1)
    assert len(lines(tmp_path, job)) == 61
    assert ended(jobs, waiting).state == "done"


def test_a_job_of_a_killed_server_can_be_cancelled(make_jobs, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], env=environment(), cwd=REPOSITORY, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        running = server.stdout.readline().decode().strip()
        until(lambda: (tmp_path / f"jobs/{running}/draw.csv").exists())
        server.kill()
    jobs = make_jobs()
    jobs.cancel(running)
    assert ended(jobs, running).state == "cancelled"


def test_a_job_that_was_cut_off_is_interrupted(make_jobs, tmp_path):
    """Server and process are gone: as after a power cut."""
    first = make_jobs()
    job = first.submit(**call(n=2000, pause=0.05))
    until(lambda: first.job(job.id).process is not None)
    cut = replace(first.job(job.id), state="running")
    first.close()
    (first.records(job.id) / "outcome.json").unlink(missing_ok=True)
    write_json(first.records(job.id) / RECORD, asdict(cut))
    jobs = make_jobs()
    found = jobs.job(job.id)
    assert (found.state, found.process) == ("interrupted", None)
    assert "started again" in found.error


def test_a_process_that_does_not_end_is_killed(make_jobs, monkeypatch):
    monkeypatch.setattr("sciencegen.serving.jobs.GRACE_S", 0.3)
    jobs = make_jobs()
    job = jobs.submit(**call(n=2, pause=60))  # it looks at the signal between rows
    until(lambda: (jobs.folder / job.output).exists())
    jobs.cancel(job.id, "enough")
    found = ended(jobs, job.id)
    assert (found.state, found.exit_code, found.error) == ("cancelled", -signal.SIGKILL, "enough")


def test_the_same_key_is_the_same_job(make_jobs):
    jobs = make_jobs()
    first = jobs.submit(**call(key="k"))
    assert jobs.submit(**call(key="k")).id == first.id
    assert jobs.submit(**call(key="other")).id != first.id
    jobs.close()
    assert make_jobs().submit(**call(key="k")).id == first.id


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (call(key="k", n=3), "another value of 'n'"),
        (call(key="k", n=2, force=True), "another value of 'force'"),
        (call(key="k", n=2) | {"verb": "paint"}, "another verb paint, not draw"),
    ],
)
def test_a_key_with_another_request_is_refused(make_jobs, other, message):
    jobs = make_jobs()
    first = jobs.submit(**call(key="k", n=2))
    with pytest.raises(Conflict, match=f"{message}.*new key"):
        jobs.submit(**other)
    assert jobs.ids() == [first.id]
    assert jobs.submit(**call(key="k", n=2)).id == first.id


def test_the_budget_of_calls(make_jobs):
    jobs = make_jobs(budget=Budget(calls=2))
    for _ in range(2):
        jobs.submit(**call())
    with pytest.raises(BudgetSpent, match="Expected at most 2 calls"):
        jobs.submit(**call())
    assert jobs.left() == {"calls": 0, "seconds": None}
    assert len(jobs.ids()) == 2


def test_the_budget_of_seconds_ends_jobs(make_jobs):
    jobs = make_jobs(budget=Budget(seconds=0.5))
    job = ended(jobs, jobs.submit(**call(n=1000, pause=0.02)).id)
    assert (job.state, job.error) == ("cancelled", "The 0.5 seconds for jobs are used up.")
    with pytest.raises(BudgetSpent, match="seconds"):
        jobs.submit(**call())


@pytest.mark.parametrize("id", ["", "nothing", "../..", "00000001-abcdef"])
def test_unknown_ids(make_jobs, id):
    with pytest.raises(NotFound, match="Expected the id of a job"):
        make_jobs().job(id)


def test_damaged_records_are_left_out(make_jobs, tmp_path):
    first = make_jobs()
    job = ended(first, first.submit(**call()).id)
    first.close()
    for name, text in (("00000007-aaaaaa", "{"), ("00000008-bbbbbb", json.dumps({"id": 1}))):
        (tmp_path / "records" / name).mkdir()
        (tmp_path / "records" / name / "job.json").write_text(text)
    assert make_jobs().ids() == [job.id]


def test_a_command_that_cannot_start_fails(make_jobs):
    jobs = make_jobs()
    jobs._command[0] = os.fspath(jobs.folder / "nothing")
    job = ended(jobs, jobs.submit(**call()).id)
    assert job.state == "failed"
    assert "can't be started" in job.error


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": 3}, {"words": "draw"}, {"state": "gone"}, {"seconds": "long"}, {"id": "../../x"}, {"key": []},
        {"created": "yesterday"}, {"output": 4}, {"starts": None}, {"process": "1"},
    ],
)  # fmt: skip
def test_a_record_of_wrong_types_stops_no_start(make_jobs, tmp_path, change):
    first = make_jobs()
    kept, damaged = (ended(first, first.submit(**call(n=1)).id).id for _ in range(2))
    first.close()
    place = first.records(damaged) / "job.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | change))
    (tmp_path / "records" / "notes").mkdir()
    second = make_jobs()
    assert second.ids() == [kept]
    assert ended(second, second.submit(**call(n=1)).id).state == "done"


def test_the_queue_is_limited(make_jobs, monkeypatch):
    monkeypatch.setattr(budget, "MOST_WAITING", 2)
    found = make_jobs()
    first = found.submit(**call(n=100, pause=0.1))
    until(lambda: found.job(first.id).state == "running")
    waiting = [found.submit(**call(n=1)) for _ in range(2)]
    with pytest.raises(BudgetSpent, match="at most 2 jobs that wait"):
        found.submit(**call(n=1))
    found.cancel(waiting[0].id)
    assert found.submit(**call(n=1)).state == "queued"
