"""Messages, tables and progress of a verb. They go to stderr, so that stdout holds results only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from sciencegen import notes
from sciencegen.cli.flags import in_flags

if TYPE_CHECKING:  # rich takes a while to import
    from rich.progress import Progress

Value = TypeVar("Value")

REFUSED = ("refused", "failed_scores")
"""Counts in a summary whose rows are listed in a file of rejects."""
FIRST_S, SILENCE_S = 2.0, 20.0
"""Seconds until the first progress line of a log, and between later lines."""


def say(message: str, style: str = "", names_keys: bool = False) -> None:
    """Print a line to stderr. Settings in it are shown as flags, unless it names keys of a config (`names_keys`).
    Control characters are escaped, since a message may quote a file."""
    from rich.console import Console

    notes.record(message)
    shown = message if names_keys or "`" not in message else in_flags(message)
    Console(stderr=True, highlight=False, emoji=False).print(_visible(shown), style=style, markup=False, soft_wrap=True)


def _visible(text: str) -> str:
    shown = (mark if mark.isprintable() or mark in "\n\t" else mark.encode("unicode_escape").decode() for mark in text)
    return "".join(shown)


def summarize(summary: Mapping[str, Any], output: str, as_json: bool) -> None:
    """Print the counts of a run to stderr; with --json to stdout, or to stderr if the results go to stdout. If rows
    were refused, the summary names the file with the reasons."""
    listed = _rejects(output) if "rejects" not in summary and any(map(summary.get, REFUSED)) else ""
    summary = {**summary, **({"rejects": listed} if listed else {})}
    shown = {key: value for key, value in summary.items() if value not in (None, [], {}, "")}
    if as_json:
        print(json.dumps({"output": output, **summary}, default=str), file=sys.stderr if output == "-" else sys.stdout)
        return
    say("  ".join(f"{key} {_short(value)}" for key, value in shown.items() if not isinstance(value, (dict, list))))


def _rejects(output: str) -> str:
    """The file of rejects, beside a table or in a folder; "" if there is none."""
    if output == "-":
        return "not kept (pass -o to have the reasons in a file)"
    beside = (Path(f"{output}.rejects.csv"), Path(output) / "rejects.csv")
    return next((str(path) for path in beside if path.is_file()), "")


def show(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table to stderr."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), title=title or None, title_justify="left")
    for place, name in enumerate(columns):
        table.add_column(name, no_wrap=place == 0)
    for row in rows:
        table.add_row(*map(_short, row))
    Console(stderr=True, highlight=False, emoji=False).print(table)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"
    return str(value)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Any]:
    """Yield `advance(count)`, which moves a progress bar; if stderr is no terminal, it prints a line now and then."""
    if not sys.stderr.isatty():
        yield _occasional_lines(description, total)
        return
    with _bar() as bar:
        task = bar.add_task(description, total=total)
        yield lambda count=1: bar.advance(task, count)


@contextmanager
def steps() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield `report(what, done, total)`, which shows the current step of a work of several; total is None for a step
    without parts. If stderr is no terminal, such a step has a line, and the parts of the others one now and then."""
    if not sys.stderr.isatty():
        yield _lines_of_steps()
        return
    with _bar() as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True, emoji=False), transient=True)


def _lines_of_steps() -> Callable[[str, int, int | None], None]:
    step, next_line = "", 0.0

    def report(what: str, done: int, total: int | None) -> None:
        nonlocal step, next_line
        if what != step:
            step, next_line = what, monotonic() + FIRST_S
            if total is None:
                say(what)
        elif total is not None and monotonic() > next_line:
            say(f"{what}: {done:,} of {total:,}")
            next_line = monotonic() + SILENCE_S

    return report


def _occasional_lines(description: str, total: int | None) -> Callable[..., None]:
    done, next_line = 0, monotonic() + FIRST_S

    def advance(count: int = 1) -> None:
        nonlocal done, next_line
        done += count
        if monotonic() > next_line:
            say(f"{description}: {done:,}" + (f" of {total:,}" if total else ""))
            next_line = monotonic() + SILENCE_S

    return advance
