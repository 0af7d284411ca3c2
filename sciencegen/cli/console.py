"""What a command says: messages, tables and progress on stderr, with settings as flags, and the records of a job.

Messages go to stderr, so that stdout holds results only."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sciencegen import progress as notes
from sciencegen.progress import Pace, Report

if TYPE_CHECKING:
    from rich.progress import Progress


# Setting names in messages as the flags of the command line.

OTHER_FLAGS = {
    "output": "-o",
    "controls": "--control",
    "conditions": "--condition",
    "column": "--item-column",
    "predictors": "--predictor",
    "rows": "--row",
    "settings": "--set",
    "goals": "--goal",
    "novel: false": "--allow-known",
    "plausible: false": "--allow-implausible",
    "edge_wells": "--no-edge-wells",
}
"""Settings whose flag has another name."""
_further = frozenset[str]()
_same_name: Callable[[], frozenset[str]] = frozenset


def take_names(names: Callable[[], frozenset[str]]) -> None:
    """Say what tells the names whose flag, of any command, is the name with dashes."""
    global _same_name
    _same_name = names


def take_further(names: Iterable[str]) -> None:
    """Say which settings the command that runs takes by `--set`."""
    global _further
    _further = frozenset(names)


def in_flags(message: str) -> str:
    """Replace names of settings in a message (`wild_type`) by flags (--wild-type); other words stay.

    Examples
    --------
    >>> from sciencegen.cli.console import in_flags
    >>> import sciencegen.cli.main  # which knows all commands
    >>> in_flags("Pass `wild_type`, or `predictors` NAME=FOLDER.")
    'Pass --wild-type, or --predictor NAME=FOLDER.'
    """
    return re.sub(r"`([a-z][a-z_]*(?:: false)?)`", lambda found: _flag(found[1]) or found[0], message)


def in_keys(message: str) -> str:
    """Replace names of settings in a message by the parameters of requests, which are called like the flags.

    Examples
    --------
    >>> in_keys("Pass `wild_type`, or `column` with the name of the items' column.")
    "Pass `wild_type`, or `item_column` with the name of the items' column."
    """
    return re.sub(r"`([a-z][a-z_]*(?:: false)?)`", lambda found: _key(found[1]), message)


def _key(name: str) -> str:
    if name in _further:
        return f"`set` {name}"
    return f"`{_flag(name).lstrip('-').replace('-', '_') if len(_flag(name)) > 2 else name}`"


def _flag(name: str) -> str:
    """The flag of a setting, "" where there is none."""
    if name in _further:
        return f"--set {name}"
    return OTHER_FLAGS.get(name) or (f"--{name.replace('_', '-')}" if name in _same_name() else "")


# What a command that works for a server leaves in the records of its job: how far it is, and how it ended.

PAUSE_S = 0.5
"""Seconds between two records of the progress."""

_next = 0.0
_error = ""


def show_progress(what: str, done: int, total: int | None, note: str = "") -> None:
    """Record the progress, now and then and at the end."""
    global _next
    folder = os.environ.get(notes.JOB)
    if folder is None or (monotonic() < _next and done != total):
        return
    from sciencegen.serving.records import PROGRESS, write_json

    _next = monotonic() + PAUSE_S
    with suppress(OSError):  # a record of the progress is not worth the work
        write_json(Path(folder) / PROGRESS, {"what": what, "done": done, "total": total, "note": note})


def failed(error: str) -> None:
    """Keep the error that ends the command. Settings in it are named as requests name them."""
    global _error
    _error = in_keys(error)


def leave(code: int) -> None:
    """Record how the command ended."""
    global _error
    folder, error = os.environ.get(notes.JOB), _error
    _error = ""
    if folder is None:
        return
    from dataclasses import asdict

    from sciencegen.serving.records import OUTCOME, Outcome, write_json

    with suppress(OSError):
        write_json(Path(folder) / OUTCOME, asdict(Outcome(code, error, notes.recorded())))


# Messages, tables and progress of a verb. They go to stderr, so that stdout holds results only.

Value = TypeVar("Value")

REFUSED = ("refused", "failed_scores", "left_out")
"""Counts in a summary whose rows are listed in a file of rejects."""
LEDGERS = ("measured_ledger", "ledger")
"""Entries of a summary that say what became of rows, draws or items."""
FIRST_S, SILENCE_S = 2.0, 20.0
"""Seconds until the first progress line of a log, and between later lines."""


def say(message: str, style: str = "", names_keys: bool = False) -> None:
    """Print a line to stderr. Settings in it are shown as flags, unless it names keys of a config (`names_keys`).
    Control characters are escaped, since a message may quote a file."""
    from rich.console import Console

    notes.record(message)
    shown = message if names_keys or "`" not in message else in_flags(message)
    visible = (one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode() for one in shown)
    console = Console(stderr=True, highlight=False, emoji=False)
    console.print("".join(visible), style=style, markup=False, soft_wrap=True)


def tell(remarks: Iterable[str]) -> None:
    """Print notes on results to stderr."""
    for one in remarks:
        say(f"note: {one}")


NEXT = {
    "generate": "sciencegen evaluate {domain} {output} --against known.csv -o metrics.json",
    "optimize": "sciencegen replay {output} --row 1",
    "propose": "sciencegen record {domain} results.csv --journal campaign.csv",
    "record": "sciencegen propose {domain} --journal {output} -o plate.csv",
    "score": "sciencegen map {domain} --data {output} -o map.png",
    "predict": "sciencegen propose {domain} --pool {output} --measured measured.csv --target value -o plate.csv",
    "encode": "sciencegen decode {domain} {output} -o items.csv",
    "decode": "sciencegen score {domain} {output} -o scored.csv",
    "interpolate": "sciencegen score {domain} {output} -o scored.csv",
    "restore": "sciencegen score {domain} {output} -o measured.csv",
    "sequences": "sciencegen score {domain} {output} -o scored.csv",
    "evaluate": "sciencegen optimize {domain} --goal ... -o best.csv",
    "backtest": "sciencegen propose {domain} --measured measured.csv --target value -o plate.csv",
    "benchmark": "sciencegen optimize {domain} --goal ... -o best.csv",
    "cutout": "sciencegen restore {domain} {output} -o restored.fits",
    "compress": "sciencegen decompress {domain} {output} -o back.fits",
    "prepare": "sciencegen train {domain} --data {output} -o runs/model",
    "train": "sciencegen generate {domain} --model {output} -n 100 -o draws.csv",
    "predictor": "sciencegen predict {domain} items.csv --predictor value={output} -o predicted.csv",
}
"""What usually follows a command, by its last word before the domain; a terminal shows it after the summary."""


def _following(output: str) -> str:
    """What usually follows the command that runs, or "" if nothing does."""
    from sciencegen.api.writing.writer import PICTURES

    words = sys.argv[1:]
    at = max((place for place in range(min(3, len(words))) if words[place] in NEXT), default=None)
    if at is None or at + 1 >= len(words) or output == "-" or output.lower().endswith(PICTURES):
        return ""
    return NEXT[words[at]].format(domain=words[at + 1], output=shlex.quote(output))


def summarize(summary: Mapping[str, Any], output: str, as_json: bool) -> None:
    """Print the counts of a run to stderr; with --json to stdout, or to stderr if the results go to stdout. If rows
    were refused, the summary names the file with the reasons."""
    listed = _rejects(output) if "rejects" not in summary and any(map(summary.get, REFUSED)) else ""
    summary = {**summary, **({"rejects": listed} if listed else {})}
    notes.ledgers[:] = [summary[name] for name in LEDGERS if name in summary]
    shown = {key: value for key, value in summary.items() if value not in (None, [], {}, "")}
    if as_json:
        print(json.dumps({"output": output, **summary}, default=str), file=sys.stderr if output == "-" else sys.stdout)
        return
    for name in LEDGERS:
        if book := shown.get(name):
            (what, count), *parts = book.items()
            shown[name] = f"{count} {what} = {' + '.join(f'{number} {part}' for part, number in parts)}"
    if left := shown.get("left_out"):
        shown["left_out"] = f"{sum(left.values())} ({', '.join(f'{why}: {count}' for why, count in left.items())})"
    say("  ".join(f"{key} {_short(value)}" for key, value in shown.items() if not isinstance(value, (dict, list))))
    if sys.stderr.isatty() and (following := _following(output)):
        say(f"next: {following}", style="dim")


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


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"
    return str(value)


class Advance(Protocol):
    """Called with the number of items that were done since the last call, and what to say beside their count."""

    def __call__(self, count: int = 1, note: str = "") -> None: ...


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Advance]:
    """Yield `advance(count)`, which moves a progress bar; if stderr is no terminal, it prints a line now and then.
    Both say how long the rest takes."""
    if not sys.stderr.isatty():
        yield _occasional_lines(description, total)
        return
    done, pace = 0, Pace()
    with _bar() as bar:
        task = bar.add_task(description, total=total, beside="")

        def advance(count: int = 1, note: str = "") -> None:
            nonlocal done
            done += count
            bar.update(task, completed=done, beside=_joined(note, pace.left(done, total)))

        yield advance


@contextmanager
def steps() -> Iterator[Report]:
    """Yield `report(what, done, total)`, which shows the current step of a work of several; total is None for a step
    without parts. If stderr is no terminal, such a step has a line, and the parts of the others one now and then."""
    if not sys.stderr.isatty():
        yield _lines_of_steps()
        return
    step, pace = "", Pace()
    with _bar() as bar:
        task = bar.add_task("", total=None, beside="")

        def report(what: str, done: int, total: int | None) -> None:
            nonlocal step, pace
            if what != step:
                step, pace = what, Pace(done)
            bar.update(task, description=what, completed=done, total=total, beside=pace.left(done, total))

        yield report


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    beside = TextColumn("{task.fields[beside]}")
    return Progress(*columns, beside, console=Console(stderr=True, emoji=False), transient=True)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _counted(description: str, done: int, total: int | None) -> str:
    return f"{description}: {done:,}" + (f" of {total:,}" if total else "")


def _lines_of_steps() -> Report:
    step, next_line, pace = "", 0.0, Pace()

    def report(what: str, done: int, total: int | None) -> None:
        nonlocal step, next_line, pace
        show_progress(what, done, total)
        if what != step:
            step, next_line, pace = what, monotonic() + FIRST_S, Pace(done)
            if total is None:
                say(what)
        elif total is not None and monotonic() > next_line:
            say(_joined(_counted(what, done, total), pace.left(done, total)))
            next_line = monotonic() + SILENCE_S

    return report


def _occasional_lines(description: str, total: int | None) -> Advance:
    done, next_line, pace = 0, monotonic() + FIRST_S, Pace()
    show_progress(description, done, total)

    def advance(count: int = 1, note: str = "") -> None:
        nonlocal done, next_line
        done += count
        show_progress(description, done, total, note)
        if monotonic() > next_line:
            say(_joined(_counted(description, done, total), note, pace.left(done, total)))
            next_line = monotonic() + SILENCE_S

    return advance
