"""`sciencegen replay`: make rows of an output again, and compare them with the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output
from sciencegen.config import ReplaySettings
from sciencegen.errors import ConfigError, SciencegenError


class NotTheSame(SciencegenError):
    """Rows that were made again differ from the file, or can't be made again."""

    exit_code = 6


@options.flags_of(ReplaySettings, text=False)
def replay(
    file: Annotated[
        str, typer.Argument(help="A file that generate or optimize wrote, beside its record.", show_default=False)
    ],
    settings: ReplaySettings,
    row: Annotated[list[str] | None, typer.Option(help="Numbers of rows, from 1: 17, or 1-20,35. Repeatable.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All rows.")] = False,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Make rows of an output again from the record beside it, and compare them with the file, byte for byte.

    The record FILE.provenance.json names what rows depend on: settings, seed, models, files, device, versions and the
    computer. What differs is said first, with a remedy. The table of results has a line for each row that is the same,
    and one for each column of a row that differs: row, result, column, expected (in the file), found (made again). The
    exit code is 0 if all rows are the same, else 6. A record that names programs (command) or functions
    (module:function) is refused, and they are listed, unless --run-programs is given.
    """
    if every == bool(row):
        raise ConfigError("Expected `row` N or `all`, got " + ("both." if every else "neither."))
    from sciencegen.api.writing.writer import check_table

    check_table(output, "rows that were made again")
    if output != "-" and Path(output).exists() and Path(file).exists() and Path(output).samefile(file):
        raise ConfigError(f"Expected another file for `output` than {file}, whose rows are compared.")
    claim_output(output, force)

    from sciencegen.api.replay import replayed, resolve_replay

    request = resolve_replay(file, None if every else ",".join(row or ()), settings)
    for code in request.code:
        say(f"note: the record names {code}, which may run.")
    for one in request.differences:
        say(f"note: {one}")
    with progress("comparing", len(request.numbers)) as advance:
        found = replayed(request, advance)
    if request.prevented:
        summarize(found.summary, output, as_json)
        raise NotTheSame(f"No row of {file} can be made again as it is: {request.reasons} differs, see above.")
    found.write(output, force)
    summarize(found.summary, output, as_json)
    if not found.same:
        counted = f"{found.summary['differ']} of {found.summary['rows']} rows of {file} differ"
        raise NotTheSame(f"Expected the same rows, {counted} from those made again.")
