"""`sciencegen predict`: values with intervals from a trained predictor."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.score import Destination, score_items
from sciencegen.config import ScoreSettings


@options.flags_of(
    ScoreSettings,
    without=("names", "model", "cache", "timeout_s", "seed", "device", "batch_size"),
    required=("predictors",),
    text=False,
)
def predict(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="The file of items; - is stdin.", show_default=False)],
    settings: ScoreSettings,
    format: options.Format = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Predict properties of every item of a file: value, lower and upper bound, and whether the item is in domain.

    The other columns of an input table are copied to the output.
    """
    score_items(domain, source, format, Destination(output, force, as_json), settings, "predict")
