"""`sciencegen train DOMAIN` (a generative model) and `sciencegen train predictor` (a property regressor)."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import claim_output, input_path
from sciencegen.config import PredictorSettings, TrainSettings
from sciencegen.files import check_writable

MODEL_COMMAND = "DOMAIN"


class TrainGroup(TyperGroup):
    """A first word that is no command of the group is taken as a domain's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = args and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if known else [MODEL_COMMAND, *args])


app = typer.Typer(cls=TrainGroup, no_args_is_help=True, help="Train a generative model, or a property predictor.")


@app.command(MODEL_COMMAND)
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
    own |= {} if devices is None else options.pairs([f"devices={devices}"], "--devices")
    given = {name: value for name, value in own.items() if value is not None}
    if given:
        settings = settings.model_copy(update={"training": {**settings.training, **given}})

    from sciencegen.api.train import train_model

    trained = train_model(domain, data, settings, folder=output, column=column, force=force, log=say)
    summarize(trained.metrics, str(trained.folder), as_json)


@app.command("predictor")
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
    output: Annotated[str, typer.Option("-o", "--output", help="The predictor's folder.", show_default=False)],
    settings: PredictorSettings,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Train a property predictor with calibrated intervals from a table of items and values.

    A training that was stopped starts again with the same command, and only its evaluation if the predictor was saved;
    one of 1,000 molecules takes about a minute of one core. With --form structures, neural networks predict one or
    several targets (--target a,b,c) from the coordinates, and the same command resumes their training.
    """
    from sciencegen.api.train_predictor import awaits_figures, fit_predictor
    from sciencegen.api.writing.writer import input_ending

    if settings.form:  # networks resume in the folder of a killed call
        check_writable(Path(output) / "predictor", "`output`")
    else:
        claim_output(output, force or awaits_figures(output), folder=True)
    source = input_path(table, partial(input_ending, domain, ".csv")) if table == "-" else nullcontext(table)
    with source as path:
        trained = fit_predictor(domain, path, settings, folder=output, force=force, log=say)
    summarize(trained.metrics, output, as_json)
