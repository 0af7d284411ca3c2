"""Replay: make rows of an output again from the record beside it, and compare them with the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from sciencegen.api.generate import Generation, resolve_generate
from sciencegen.api.optimize import SearchFiles, resolve_optimize, search
from sciencegen.api.sampling.generation import redraw
from sciencegen.api.science import domain_of
from sciencegen.api.writing.comparing import Again, Difference, Differing, chosen, compared, differences
from sciencegen.api.writing.output_record import NOT_RECORDED, OutputRecord, located, read_record
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import check_table, writes_structures
from sciencegen.config import GenerateSettings, OptimizeSettings, ReplaySettings, Settings, as_texts, build_settings
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.data.writers import write_table
from sciencegen.errors import ConfigError, DataError, IncompatibleError, UnknownNameError
from sciencegen.files import found_at, is_replaceable_store
from sciencegen.items import Json
from sciencegen.options import takes
from sciencegen.plugins import CodeRefused, functions_in, no_code
from sciencegen.scoring.plugins import has_module

if TYPE_CHECKING:  # it takes most of a second to import
    import pandas as pd

COLUMNS = ("row", "result", "column", "expected", "found")
SAME, DIFFERS = "same", "differs"
TOGETHER = 256
"""Rows that are written at once."""
NAMING = ("goals", "where", "include", "steer")
"""Settings that may name functions."""

Rows = int | str | Iterable[int] | None
"""Which rows to make again, from 1: a number, numbers, a text such as "1-20,35", or None for all."""


@dataclass(frozen=True)
class Replayed(Result):
    """Rows of an output that were made again.

    `table` has a line for each row that is the same, and one for each field of a row that differs: `row`, `result`
    (same, differs), `column`, `expected` (in the file), `found` (made again).

    Parameters
    ----------
    differences : tuple of Difference
        Ingredients that are not as the record says, each with `ingredient`, `expected`, `found`, `remedy`, and
        `prevents`: whether rows can't be made again. If one does, the table is empty.
    """

    differences: tuple[Difference, ...] = field(default=(), kw_only=True)

    @property
    def same(self) -> bool:
        """Whether all rows are the same."""
        return self.summary["same"] == self.summary["rows"]


@dataclass(frozen=True)
class ReplayRequest:
    """Rows to make again.

    record: of the file. rows: numbers from 1; None: all. how: to make them. differences: of the ingredients. code: the
    programs and functions that the record names.
    """

    file: Path
    record: OutputRecord
    rows: NumberRanges | None
    how: ReplaySettings
    differences: tuple[Difference, ...]
    code: tuple[str, ...]

    @property
    def settings(self) -> Json:
        """Settings to make rows again: those of the record, with paths as they are now."""
        recorded = {name: one for name, one in self.record.settings.items() if name not in NOT_RECORDED}
        here = {"device": self.record.device, "threads": self.how.threads}
        return {**located(recorded, self.file.parent), **here}

    @property
    def numbers(self) -> NumberRanges:
        """Numbers of the rows to make again."""
        return NumberRanges(((1, self.record.rows),) if self.record.rows else ()) if self.rows is None else self.rows

    @property
    def prevented(self) -> bool:
        """Whether rows can't be made again."""
        return bool(self.reasons)

    @property
    def reasons(self) -> str:
        """The ingredients that prevent it, by name."""
        return ", ".join(one.ingredient for one in self.differences if one.prevents)


@takes(ReplaySettings)
def replay(file: str | Path, rows: Rows = None, **options: object) -> Replayed:
    """Make rows of an output again from the record beside it, and compare them with the file, byte for byte.

    The record `<file>.provenance.json` names what the rows depend on: settings, seed, models, files, device, versions
    of software, and the computer. What differs is found first. Rows are made again unless a model, file, setting or
    device is another one.

    Parameters
    ----------
    file : str or Path
        A file that `generate` or `optimize` wrote.
    rows : int, str or sequence of int, optional
        Numbers from 1, as `17`, `[1, 2]` or `"1-20,35"`; all by default. A row of `generate` takes as long as a few,
        wherever it stands. Rows of `optimize`, with building blocks, or with coordinates by a model of conformers
        depend on the others, so all are made.

    Returns
    -------
    Replayed
        `same` says whether all rows are; `table` which, and what differs; `differences` the ingredients.

    Raises
    ------
    ConfigError
        If the record names programs or functions and `run_programs` is false; the message lists them.
    DataError
        If the file or its record is missing, or has no such row.
    IncompatibleError
        For a record of a newer version, or a damaged one.

    Examples
    --------
    >>> import sciencegen as sg, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> file = sg.generate("molecules", 3, seed=1, include="qed", threads=1).write(folder / "hits.csv")
    >>> sg.replay(file, 2, threads=1).table["result"].tolist()
    ['same']
    """
    return replayed(resolve_replay(file, rows, build_settings(ReplaySettings, options)))


def resolve_replay(file: str | Path, rows: Rows, settings: ReplaySettings) -> ReplayRequest:
    """Read the record of a file and find what differs from it; wrong rows, and code that may not run, are an error."""
    path = Path(file)
    if not path.is_file() and not is_replaceable_store(path):
        there = found_at(path)
        raise DataError(f"Expected an output of `generate` or `optimize` at {path}, found {there}. Check the path.")
    record, chosen = read_record(path), numbers_of(rows)
    if record.verb not in MAKE:
        raise IncompatibleError(f"Expected the record of {' or '.join(MAKE)} for {path}, found one of {record.verb}.")
    if chosen is not None and chosen.ranges[-1][1] > record.rows:
        raise DataError(f"Expected rows up to {record.rows}, as many as {path} has, got {chosen.ranges[-1][1]}.")
    programs, functions = named_code(record)
    if programs and not settings.run_programs:
        raise _refused(path, [*programs, *functions])
    found = differences(record, path, MAKE[record.verb].settings)
    return ReplayRequest(path, record, chosen, settings, tuple(found), (*programs, *functions))


