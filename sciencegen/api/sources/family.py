"""`measured`: add a table of measured variants to a family's alignment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from sciencegen.api.science.forms import family_of, plain_of
from sciencegen.api.science.naming import read_rows_of
from sciencegen.config import PrepareSettings
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Json, Row

TARGET = "value"


def check_measured_table(science: Domain, settings: PrepareSettings) -> None:
    """Raise an error for wrong settings of `measured`, before anything is read."""
    if settings.measured is None:
        if settings.target is not None:
            raise ConfigError("Expected `measured` with `target`: the table that has this column.")
        return
    if family_of(science) is None:
        raise ConfigError(f"Expected no `measured`: {science.name} are no family. For proteins, pass `form` aligned.")
    if not os.path.isfile(settings.measured):
        raise DataError(f"Expected a table of measured variants at {settings.measured}, found no file.")


def with_measured(
    science: Domain, rows: Iterator[Row] | Mapping[str, Iterator[Row]], context: Json | None, settings: PrepareSettings
) -> tuple[Iterator[Row], Json, tuple[str, ...]]:
    """Rows of the family and of the table, their context, and their numeric columns."""
    family = family_of(science)
    if isinstance(rows, Mapping) or not context or settings.wild_type or family is None:
        raise ConfigError(
            f"Expected an alignment's file, whose first record is the wild type, beside `measured`, got "
            f"'{settings.source}'. A table alone trains a model as `data`, with `wild_type`."
        )
    path, name = Path(str(settings.measured)), settings.target or TARGET
    table = partial(read_rows_of, plain_of(science.name), path, settings.column, True)
    columns = tuple(dict.fromkeys([*(settings.columns or family.columns), name]))
    return family.with_measured(rows, context, table, name), {**context, "measured": name}, columns
