"""Rows of tables as JSON, and a job's files."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from sciencegen.errors import DataError
from sciencegen.serving.records import Job, NotFound
from sciencegen.serving.results import files_of, rows_of

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
