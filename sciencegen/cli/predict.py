"""`sciencegen predict`: values with intervals from a trained predictor."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.score import score_items
from sciencegen.files import claim_output


def predict(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="The file of items; - is stdin.", show_default=False)],
    predictor: Annotated[list[str], typer.Option(help="name=folder of a trained predictor. Repeatable.")],
    wild_type: options.WildType = None,
    column: options.Column = None,
    format: options.Format = None,
    threads: options.Threads = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Predict properties of every item of a file: value, lower and upper bound, and whether the item is in domain.

    A table's own columns come along.
    """
    from sciencegen.config import Resources

    resources = options.settings_from(Resources, None, threads=threads)
    predictors = options.folders(predictor)
    claim_output(output, force)
    score_items(
        domain, source, [], predictors, wild_type, column, format, resources, 30.0, output, force, as_json,
        carried=True, verb="predict",
    )  # fmt: skip
