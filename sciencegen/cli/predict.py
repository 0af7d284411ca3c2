"""`sciencegen predict`: values with intervals from a trained predictor."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.score import Destination, score_items


def predict(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="The file of items; - is stdin.", show_default=False)],
    predictor: Annotated[list[str], typer.Option(help="A trained predictor, NAME=FOLDER. Repeatable.")],
    wild_type: options.WildType = None,
    column: options.Column = None,
    format: options.Format = None,
    threads: options.Threads = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Predict properties of every item of a file: value, lower and upper bound, and whether the item is in domain.

    The other columns of an input table are copied to the output.
    """
    flags = dict(predictors=options.folders(predictor), wild_type=wild_type, column=column, threads=threads)
    score_items(domain, source, format, Destination(output, force, as_json), flags, "predict")