def named_code(record: OutputRecord) -> tuple[list[str], list[str]]:
    """The programs and the functions of the user's that a record names. Names of the form `module:function` are among
    them if there is such a module, unless the domain has them; a model's own may be. Only the domain is imported."""
    given = record.settings.get("oracles")
    oracles = given.values() if isinstance(given, dict) else ()
    programs = [f"the program '{one['command']}'" for one in oracles if isinstance(one, dict) and "command" in one]
    naming = [one for name in NAMING if isinstance(one := record.settings.get(name), str | list)]
    words = dict.fromkeys(word for one in naming for text in as_texts(one) for word in functions_in(str(text)))
    functions = [word for word in words if has_module(word) and not _is_own(record.domain, word)]
    return programs, [f"the function '{word}'" for word in functions]


def _refused(file: Path, code: Iterable[str]) -> ConfigError:
    return ConfigError(
        f"Expected a record without programs and functions, that of {file} names {'; '.join(code)}. Pass "
        "`run_programs` to run them, if you trust whoever wrote the record."
    )


def _is_own(domain: str, name: str) -> bool:
    """Whether a domain has an oracle of this name, such as dock:EGFR."""
    try:
        domain_of(domain).oracles.find(name)
    except UnknownNameError:
        return False
    except ConfigError:  # it is known, but can't be used here
        return True
    return True


def numbers_of(rows: Rows) -> NumberRanges | None:
    """The numbers of rows; None for all."""
    if rows is None:
        return None
    try:
        text = rows if isinstance(rows, str) else ",".join(map(str, [rows] if isinstance(rows, int) else rows))
        numbers = NumberRanges.parse(text)
    except (ValueError, TypeError):
        raise ConfigError(f"Expected numbers of rows such as 17 or 1-20,35, got {str(rows)[:40]!r}.") from None
    if not numbers.ranges or numbers.ranges[0][0] < 1:
        raise ConfigError(f"Expected numbers of rows from 1, got {text[:40] or 'none'}.")
    return numbers


def replayed(request: ReplayRequest, advance: Callable[[int], None] = lambda rows: None) -> Replayed:
    """Make the rows again and compare them. advance: called with the number of rows compared."""
    import pandas as pd

    lines: list[tuple[int, str, str, str, str]] = []
    same = total = 0
    for number, parts in () if request.prevented else _compared(request):
        total, same = total + 1, same + (not parts)
        lines += [(number, DIFFERS, *one) for one in parts] or [(number, SAME, "", "", "")]
        advance(1)
    if request.prevented:
        total = len(request.numbers)
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    summary = {
        "rows": total,
        "same": same,
        "differ": 0 if request.prevented else total - same,
        "not_made": total if request.prevented else 0,
        "ingredients": [one.ingredient for one in request.differences],
    }
    return Replayed(
        table, summary, tuple(map(str, request.differences)), _writer(table), differences=request.differences
    )


def _writer(table: pd.DataFrame) -> Callable[[Path, bool], None]:
    def write(path: Path, overwrite: bool) -> None:
        check_table(str(path), "rows that were made again")
        write_table(path, {name: table[name].tolist() for name in COLUMNS})

    return write


def _compared(request: ReplayRequest) -> Iterator[tuple[int, list[Differing]]]:
    """(number, fields that differ) of each row."""
    with TemporaryDirectory() as folder:
        try:
            with nullcontext() if request.how.run_programs else no_code():
                again = MAKE[request.record.verb].rows(request, Path(folder) / request.file.name)
        except CodeRefused as error:
            raise _refused(request.file, dict.fromkeys([*request.code, error.what])) from None
        yield from compared(request.file, again, request.numbers, every=request.rows is None)


def _generate(request: ReplayRequest, output: Path) -> Again:
    """Rows of a generation: the draws of the chosen ones, or all where they depend on each other."""
    settings = build_settings(GenerateSettings, request.settings)
    made = resolve_generate(request.record.domain, settings)
    science, record = made.draws.model.domain, request.record
    if record.draws is None:
        generation = Generation(made.draws)
        made.write(generation, made.open(str(output)), generation)
        return Again(science, output)
    left = set(NumberRanges.parse(record.left_out))
    present = (number for number in count(1) if number not in left)  # those of the rows before some were left out
    numbers = [number for _, number in chosen(present, request.numbers) if number is not None]
    draws = list(NumberRanges.parse(record.draws).at(number - 1 for number in numbers))
    writer, drawn = made.open(str(output), names=True), zip(numbers, redraw(made.draws, draws), strict=True)
    with writer:
        while rows := list(islice(drawn, TOGETHER)):
            table = {name: [row[name] for _, row in rows] for name in made.draws.columns}
            names = {"id": [str(number) for number, _ in rows]} if writes_structures(str(output)) else {}
            writer.write({**table, **names})
    return Again(science, output, len(numbers), writer.left_out_rows)


def _optimize(request: ReplayRequest, output: Path) -> Again:
    """The candidates of a search, which is done again."""
    settings = build_settings(OptimizeSettings, request.settings)
    made = resolve_optimize(request.record.domain, settings)
    search(made).write(SearchFiles(str(output)))
    return Again(made.model.domain, output)


class Verb(NamedTuple):
    """settings: their type. rows: makes rows again, in a file of the same ending."""

    settings: type[Settings]
    rows: Callable[[ReplayRequest, Path], Again]


MAKE = {"generate": Verb(GenerateSettings, _generate), "optimize": Verb(OptimizeSettings, _optimize)}
"""By the verb of a record."""
