"""`sciencegen score`: properties of a file of items."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, summarize
from sciencegen.cli.output import claim_output, input_path, reasons
from sciencegen.errors import DataError


def score(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="The file of items; - is stdin.", show_default=False)],
    names: Annotated[
        list[str] | None, typer.Option("--with", help="Properties and oracles, a,b,c. [default: all properties]")
    ] = None,
    predictor: options.Predictor = None,
    column: options.Column = None,
    format: options.Format = None,
    threads: options.Threads = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one item may take.")] = 30.0,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Score every item of a file. What can't be read is listed in `<output>.rejects.csv`."""
    from sciencegen.config import Resources

    record = options.settings_from(Resources, None, threads=threads)
    predictors = options.folders(predictor)
    claim_output(output, force)

    from sciencegen.api.outputs import input_ending, open_output, writes_structures
    from sciencegen.api.score import stream

    with input_path(source, partial(input_ending, domain, format)) as path:
        wanted, whole = options.names(names), writes_structures(output)
        scoring = stream(
            domain, path, wanted, predictors, column=column, timeout_s=timeout, resources=record, whole=whole
        )
        place = scoring.domain if whole else domain
        with progress("scoring") as advance, open_output(place, output, scoring.columns) as writer:
            for chunk in scoring:
                writer.write(chunk.values)
                writer.reject(chunk.refused)
                advance(len(chunk.values["item"]))
            if not scoring.scored:
                writer.give_up()
    if not scoring.scored:
        raise DataError(f"No row of {source} could be used; {reasons(output)}.")
    summarize(scoring.summary(), output, as_json)
