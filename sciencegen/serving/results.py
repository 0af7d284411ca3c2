"""What a job has made: its files, what it printed, and rows of its table as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from glob import escape
from itertools import islice
from pathlib import Path
from typing import Any

from sciencegen.data.tables import is_parquet, number_columns, read_records
from sciencegen.errors import DataError
from sciencegen.files import files_below
from sciencegen.items import Json
from sciencegen.serving.paths import WRITTEN
from sciencegen.serving.records import LOG, PRINTED, PROGRESS, RESULTS, Job, NotFound, read_json, read_outcome

MOST_ROWS = 1000
"""Rows of one answer."""
MOST_PRINTED = 1 << 24
MOST_FILES = 1000
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,300})([.][0-9]+)?([eE][-+]?[0-9]{1,2})?")
"""A number of JSON; 007 is none."""
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq", ".xlsx")


def described(folder: Path, records: Path, job: Job) -> Json:
    """The job for clients: its record, progress, notes, what it printed, and its files.

    Parameters
    ----------
    folder, records : Path
        The server's folder, and that of the job's records.
    job : Job
    """
    outcome, printed = read_outcome(records), _printed(records / PRINTED)
    return {
        "id": job.id, "verb": job.verb, "state": job.state, "parameters": job.parameters, "created": job.created,
        "started": job.started, "ended": job.ended, "seconds": job.seconds, "starts": job.starts,
        "progress": read_json(records / PROGRESS), "exit_code": job.exit_code, "error": job.error,
        "notes": [] if outcome is None else outcome.notes, "summary": printed, "output": job.output,
        "files": files_of(folder, job),
    }  # fmt: skip


def _printed(path: Path) -> Any:
    """The JSON in the last line that a command printed; None if there is none."""
    try:
        if path.stat().st_size > MOST_PRINTED:
            return None
        lines = path.read_text(encoding="utf-8").strip().splitlines()
        return json.loads(lines[-1], parse_constant=lambda text: None) if lines else None
    except (OSError, ValueError):
        return None


def files_of(folder: Path, job: Job) -> list[Json]:
    """Paths, relative to the server's folder, and sizes of the files that a job has made: what is in its own folder,
    and, written since it was started, its output, its journal and other files that it names to be written, with what
    stands beside them under the same name."""
    own = folder / RESULTS / job.id
    found = set(files_below(own)) if own.is_dir() else set()
    for text in {job.output, *(job.parameters.get(name) for name in WRITTEN)}:
        if job.started and isinstance(text, str):
            found |= {one for one in _beside(folder / text) if one.stat().st_mtime >= _first_start(job)}
    named = sorted(one for one in found if one.is_file() and not one.name.startswith("."))
    return [{"path": path_for_clients(one, folder), "bytes": one.stat().st_size} for one in named[:MOST_FILES]]


def _beside(place: Path) -> set[Path]:
    """The files of a folder, or a file and those beside it under the same name."""
    if place.is_dir():
        return set(files_below(place))
    return {one for one in place.parent.glob(f"{escape(place.name)}*") if one.is_file()}


def _first_start(job: Job) -> float:
    """The time, in seconds since the epoch, from which on a job may have written: a restart goes on with its files."""
    return datetime.fromisoformat(job.started if job.starts <= 1 else job.created).timestamp()


def path_for_clients(path: Path, folder: Path) -> str:
    """Relative to the server's folder; absolute in other folders."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def log_of(records: Path) -> str:
    """The messages of a job."""
    path = records / LOG
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def rows_of(path: Path, start: int = 0, limit: int = 100) -> Json:
    """Rows of a table from `start`, at most `limit`.

    Returns
    -------
    mapping
        `columns`; `rows`, a mapping each, in which empty cells are null, cells of columns of numbers are numbers, and
        true and false are booleans; `next`, the number of the row after these, null if there is none.
    """
    if not path.name.lower().endswith(TABLES):
        raise DataError(f"Expected a table for rows ({', '.join(TABLES)}), {path.name} is none. Get it as a file.")
    if not path.is_file():
        raise NotFound(f"Expected a table at {path.name}, found none: the job has written no row yet, or none at all.")
    limit = min(limit, MOST_ROWS)
    rows = _parquet_rows(path, start, limit) if is_parquet(path) else _csv_rows(path, start, limit)
    shown = rows[:limit]
    columns = list(shown[0]) if shown else _columns(path)
    return {"columns": columns, "rows": shown, "next": start + limit if len(rows) > limit else None}


def _columns(path: Path) -> list[str]:
    if is_parquet(path):
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    return [name.strip() for name in read_records(path)[0]]


def _csv_rows(path: Path, start: int, limit: int) -> list[Json]:
    """One row more than the limit, if there is one."""
    numbers = set(number_columns(path))
    names, _, records = read_records(path)
    return [
        {name.strip(): _cell(cell, name.strip() in numbers) for name, cell in zip(names, cells, strict=False)}
        for _, cells in islice(records, start, start + limit + 1)
    ]


def _cell(text: str, numeric: bool) -> str | float | int | bool | None:
    if not text.strip():
        return None
    if text in ("true", "false"):
        return text == "true"
    if not numeric or not _NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _parquet_rows(path: Path, start: int, limit: int) -> list[Json]:
    import pyarrow.parquet as pq

    rows: list[Json] = []
    for batch in pq.ParquetFile(path).iter_batches(4096):
        if start >= batch.num_rows:
            start -= batch.num_rows
            continue
        rows += [_finite(row) for row in batch.slice(start, limit + 1 - len(rows)).to_pylist()]
        start = 0
        if len(rows) > limit:
            break
    return rows


def _finite(row: Mapping[str, Any]) -> Json:
    return {name: None if isinstance(one, float) and not math.isfinite(one) else one for name, one in row.items()}
