"""Candidates that users supply to a design round: a pool with costs, or additions to generated candidates."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sciencegen.api.campaign.request import SuppliedCandidates
from sciencegen.api.science.naming import ReadItems, read_rows_of
from sciencegen.api.science.workers import describe
from sciencegen.api.sources.datasets import all_rows, open_source
from sciencegen.config import PrepareSettings
from sciencegen.data.workbooks import file_of
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DesignSpace
from sciencegen.errors import DataError
from sciencegen.items import Item, Row
from sciencegen.optimization.candidate_sources import CandidatePool

LARGEST_SPACE = 200_000
"""Largest number of items of a design space that are all evaluated."""


def candidate_pool(
    science: Domain, supplied: SuppliedCandidates, space: DesignSpace | None
) -> tuple[CandidatePool | None, list[Refused]]:
    """Candidates of the pool, or all items of a small enough design space; and refused rows."""
    if supplied.pool is None:
        items = None if space is None else space.everything(LARGEST_SPACE)
        if items is None:
            return None, []
        return CandidatePool(items, [science.items.key(item) for item in items], np.ones(len(items))), []
    distinct, refused = _candidates(science, supplied.pool, supplied.column, space, supplied.threads)
    if not distinct:
        reason = f"all rows were refused, the first: {refused[0][2]}" if refused else "it has none"
        raise DataError(f"Expected items in the pool {supplied.pool}, {reason}.")
    costs = np.array([_cost(row, supplied) for row, _ in distinct.values()])
    return CandidatePool([science.items.parse(text) for _, text in distinct.values()], list(distinct), costs), refused


def suggested_items(
    science: Domain, supplied: SuppliedCandidates, space: DesignSpace | None
) -> tuple[list[Item], list[Refused]]:
    """The candidates of `also`, and refused rows."""
    found, refused = list[Item](), list[Refused]()
    for source in supplied.also:
        distinct, strange = _candidates(science, source, None, space, supplied.threads)
        found += [science.items.parse(text) for _, text in distinct.values()]
        refused += strange
    return found, refused


def _candidates(
    science: Domain, source: str, column: str | None, space: DesignSpace | None, threads: int
) -> tuple[dict[str, tuple[Row, str]], list[Refused]]:
    """Key -> first row and text of each distinct item of a file or dataset; and refused rows."""
    reference, path = None if space is None else space.reference, Path(source)
    if reference is not None and os.path.isfile(file_of(path)):
        rows = read_rows_of(science, path, column, reference)
    else:
        rows = all_rows(open_source(science.name, PrepareSettings(source=source, column=column, threads=threads))[0])
    pairs, refused = describe(ReadItems(science.name, reference), list(rows), threads)
    distinct: dict[str, tuple[Row, str]] = {}
    for row, (text, key, _) in pairs:
        distinct.setdefault(key, (row, text))
    return distinct, refused


def _cost(row: Row, supplied: SuppliedCandidates) -> float:
    if supplied.cost is None:
        return 1.0
    value = row.values.get(supplied.cost)
    if value is None or value <= 0:
        found = "none" if value is None else f"{value:g}"
        raise DataError(
            f"Expected a cost above 0 in '{supplied.cost}' in every row of {supplied.pool}, line {row.line} has "
            f"{found}."
        )
    return value
