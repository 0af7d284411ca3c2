"""What both servers do with a request: check it, say what it would do, make a job of it, and read its results."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from glob import escape
from itertools import islice
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread, main_thread
from typing import Any

from sciencegen.config import Settings
from sciencegen.data.damage import reading
from sciencegen.data.forkserver import AVAILABLE, forkserver
from sciencegen.data.tables import (
    check_distinct,
    is_parquet,
    open_parquet,
    parquet_batches,
    parquet_values,
    typed_records,
)
from sciencegen.data.workers import Failure, map_killable
from sciencegen.errors import ConfigError, DataError, SciencegenError, unknown_name
from sciencegen.files import files_below
from sciencegen.items import Json
from sciencegen.serving.jobs import BudgetSpent, Jobs, counts_of, expected_seconds
from sciencegen.serving.records import (
    LOG,
    PRINTED,
    PROGRESS,
    RESULTS,
    Conflict,
    Job,
    NotFound,
    read_json,
    read_outcome,
)
from sciencegen.serving.requests import WRITTEN, AllowedPrograms, Boundary, ServedVerb, check_replaceable

# What a job has made: its files, what it printed, and rows of its table as JSON.

MOST_ROWS = 1000
"""Rows of one answer."""
MOST_PRINTED = 1 << 24
MOST_FILES = 1000
LONGEST_READ_S, LARGEST_MEMORY, LARGEST_ANSWER = 30.0, 1 << 29, 1 << 24
"""Seconds and bytes of memory that reading rows may take; characters of an answer, which has fewer rows instead."""
MOST_WAITING, ROWS_AT_ONCE, DEEPEST = 8, 256, 100
"""Requests that read rows or wait for it; rows of Parquet that are read at once; levels within a cell."""
_ONE_READER, _WAITING = Lock(), BoundedSemaphore(MOST_WAITING)
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
    if job.started:
        # A job may have written from its first start on: a restart goes on with its files.
        began = datetime.fromisoformat(job.started if job.starts <= 1 else job.created).timestamp()
        given = {**(job.parameters.get("set") or {}), **job.parameters}
        for text in {job.output, *(given.get(name) for name in WRITTEN)}:
            if isinstance(text, str):
                found |= {one for one in _beside(folder / text) if one.stat().st_mtime >= began}
    named = sorted(one for one in found if one.is_file() and not one.name.startswith("."))
    return [{"path": path_for_clients(one, folder), "bytes": one.stat().st_size} for one in named[:MOST_FILES]]


def _beside(place: Path) -> set[Path]:
    """The files of a folder, or a file and those beside it under the same name."""
    if place.is_dir():
        return set(files_below(place))
    return {one for one in place.parent.glob(f"{escape(place.name)}*") if one.is_file()}


def path_for_clients(path: Path, folder: Path) -> str:
    """Relative to the server's folder; absolute in other folders."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def rows_of(path: Path, start: int = 0, limit: int = 100) -> Json:
    """Rows of a table from `start`, at most `limit`, or fewer if they are long. A process of its own reads them, which
    is killed if it takes too long or too much memory.

    Returns
    -------
    mapping
        `columns`; `rows`, a mapping each, in which empty cells are null, cells of columns of numbers are numbers, true
        and false are booleans, and cells beyond the header have the names `column 4`, ...; `next`, the number of the
        row after these, null if there is none.

    Raises
    ------
    BudgetSpent
        If too many others wait for rows.
    """
    if not path.name.lower().endswith(TABLES):
        raise DataError(f"Expected a table for rows ({', '.join(TABLES)}), {path.name} is none. Get it as a file.")
    if not path.is_file():
        raise NotFound(f"Expected a table at {path.name}, found none: the job has written no row yet, or none at all.")
    if not _WAITING.acquire(blocking=False):
        raise BudgetSpent(f"Expected at most {MOST_WAITING} requests for rows at a time, got more. Ask again later.")
    try:
        _end_with_the_server()
        with _ONE_READER:
            if not main_thread().is_alive():
                raise Conflict("The server ends. Ask the next one.")
            task = path, start, min(limit, MOST_ROWS)
            ((_, found),) = map_killable(_rows_apart, [task], processes=1, timeout_s=LONGEST_READ_S)
    finally:
        _WAITING.release()
    if isinstance(found, Failure):
        raise DataError(
            f"Expected to read rows {start} to {start + limit} of {path.name} within {LONGEST_READ_S:g} s and "
            f"{LARGEST_MEMORY >> 20} MiB of memory, got: it {found.reason}. Get it as a file, or ask for fewer rows."
        )
    if isinstance(found, str):
        raise DataError(found)
    return found


@cache
def _end_with_the_server() -> None:
    """From now on, end the reading of rows when the main thread ends: Python waits for threads that wait for it."""

    def end() -> None:
        main_thread().join()
        forkserver().close()

    Thread(target=end, daemon=True).start()


