"""Predictions of held-out rows in a predictor's folder, from which its calibration is plotted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.data.writers import write_table
from sciencegen.errors import ConfigError, DataError, unknown_name

if TYPE_CHECKING:  # they import libraries that many verbs don't need
    from sciencegen.prediction import Evaluation
    from sciencegen.report.figures.calibration import Predictions

HELD_OUT = "held_out.csv"
NUMBERS = ("measured", "predicted", "lower", "upper")
COLUMNS = ("split", "row", *NUMBERS, "in_domain")
"""Columns of the file. row: of the rows that were used, from 0."""


def write_held_out(folder: Path, evaluations: Mapping[str, Evaluation]) -> None:
    """Write the predictions of all splits."""
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for split, one in evaluations.items():
        arrays = one.row, one.measured, one.predicted, one.lower, one.upper, one.inside
        columns["split"] += [split] * one.rows
        for name, values in zip(COLUMNS[1:], arrays, strict=True):
            columns[name] += values.tolist()
    write_table(folder / HELD_OUT, columns)


def read_held_out(folder: Path, split: str, level: float) -> Predictions:
    """The predictions of a split; an error for a predictor without the file, and for a split that wasn't evaluated."""
    import pandas as pd

    from sciencegen.report.figures.calibration import Predictions

    path = folder / HELD_OUT
    if not path.is_file():
        raise ConfigError(
            f"Expected predictions of held-out rows in {path}, found no file: point predictors, and those that an "
            "earlier version trained, have none. Train it again."
        )
    try:
        table = pd.read_csv(path)
        own = table[table["split"] == split]
        numbers = own[list(NUMBERS)].to_numpy(np.float64)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        expected = ", ".join(COLUMNS)
        raise DataError(f"Expected the columns {expected} in {path}, found others. Train it again.") from error
    if not len(own):
        raise unknown_name("split", split, sorted(set(table["split"].astype(str))))
    measured, predicted, lower, upper = numbers.T
    return Predictions(measured, predicted, lower, upper, level)
