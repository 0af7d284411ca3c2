"""Candidates that users supply to a design round: a pool with costs, or additions to generated candidates."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from sciencegen.api.campaign.request import SuppliedCandidates
from sciencegen.api.campaign.space import Unlike
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
    science: Domain, supplied: SuppliedCandidates, space: DesignSpace | None, unlike: Unlike
) -> tuple[CandidatePool | None, list[Refused]]:
    """Candidates of the pool, or all items of a small enough design space; and refused rows. unlike: why an item can't
    be compared with the measured ones."""
    if supplied.pool is None:
        items = None if space is None else space.everything(LARGEST_SPACE)
        if items is None:
            return None, []
        return CandidatePool(items, [science.items.key(item) for item in items], np.ones(len(items))), []
    distinct, refused = _candidates(science, supplied.pool, supplied, space, unlike)
    if not distinct:
        reason = f"all rows were refused, the first: {refused[0][2]}" if refused else "it has none"
        raise DataError(
            f"Expected items in the pool {supplied.pool} that can be compared with measured ones, {reason}. Correct "
            "them, or pass another pool."
        )
    costs = np.array([_cost(row, supplied) for row, _ in distinct.values()])
    return CandidatePool([item for _, item in distinct.values()], list(distinct), costs), refused


def suggested_items(
    science: Domain, supplied: SuppliedCandidates, space: DesignSpace | None, unlike: Unlike
) -> tuple[list[Item], list[Refused]]:
    """The candidates of `also`, and refused rows. unlike: as of `candidate_pool`."""
    found, refused = list[Item](), list[Refused]()
    for source in supplied.also:
        distinct, strange = _candidates(science, source, replace(supplied, column=None), space, unlike)
        found += [item for _, item in distinct.values()]
        refused += strange
    return found, refused


def _candidates(
    science: Domain, source: str, supplied: SuppliedCandidates, space: DesignSpace | None, unlike: Unlike
) -> tuple[dict[str, tuple[Row, Item]], list[Refused]]:
    """Key -> first row of each distinct item of a file or dataset, and the item; and refused rows."""
    reference, path = None if space is None else space.reference, Path(source)
    if reference is not None and os.path.isfile(file_of(path)):
        rows = read_rows_of(science, path, supplied.column, reference)
    else:
        settings = PrepareSettings(source=source, column=supplied.column, threads=supplied.threads)
        rows = all_rows(open_source(science.name, settings)[0])
    pairs, refused = describe(ReadItems(science.name, reference), list(rows), supplied.threads)
    distinct, reasons = dict[str, tuple[Row, Item]](), dict[str, str | None]()
    for row, (text, key, _) in pairs:
        if key not in reasons:
            item = science.items.parse(text)
            reasons[key] = unlike(item)
            distinct[key] = row, item
    apart = [(row.line, text, why) for row, (text, key, _) in pairs if (why := reasons[key]) is not None]
    return {key: one for key, one in distinct.items() if reasons[key] is None}, [*refused, *apart]


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
