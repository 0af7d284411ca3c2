"""`sciencegen evaluate`: compare a file of generated items with held-out ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, show, steps, summarize
from sciencegen.cli.output import claim_output, input_path
from sciencegen.config import EvaluateSettings
from sciencegen.errors import ConfigError


@options.flags_of(EvaluateSettings, without=("offline", "batch_size"))
def evaluate(
    domain: options.Domain,
    samples: Annotated[str, typer.Argument(help="The file of generated items; - is stdin.", show_default=False)],
    settings: EvaluateSettings,
    model: str | None = None,
    draws: int | None = None,
    column: options.Column = None,
    format: options.Format = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Compare generated items with held-out ones, and write the metrics as JSON."""
    if not settings.calibrate and draws is not None:
        raise ConfigError("Expected --draws with --calibrate only: no other metric draws from a model.")
    claim_output(output, force, inputs=[samples, settings.against, settings.training])

    from sciencegen.api.evaluate import explained, resolve_evaluate
    from sciencegen.api.science import in_form, reads_folders
    from sciencegen.api.writing.writer import input_ending, write_json

    folders = reads_folders(in_form(domain, settings.form))
    with input_path(samples, partial(input_ending, domain, format, column=column), folders) as path:
        request = resolve_evaluate(domain, path, settings, column)
        with steps() as report:
            metrics = request.compare(report)
    if model is not None and not settings.calibrate and "bits_per_item" not in metrics:
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
