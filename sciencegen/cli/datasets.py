"""`sciencegen datasets list|show|fetch|prepare`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import partial
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output, input_path
from sciencegen.config import PrepareSettings
from sciencegen.files import check_writable

app = typer.Typer(no_args_is_help=True, help="List, download and prepare datasets.")

Name = Annotated[str, typer.Argument(help="The dataset's name, as in `datasets list`.", show_default=False)]
Offline = Annotated[bool | None, typer.Option("--offline", help="Use only files that are already on this machine.")]


@app.command("list")
def list_datasets(as_json: options.Json = False) -> None:
    """List all datasets that have a card, and whether they are on this machine."""
    from sciencegen.api.datasets import list_datasets as list_all

    rows = list_all()
    if as_json:
        print(json.dumps(rows))
        return
    from rich.console import Console
    from rich.table import Table

    shown = ("name", "rows", "sample", "here", "title")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in shown:
        table.add_column(name, no_wrap=name != "title", justify="right" if name in ("rows", "sample") else "left")
    for row in rows:
        table.add_row(*(f"{row[name]:,}" if isinstance(row[name], int) else row[name] for name in shown))
    Console(highlight=False, emoji=False).print(table)
    print("\nsciencegen datasets show NAME: sources, licence, columns, splits")


@app.command("show")
def show(name: Name, as_json: options.Json = False) -> None:
    """A dataset's card: sources, licence, citation, columns with units, split."""
    from sciencegen.api.datasets import show as show_card

    card = show_card(name)
    if as_json:
        print(json.dumps(card, default=str))
        return
    import yaml

    print(yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=100).rstrip())


@app.command("fetch")
def fetch(
    name: Name,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="A folder to copy the files into.", show_default=False)
    ] = None,
    offline: Offline = None,
    as_json: options.Json = False,
) -> None:
    """Download a dataset into the cache and check it against its sha256. If a source fails, the next one is tried. A
    simulated dataset is computed instead."""
    from sciencegen.api.datasets import fetch as fetch_card
    from sciencegen.api.datasets import note_on

    if output is not None:
        check_writable(output, "`output`")
    with progress(f"fetching {name}") as advance:
        so_far = [0]

        def show(done: int, _: int) -> None:
            advance(max(0, done - so_far[0]))  # a new file begins at 0
            so_far[0] = done

        paths = fetch_card(name, offline=bool(offline), progress=show, output=output)
    if note := note_on(name):
        say(f"note: {note}")
    summarize({"files": len(paths)}, str(paths[0].parent) if paths else "", as_json)
    if not as_json:
        for path in paths:
            print(path)


@app.command("prepare")
@options.flags_of(PrepareSettings, without=("seed", "device", "batch_size"))
def prepare(
    domain: options.Domain,
    output: Annotated[str, typer.Option("-o", "--output", help="The folder to write.", show_default=False)],
    source: Annotated[
        str | None, typer.Argument(help="A file (- is stdin), or a dataset's name, or one of its splits: name/train.")
    ] = None,
    *,
    settings: PrepareSettings,
    format: options.Format = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Standardize items, remove duplicates and compute properties. Refused rows are listed in its rejects.csv."""
    claim_output(output, force, folder=True)

    from sciencegen.api.sources.preparation import prepare_source
    from sciencegen.api.writing.writer import input_ending

    stdin = (
        input_path("-", partial(input_ending, domain, format, column=settings.column))
        if settings.source == "-"
        else nullcontext()
    )
    with stdin as path, progress("preparing") as advance:
        done = [0]

        def show(rows: int) -> None:
            advance(rows - done[0])
            done[0] = rows

        prepared = prepare_source(domain, output, settings, force=force, progress=show, path=path, log=say)
    counts = prepared.summary["counts"]
    summarize({**counts, "rejects": str(prepared.rejects_path)}, output, as_json)
