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
from sciencegen.files import check_writable

MODEL_COMMAND = "DOMAIN"


class TrainGroup(TyperGroup):
    """A first word that is no command of the group is taken as a domain's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = args and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if known else [MODEL_COMMAND, *args])


app = typer.Typer(cls=TrainGroup, no_args_is_help=True, help="Train a generative model, or a property predictor.")


@app.command(MODEL_COMMAND)
def model(
    domain: options.Domain,
    data: Annotated[
        str | None,
        typer.Option("--data", "--alignment", help="Training data: a prepared folder, a file, or a dataset's name."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Fine-tune these weights: a shipped name or a folder.")
    ] = None,
    distill: Annotated[
        int | None, typer.Option(help="Distill the diffusion model of --from to this many steps, such as 8.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Kind of model. [default: the domain's own]")] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option("--condition", "--conditions", help="Properties and columns to condition on, a,b,c."),
    ] = None,
    setting: options.RecipeSetting = None,
    training: options.Training = None,
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
    wild_type: options.WildType = None,
    measured: options.Measured = None,
    target: options.Target = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    settings: options.SettingsText = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="The model's folder. [default: runs/ and a hash]")
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Train a generative model, fine-tune one (--from), or distill a diffusion to fewer steps (--from, --distill).

    The same command resumes a training that was stopped.
    """
    from sciencegen.config import TrainSettings

    flags: dict[str, Any] = {"from": start, "recipe": recipe, "conditions": options.names(condition)}
    flags |= {"distill": distill, "wild_type": wild_type, "measured": measured, "target": target}
    of_training = options.pairs(training, "--training")
    own = {"optimizer": optimizer, "schedule": schedule, "nodes": nodes, "strategy": strategy}
    of_training |= {name: value for name, value in own.items() if value is not None}
    of_training |= {} if devices is None else options.pairs([f"devices={devices}"], "--devices")
    flags |= {"settings": options.pairs(setting, "--set"), "training": of_training}
    record = options.settings_from(TrainSettings, settings, seed=seed, device=device, threads=threads, **flags)

    from sciencegen.api.train import train_model

    trained = train_model(domain, data, record, folder=output, column=column, force=force, log=say)
    summarize(trained.metrics, str(trained.folder), as_json)


@app.command("predictor")
def predictor(
    domain: options.Domain,
    table: Annotated[
        str,
        typer.Argument(
            help="A table with columns of items and of the target, a dataset's name, or a prepared folder; - is stdin.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str, typer.Option(help="The column to predict; with --form structures also a,b,c.", show_default=False)
    ],
    output: Annotated[str, typer.Option("-o", "--output", help="The predictor's folder.", show_default=False)],
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the regressor, name=value. Repeatable.")
    ] = None,
    column: options.Column = None,
    form: options.Form = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="A model whose latents or scores are inputs: a shipped name or a folder."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="How held-out items differ from training items in the evaluation: random, grouped, low-high, scaffold "
            "(molecules), positions or mutations (proteins). [default: grouped where groups are small]"
        ),
    ] = None,
    wild_type: options.WildType = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    settings: options.SettingsText = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Train a property predictor with calibrated intervals from a table of items and values.

    A training that was stopped starts again with the same command, and only its evaluation if the predictor was saved;
    one of 1,000 molecules takes about a minute of one core. With --form structures, neural networks predict one or
    several targets (--target a,b,c) from the coordinates, and the same command resumes their training.
    """
    from sciencegen.config import PredictorSettings

    flags: dict[str, Any] = dict(target=target, column=column, form=form, model=model, seed=seed, device=device)
    flags |= dict(settings=options.pairs(setting, "--set"), threads=threads, split=split, wild_type=wild_type)
    record = options.settings_from(PredictorSettings, settings, table=table, **flags)
    from sciencegen.api.predictors.tabular import awaits_figures
    from sciencegen.api.train_predictor import fit_predictor
    from sciencegen.api.writing.writer import input_ending

    if record.form:  # networks resume in the folder of a killed call
        check_writable(Path(output) / "predictor", "`output`")
    else:
        claim_output(output, force or awaits_figures(output), folder=True)
    source = input_path(table, partial(input_ending, domain, ".csv")) if table == "-" else nullcontext(table)
    with source as path:
        trained = fit_predictor(domain, path, record, folder=output, force=force, log=say)
    summarize(trained.metrics, output, as_json)
