"""Items that a table names against one of them: `--wild-type`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sciencegen.api.rooms import domain_of
from sciencegen.data.tables import Row, read_table
from sciencegen.domains.base import VARIANT_COLUMNS, Refusal
from sciencegen.errors import ConfigError

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


@cache
def _read(domain: str, source: str) -> Any:
    science = domain_of(domain)
    if not hasattr(science, "reference"):
        raise ConfigError(f"Expected no --wild-type: {science.name} have no variants by name.")
    return science.reference(source)


def reference_of(science: Any, source: str | None) -> Any:
    """What items are named against, or None."""
    return _read(science.name, source) if source else None


def parse_texts(science: Any, texts: Sequence[str], source: str | None) -> list[Any]:
    """Items, or why a text is none; source: of the reference that texts may be named against."""
    reference = reference_of(science, source)
    if reference is None:
        return [science.parse(text) for text in texts]
    named = [science.of_reference(reference, text) for text in texts]
    return [one if isinstance(one, Refusal) else science.parse(one) for one in named]


def read_rows_of(science: Any, path: Path, column: str | None, source: str | None) -> Iterator[Row]:
    """The rows of a file; with a reference, of a table the column of names comes first."""
    reference_of(science, source)  # a wrong one is an error before any row is read
    if source and path.name.lower().endswith(TABLES):
        return read_table(path, (*VARIANT_COLUMNS, *science.item_columns), column)
    return science.read(path, column)
