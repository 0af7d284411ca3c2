"""The rows of a file, of a prepared dataset, or of a dataset card."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import read_rows_of
from sciencegen.api.sources.datasets import all_rows, open_source, prepared_at, reference_row_of_card
from sciencegen.config import PredictorSettings, PrepareSettings, Reading, as_texts
from sciencegen.data.prepared import SUMMARY, PreparedDataset
from sciencegen.items import Row


def read_rows(domain: str, table: str, chosen: PredictorSettings) -> tuple[list[Row], list[Path]]:
    """Rows of a file, of a prepared dataset or of a dataset card (both with or without a split, as in
    `folder/train`); and the files that they were read from."""
    if (found := prepared_at(table, chosen.limit)) is not None:
        return _prepared_rows(*found), [found[0].path / SUMMARY]
    if chosen.wild_type and Path(table).is_file():
        rows = read_rows_of(domain_of(domain), Path(table), chosen.column, chosen.wild_type, whole=True)
        return list(islice(rows, chosen.limit)), [Path(table)]
    reading = {name: getattr(chosen, name) for name in ("column", *Reading.__annotations__)}
    rows_by_split, files = open_source(domain, PrepareSettings(source=table, **reading))
    return [*all_rows(rows_by_split), *([] if files else reference_row_of_card(domain, table, chosen.target))], files


def _prepared_rows(data: PreparedDataset, split: str | None) -> list[Row]:
    names, values = data.property_names, data.values(split)
    present = ({name: float(value) for name, value in zip(names, row, strict=True) if value == value} for row in values)
    return [Row(line, text, one) for line, (text, one) in enumerate(zip(data.items(split), present, strict=True), 1)]


def given_rows(texts: str | Iterable[str]) -> list[Row]:
    """Rows of one or several texts, numbered from 1."""
    return [Row(line, text) for line, text in enumerate(as_texts(texts), start=1)]
