"""`sciencegen datasets` and `train`: data, and what learns from them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import Outlet, claim_output, input_path
from sciencegen.config import PredictorSettings, PrepareSettings, TrainSettings
from sciencegen.errors import ConfigError
from sciencegen.files import check_writable

if TYPE_CHECKING:
    from typer._click.core import Command, Context

# `sciencegen datasets list|show|fetch|export|prepare`.

datasets_app = typer.Typer(no_args_is_help=True, help="List, download and prepare datasets.")

Name = Annotated[str, typer.Argument(help="The dataset's name, as in `datasets list`.", show_default=False)]
Offline = Annotated[bool | None, typer.Option("--offline", help="Use only files that are already on this machine.")]


@datasets_app.command("list")
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


@datasets_app.command("show")
def show_card(name: Name, as_json: options.Json = False) -> None:
    """A dataset's card: sources, licence, citation, columns with units, split."""
    from sciencegen.api.datasets import show as show_card

    card = show_card(name)
    if as_json:
        print(json.dumps(card, default=str))
        return
    import yaml

    print(yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=100).rstrip())


@datasets_app.command("fetch")
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


@datasets_app.command("export")
def export(
    name: Name,
    output: Annotated[str, typer.Option("-o", "--output", help="The file to write, - is stdout.")] = "-",
    croissant: Annotated[
        bool, typer.Option("--croissant", help="As Croissant, JSON-LD of MLCommons: files, checksums, columns, units.")
    ] = False,
    force: options.Force = False,
) -> None:
    """Describe a dataset for other programs and hubs, from its card."""
    if not croissant:
        raise ConfigError("Expected a format, got none: pass --croissant.")
    claim_output(output, force)

    from sciencegen.api.croissant import croissant as described
    from sciencegen.api.writing.writer import write_json

    found = described(name)
    write_json(output, found)
    summarize({"files": len(found["distribution"]), "tables": len(found["recordSet"])}, output, False)


@datasets_app.command("prepare")
@options.flags_of(PrepareSettings, without=("seed", "device", "batch_size"))
def prepare(
    domain: options.Domain,
    outlet: Annotated[Outlet, typer.Option("-o", "--output", help="The folder to write.", show_default=False)],
    source: Annotated[
        str | None, typer.Argument(help="A file (- is stdin), or a dataset's name, or one of its splits: name/train.")
    ] = None,
    *,
    settings: PrepareSettings,
    format: options.Format = None,
) -> None:
    """Standardize items, remove duplicates and compute properties. Refused rows are listed in its rejects.csv."""
    outlet.claim(folder=True)

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

        prepared = prepare_source(
            domain, outlet.output, settings, force=outlet.force, progress=show, path=path, log=say
        )
    counts, book = prepared.summary["counts"], prepared.summary["ledger"]
    outlet.summarize({**counts, "ledger": book, "rejects": str(prepared.rejects_path)})


# `sciencegen train DOMAIN` (a generative model) and `sciencegen train predictor` (a property regressor).

MODEL_COMMAND = "DOMAIN"


class TrainGroup(TyperGroup):
    """A first word that is no command of the group is taken as a domain's name."""

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        known = args and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if known else [MODEL_COMMAND, *args])


train_app = typer.Typer(cls=TrainGroup, no_args_is_help=True, help="Train a generative model, or a property predictor.")


@train_app.command(MODEL_COMMAND)
@options.flags_of(TrainSettings, without=("batch_size",))
def model(
    domain: options.Domain,
    data: Annotated[
        str | None,
        typer.Option("--data", "--alignment", help="Training data: a prepared folder, a file, or a dataset's name."),
    ] = None,
    *,
    settings: TrainSettings,
    optimizer: Annotated[str | None, typer.Option(help="adamw, muon, soap or shampoo. [default: adamw]")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Of the learning rate: cosine, linear, constant or wsd. [default: cosine]")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Longest time of the steps, whose schedule ends with it; fits and figures follow."),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(help="GPUs to train on, or processes on a CPU: a number, or auto for all GPUs. [default: 1]"),
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(help="Machines to train on; start the command on each of them. [default: 1]")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="How devices work together: ddp, or auto. [default: auto]")
    ] = None,
    logger: Annotated[
        str | None, typer.Option(help="Gets the rows of log.csv: csv, tensorboard, wandb or mlflow. [default: none]")
    ] = None,
    column: options.Column = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="The model's folder. [default: runs/ and a hash]")
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Train a generative model, fine-tune one (--from), or distill a diffusion to fewer steps (--from, --distill).

    The same command resumes a training that was stopped.
    """
    own: dict[str, Any] = {"optimizer": optimizer, "schedule": schedule, "nodes": nodes, "strategy": strategy}
    own |= {"logger": logger, "minutes": minutes}
    own |= {} if devices is None else options.pairs([f"devices={devices}"], "--devices")
    given = {name: value for name, value in own.items() if value is not None}
    if given:
        settings = settings.model_copy(update={"training": {**settings.training, **given}})

    from sciencegen.api.train import train_model

    trained = train_model(domain, data, settings, folder=output, column=column, force=force, log=say)
    summarize(trained.metrics, str(trained.folder), as_json)


@train_app.command("predictor")
@options.flags_of(PredictorSettings, without=("batch_size",))
def predictor(
    domain: options.Domain,
    table: Annotated[
        str,
        typer.Argument(
            help="A table with columns of items and of the target, a dataset's name, or a prepared folder; - is stdin.",
            show_default=False,
        ),
    ],
    outlet: Annotated[Outlet, typer.Option("-o", "--output", help="The predictor's folder.", show_default=False)],
    settings: PredictorSettings,
) -> None:
    """Train a property predictor with calibrated intervals from a table of items and values.

    A training that was stopped starts again with the same command, and only its evaluation if the predictor was saved;
    one of 1,000 molecules takes about a minute of one core. With --form structures, neural networks predict one or
    several targets (--target a,b,c) from the coordinates, and the same command resumes their training.
    """
    from sciencegen.api.train_predictor import awaits_figures, fit_predictor
    from sciencegen.api.writing.writer import input_ending

    if settings.form:  # networks resume in the folder of a killed call
        check_writable(Path(outlet.output) / "predictor", "`output`")
    else:
        claim_output(outlet.output, outlet.force or awaits_figures(outlet.output), folder=True)
    source = input_path(table, partial(input_ending, domain, ".csv")) if table == "-" else nullcontext(table)
    with source as path:
        trained = fit_predictor(domain, path, settings, folder=outlet.output, force=outlet.force, log=say)
    outlet.summarize(trained.metrics)
