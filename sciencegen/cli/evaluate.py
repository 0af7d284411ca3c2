"""`sciencegen evaluate`: compare a file of generated items with held-out ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, show, steps, summarize
from sciencegen.cli.output import claim_output, input_path
from sciencegen.errors import ConfigError


def evaluate(
    domain: options.Domain,
    samples: Annotated[str, typer.Argument(help="The file of generated items; - is stdin.", show_default=False)],
    against: Annotated[
        str | None, typer.Option(help="Held-out items: a dataset and its split (name/test), a file, or a folder.")
    ] = None,
    training: Annotated[
        str | None,
        typer.Option(help="Training items, to measure novelty: a dataset and its split (name/train), or a file."),
    ] = None,
    model: options.Model = None,
    calibrate: Annotated[
        list[str] | None,
        typer.Option(help="NAME=1,2,3: measure how closely draws of --model meet these requested values. Repeatable."),
    ] = None,
    predictor: options.Predictor = None,
    draws: Annotated[int | None, typer.Option(help="Draws for each requested value. [default: 512]")] = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first N generated items.")] = None,
    column: options.Column = None,
    form: options.Form = None,
    format: options.Format = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    settings: options.SettingsText = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Compare generated items with held-out ones, and write the metrics as JSON."""
    from sciencegen.config import EvaluateSettings

    values = {name: str(text).split(",") for name, text in options.pairs(calibrate, "--calibrate").items()}
    flags: dict[str, Any] = dict(against=against, training=training, limit=limit, threads=threads, model=model)
    flags |= dict(draws=draws, seed=seed, device=device, predictors=options.folders(predictor))
    record = options.settings_from(EvaluateSettings, settings, calibrate=values, form=form, **flags)
    if not record.calibrate and draws is not None:
        raise ConfigError("Expected --draws with --calibrate only: no other metric draws from a model.")
    claim_output(output, force, inputs=[samples, record.against, record.training])

    from sciencegen.api.evaluate import compare, explained, resolve_evaluate
    from sciencegen.api.science.forms import in_form, reads_folders
    from sciencegen.api.writing.writer import input_ending, write_json

    folders = reads_folders(in_form(domain, record.form))
    with input_path(samples, partial(input_ending, domain, format, column=column), folders) as path:
        request = resolve_evaluate(domain, path, record, column)
        with steps() as report:
            metrics = compare(request, report)
    if model is not None and not record.calibrate and "bits_per_item" not in metrics:
        say("note: the model has no likelihood of these items, so that --model adds nothing")
    write_json(output, metrics)
    if as_json:
        summarize(metrics, output, as_json)
    else:
        show(("metric", "value", "unit", "what it is"), explained(request.domain, metrics))
        _show_conditions(metrics.get("conditions", {}))


def _show_conditions(conditions: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for name, rows in conditions.items():
        values = [tuple(row.values()) for row in rows]
        show(tuple(rows[0]), values, f"draws of the model for requested values of {name}")