def _rows_apart(task: tuple[Path, int, int]) -> Json | str:
    """The rows, or the error's text. In a worker's process."""
    if AVAILABLE:
        import resource

        os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # others reserve gigabytes that they don't use
        resource.setrlimit(resource.RLIMIT_DATA, (LARGEST_MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    path, start, limit = task
    try:
        with reading("a table", path.name):
            names, found = _parquet_rows(path, start) if is_parquet(path) else _csv_rows(path, start)
            return _page(names, found, start, limit, path.name)
    except SciencegenError as error:
        return str(error).replace(str(path), path.name)


def _page(names: list[str], found: Iterator[list[Any]], start: int, limit: int, source: str) -> Json:
    unnamed = (at for at, name in enumerate(names) if not name)
    others = set(islice(unnamed, 1, None))  # of several columns without a name
    columns = [f"column {at + 1}" if at in others else name for at, name in enumerate(names)]
    check_distinct(columns, columns, source)
    rows: list[Json] = []
    letters = 0
    for cells in islice(found, limit):
        beyond = {f"column {at + 1}": cell for at, cell in enumerate(cells) if at >= len(columns) and cell is not None}
        row = dict(zip(columns, [*cells, *[None] * (len(columns) - len(cells))], strict=False)) | beyond
        letters += len(json.dumps(row, allow_nan=False))
        if letters > LARGEST_ANSWER:
            if rows:
                return {"columns": columns, "rows": rows, "next": start + len(rows)}
            raise DataError(
                f"Expected rows of at most {LARGEST_ANSWER >> 20} MiB in {source}, row {start} is longer. Get it as a "
                "file."
            )
        rows.append(row)
    has_more = len(rows) == limit and next(found, None) is not None
    return {"columns": columns, "rows": rows, "next": start + limit if has_more else None}


def _csv_rows(path: Path, start: int) -> tuple[list[str], Iterator[list[Any]]]:
    names, numbers, records = typed_records(path)
    rows = ([_cell(cell, at in numbers) for at, cell in enumerate(cells)] for _, cells in islice(records, start, None))
    return names, rows


def _cell(text: str, numeric: bool) -> str | float | int | bool | None:
    if not text.strip():
        return None
    if text in ("true", "false"):
        return text == "true"
    if not numeric or not _NUMBER.fullmatch(text):
        return text
    if text.lstrip("-").isdigit():
        return int(text)
    return value if math.isfinite(value := float(text)) else text


def _parquet_rows(path: Path, start: int) -> tuple[list[str], Iterator[list[Any]]]:
    def rows() -> Iterator[list[Any]]:
        before = start
        for batch in parquet_batches(path, ROWS_AT_ONCE):
            if before < batch.num_rows:
                columns = [parquet_values(column) for column in batch.slice(before).columns]
                yield from (list(map(_plain, cells)) for cells in zip(*columns, strict=True))
            before = max(0, before - batch.num_rows)

    return [name.strip() for name in open_parquet(path).schema_arrow.names], rows()


def _plain(value: object, levels: int = 0) -> Any:
    """A value of JSON: null for numbers that aren't finite, also within lists and mappings; text for other kinds."""
    if levels > DEEPEST:
        raise ValueError(f"its cells have more than {DEEPEST} levels")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {str(name): _plain(one, levels + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, levels + 1) for one in value]
    return str(value)


# The service.

REMEMBERED = 100
"""The last jobs, among which those of the same verb say how long a request takes."""


MOST_VALUES = 10_000
"""Texts and numbers in the parameters of a request: each may be a path, for which the system is asked."""


def _within(value: Any) -> Iterator[Any]:
    """The values in a value of JSON, however deep."""
    left = [value]
    while left:
        yield (one := left.pop())
        left.extend(one.values() if isinstance(one, Mapping) else one if isinstance(one, list | tuple) else ())


@dataclass(frozen=True)
class RequestPlan:
    """A request that was checked. values: its parameters as given; filled: with the commands of programs."""

    verb: ServedVerb
    values: Mapping[str, Any]
    filled: Mapping[str, Any]
    settings: Settings | None

    def command(self, id: str) -> tuple[list[str], str | None]:
        """The words of the command, and its output."""
        if self.verb.ending is None:
            output = self.values.get("output")
            return self.verb.command(self.filled, ["--json"]), output
        values = {**default_output(self.verb, id), **self.filled}
        return self.verb.command(values, ["--json"]), str(values["output"])


def default_output(verb: ServedVerb, id: str) -> dict[str, str]:
    """The output of a request that names none: in the job's folder; empty for a verb that only prints."""
    return {} if verb.ending is None else {"output": f"{RESULTS}/{id}/{verb.name}{verb.ending}"}


def take_dry_run(given: dict[str, Any]) -> bool:
    """Take `dry_run` out of the parameters of a request."""
    found = given.pop("dry_run", False)
    if not isinstance(found, bool):
        raise ConfigError(f"Expected true or false for `dry_run`, got {found!r}.")
    return found


class Service:
    """The verbs of a server.

    Parameters
    ----------
    verbs : mapping
    jobs : Jobs
    boundary : Boundary
    programs : Programs
    """

    def __init__(
        self, verbs: Mapping[str, ServedVerb], jobs: Jobs, boundary: Boundary, programs: AllowedPrograms
    ) -> None:
        self.verbs, self.jobs, self.boundary, self.programs = verbs, jobs, boundary, programs

    @property
    def folder(self) -> Path:
        """The server's folder."""
        return self.boundary.folder

    def verb(self, name: str) -> ServedVerb:
        """The verb of a name."""
        if name not in self.verbs:
            raise NotFound(str(unknown_name("verb", name, self.verbs)))
        return self.verbs[name]

    def plan(self, verb: str, given: Mapping[str, Any]) -> RequestPlan:
        """Check a request: its parameters, paths, programs and settings. Nothing is computed."""
        found = self.verb(verb)
        if sum(1 for _ in islice(_within(given), MOST_VALUES + 1)) > MOST_VALUES:
            raise ConfigError(
                f"Expected at most {MOST_VALUES:,} values in the parameters of a request, got more. Put items into a "
                "file (PUT /files/PATH, or the tool write_file)."
            )
        values = found.values(given)
        filled = self.programs.put_in(values)  # first, so that a path in place of a program's name has its remedy
        self.programs.check_functions(values)
        self.boundary.check(values)
        return RequestPlan(found, values, filled, found.settings({**default_output(found, "ID"), **filled}))

    def submit(self, verb: str, given: Mapping[str, Any], key: str = "") -> Job:
        """A new job, or that of the same key."""
        plan = self.plan(verb, given)
        return self.jobs.submit(verb, plan.values, plan.command, plan.verb.overwrites, key)

    def dry_run(self, verb: str, given: Mapping[str, Any]) -> Json:
        """What a request would do, and what it would take."""
        plan = self.plan(verb, given)
        self.boundary.check_inputs(plan.values)
        words, output = plan.command("ID")
        counts = counts_of(plan.settings)
        exists = output is not None and (self.folder / output).exists()
        return {
            "dry_run": True, "verb": verb, "command": shlex.join(["sciencegen", *words]), "output": output,
            "output_exists": exists,
            "settings": None if plan.settings is None else plan.settings.model_dump(mode="json", by_alias=True),
            "cost": {**counts, "seconds_at_most": expected_seconds(counts, self._earlier(plan))},
            "left": self.jobs.left(),
        }  # fmt: skip

    def _earlier(self, plan: RequestPlan) -> list[tuple[dict[str, int], float]]:
        """Counts and seconds of the last jobs of the same verb and domain that are done."""
        found: list[tuple[dict[str, int], float]] = []
        domain = plan.values.get("domain")
        for job in map(self.jobs.job, self.jobs.ids("done")[:REMEMBERED]):
            if job.verb == plan.verb.name and job.parameters.get("domain") == domain:
                with suppress(ConfigError):  # a program that isn't allowed any more
                    values = {**default_output(plan.verb, job.id), **self.programs.put_in(dict(job.parameters))}
                    record = plan.verb.settings(values)
                    found.append((counts_of(record), job.seconds))
        return found

    def describe(self, id: str) -> Json:
        """The job for clients."""
        return described(self.folder, self.jobs.records(id), self.jobs.job(id))

    def progress(self, id: str) -> Json | None:
        """How far a job is: `what`, `done`, `total` and `note`; None before its first report."""
        return read_json(self.jobs.records(id) / PROGRESS)

    def log(self, id: str) -> str:
        """The messages of a job."""
        path = self.jobs.records(self.jobs.job(id).id) / LOG
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def rows(self, id: str, start: int, limit: int, file: str = "") -> Json:
        """Rows of a job's output, or of another of its files."""
        job = self.jobs.job(id)
        path = file or job.output
        if path is None:
            raise NotFound(f"Expected a job that writes a table, {job.verb} prints its result: see `summary`.")
        return rows_of(self.boundary.inside(path, "file"), start, limit)

    def file(self, path: str) -> Path:
        """A file to read."""
        found = self.boundary.inside(path)
        if not found.is_file():
            raise NotFound(f"Expected a file at {path}, found {'a folder' if found.is_dir() else 'none'}.")
        return found

    def place(self, path: str, force: bool = False) -> Path:
        """Where a client may put a file. force: also in place of a file that a job uses, or of a journal."""
        found = self.boundary.inside(path)
        if found.is_dir() or found == self.folder / RESULTS:  # also before the first job
            raise NotFound(f"Expected the name of a file, {path} is a folder.")
        if found.exists() and not force:
            jobs = self.jobs
            check_replaceable(found, self.boundary, [jobs.job(id) for id in jobs.ids() if jobs.is_active(id)])
        return found
