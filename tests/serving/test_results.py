"""Rows of tables as JSON, and a job's files."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from random import Random
from threading import BoundedSemaphore

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.errors import DataError
from sciencegen.serving import service as results
from sciencegen.serving.jobs import BudgetSpent
from sciencegen.serving.records import Job, NotFound
from sciencegen.serving.service import _rows_apart, files_of, rows_of
from tests.serving.conftest import PATH

TABLE = pd.DataFrame(
    {"item": ["CCO", "007", "x,y", "é"], "value": [1.5, None, -2.0, 1e-7], "count": [1, 2, 3, 4], "good": [True] * 4}
)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.xlsx"])
def test_rows_are_those_of_the_table(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".parquet"):
        TABLE.to_parquet(path)
    elif name.endswith(".xlsx"):
        TABLE.to_excel(path, index=False)
    else:
        text = TABLE.astype({"good": str}).replace({"good": {"True": "true"}})
        text.to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
    found = rows_of(path)
    assert found["columns"] == list(TABLE.columns)
    assert [row["item"] for row in found["rows"]] == TABLE["item"].tolist()
    assert [row["value"] for row in found["rows"]] == [1.5, None, -2.0, 1e-7]
    assert [row["count"] for row in found["rows"]] == [1, 2, 3, 4]
    if name != "t.xlsx":  # whose sheets are read as texts
        assert all(row["good"] is True for row in found["rows"])
    assert found["next"] is None


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("limit", [1, 3, 7, 10, 5000])
def test_pages_are_the_whole_table(tmp_path, name, limit):
    table = pd.DataFrame({"item": [f"i{n}" for n in range(5003)]})
    (table.to_csv if name == "t.csv" else table.to_parquet)(tmp_path / name, index=False)
    start, seen = 4990, []
    while start is not None:
        found = rows_of(tmp_path / name, start, limit)
        seen += [row["item"] for row in found["rows"]]
        start = found["next"]
    assert seen == table["item"].tolist()[4990:]
    assert rows_of(tmp_path / name, 6000) == {"columns": ["item"], "rows": [], "next": None}


def test_other_files_have_no_rows(tmp_path):
    with pytest.raises(NotFound, match="has written no row yet"):
        rows_of(tmp_path / "t.csv")
    with pytest.raises(DataError, match="Expected a table for rows"):
        rows_of(tmp_path / "t.npz")


def test_files_are_those_of_the_job(tmp_path):
    names = ("jobs/1/draw.csv", "jobs/1/draw.csv.rejects.csv", "jobs/1/.hidden", "jobs/2/draw.csv", "plates/a[1].csv")
    for name in (*names, "plates/a[1].csv.order.csv", "plates/a1.csv", "model/x/weights", "model/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("abc")
    started = datetime.now(UTC).replace(year=2000).isoformat()
    paths = lambda job: [one["path"] for one in files_of(tmp_path, job)]  # noqa: E731
    own = ["jobs/1/draw.csv", "jobs/1/draw.csv.rejects.csv"]
    assert paths(Job("1", "draw", {}, [], own[0])) == own
    assert paths(Job("3", "draw", {}, [], "plates/a[1].csv", started=started)) == [
        "plates/a[1].csv",
        "plates/a[1].csv.order.csv",
    ]
    journal = Job("3", "note", {"journal": "plates/a[1].csv", "source": "plates/a1.csv"}, [], started=started)
    assert paths(journal) == ["plates/a[1].csv", "plates/a[1].csv.order.csv"]
    assert paths(Job("3", "draw", {}, [], "model", started=started)) == ["model/x/weights", "model/y"]
    assert paths(Job("3", "draw", {}, [])) == []


@pytest.mark.parametrize("output", ["draw.csv", "model"])
def test_files_of_others_are_none_of_the_job(tmp_path, output):
    """A refused job has no file; one that was started again has those of its first start."""
    for name in ("draw.csv", "model/weights"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("abc")
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    written = datetime.fromtimestamp(1_700_000_000, UTC)
    before, after = ((written + timedelta(seconds=one)).isoformat() for one in (-1, 1))
    assert files_of(tmp_path, Job("1", "draw", {}, [], output, created=before)) == []
    assert files_of(tmp_path, Job("1", "draw", {}, [], output, created=before, started=after, starts=1)) == []
    assert len(files_of(tmp_path, Job("1", "draw", {}, [], output, created=before, started=before, starts=1))) == 1
    assert len(files_of(tmp_path, Job("1", "draw", {}, [], output, created=before, started=after, starts=2))) == 1


def test_what_json_lacks_is_null_or_text(tmp_path):
    (tmp_path / "t.csv").write_text(f"item,x\na,1\nb,{'9' * 300}e99\nc,{'9' * 300}\n")
    assert [row["x"] for row in rows_of(tmp_path / "t.csv")["rows"]] == [1, "9" * 300 + "e99", int("9" * 300)]
    nested = [[1.0, math.nan], [{"a": math.inf, "b": [b"\xff"]}], {"c": [math.nan]}]
    table = pa.table(
        {f"x{at}": [one] for at, one in enumerate(nested)} | {"far": pa.array([2**62], pa.timestamp("us"))}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (row,) = rows_of(tmp_path / "t.parquet")["rows"]
    assert row == {"x0": [1.0, None], "x1": [{"a": None, "b": ["\ufffd"]}], "x2": {"c": [None]}, "far": 2**62}


def test_no_cell_is_lost(tmp_path):
    (tmp_path / "t.csv").write_text("item,,x,\na,1,2,3,4\nb\n")
    found = rows_of(tmp_path / "t.csv")
    assert found["columns"] == ["item", "", "x", "column 4"]
    assert found["rows"][0] == {"item": "a", "": 1, "x": 2, "column 4": 3, "column 5": "4"}
    assert found["rows"][1] == {"item": "b", "": None, "x": None, "column 4": None}
    (tmp_path / "t.csv").write_text("item,x,x\na,1,2\n")
    pq.write_table(pa.table([[1], [2]], ["x", "x"]), tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(DataError, match=f"Expected columns of different names in {name}, found 2 of the name 'x'"):
            rows_of(tmp_path / name)


@pytest.mark.parametrize("seed", range(12))
def test_damaged_parquet_is_refused(tmp_path, seed):
    chooser = Random(seed)
    pq.write_table(
        pa.table({"item": [f"i{at}" for at in range(500)], "x": [[0.5] * (at % 3) for at in range(500)]}),
        tmp_path / "t",
    )
    content = bytearray((tmp_path / "t").read_bytes())
    for at in chooser.sample(range(4, len(content)), 40):
        content[at] ^= 1 << chooser.randrange(8)
    (tmp_path / "t.parquet").write_bytes(content)
    try:
        assert len(rows_of(tmp_path / "t.parquet", limit=1000)["rows"]) == 500
    except DataError as error:
        assert str(error).startswith("Expected ")  # noqa: PT017


def test_pages_have_fewer_rows_if_these_are_long(tmp_path, monkeypatch):
    monkeypatch.setattr("sciencegen.serving.service.LARGEST_ANSWER", 1000)
    monkeypatch.setattr("sciencegen.serving.service.AVAILABLE", False)  # it sets no limit of this process
    (tmp_path / "t.csv").write_text("item\n" + f"{'C' * 300}\n" * 10 + "C" * 2000 + "\n")
    start, seen = 0, 0
    while start < 10:
        found = _rows_apart((tmp_path / "t.csv", start, 100))
        start, seen = found["next"], seen + len(found["rows"])
        assert 0 < len(found["rows"]) < 4
    assert seen == 10
    assert "row 10 is longer" in _rows_apart((tmp_path / "t.csv", 10, 100))


def test_other_processes_read(tmp_path, monkeypatch):
    """One that takes too long or too much memory is killed, and the next one reads."""
    monkeypatch.setattr("sciencegen.serving.service.LONGEST_READ_S", 0.3)
    with (tmp_path / "t.csv").open("w") as file:
        file.write("item\n" + "x\n" * 5_000_000)
    with pytest.raises(DataError, match=r"within 0.3 s and 512 MiB of memory, got: it took longer than 0.3 s. Get it"):
        rows_of(tmp_path / "t.csv", 4_900_000, 1)
    monkeypatch.setattr("sciencegen.serving.service.LONGEST_READ_S", 60.0)
    text = pa.array(["C" * (1 << 24)]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 200), text.dictionary)
    pq.write_table(pa.table({"item": many}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"Expected .*"):
        rows_of(tmp_path / "t.parquet")
    assert rows_of(tmp_path / "t.csv", 0, 1)["rows"] == [{"item": "x"}]


def test_too_many_readers_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sciencegen.serving.service._WAITING", BoundedSemaphore(1))
    (tmp_path / "t.csv").write_text("item\nx\n")
    with results._WAITING, pytest.raises(BudgetSpent, match="requests for rows at a time"):
        rows_of(tmp_path / "t.csv")
    assert rows_of(tmp_path / "t.csv")["rows"]


ENDING = """
import sys, threading, time
from pathlib import Path
from sciencegen.data.forkserver import Forkserver
from sciencegen.serving.service import rows_of

def fork(server, task, plain=Forkserver.fork):
    found = plain(server, task)
    started.set()
    return found

Forkserver.fork, started = fork, threading.Event()
threading.Thread(target=rows_of, args=(Path(sys.argv[1]), 10**9)).start()
started.wait()
time.sleep(1)
"""


@pytest.mark.long
def test_a_process_that_ends_does_not_wait_for_rows(tmp_path):
    with (tmp_path / "t.csv").open("wb") as file:
        for _ in range(60):
            file.write(b"x\n" * 1_000_000)
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", ENDING, tmp_path / "t.csv"], env={**os.environ, "PYTHONPATH": PATH}, capture_output=True
    )
    assert b"it crashed the worker process" in ended.stderr
    assert time.monotonic() - started < 15
