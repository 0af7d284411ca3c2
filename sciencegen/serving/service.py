"""What both servers do with a request: check it, say what it would do, make a job of it, and read its results."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sciencegen.config import Settings
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Json
from sciencegen.serving.jobs import Jobs, counts_of, expected_seconds
from sciencegen.serving.paths import AllowedPrograms, Boundary, check_replaceable
from sciencegen.serving.records import LOG, PROGRESS, RESULTS, Call, Job, NotFound, read_json
from sciencegen.serving.results import described, rows_of
from sciencegen.serving.verbs import ServedVerb

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
        return self.jobs.submit(Call(verb, plan.values, plan.command, plan.verb.overwrites, key))

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
