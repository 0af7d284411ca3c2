"""Candidates that are given to a design round: a pool with its costs, or some beside those that are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import ReadItems, read_rows_of
from sciencegen.api.science.workers import describe
from sciencegen.api.sources.datasets import all_rows, open_source
from sciencegen.config import PrepareSettings, ProposeSettings
from sciencegen.data.writers import Refused
from sciencegen.domains.capabilities import DesignSpace, Reference
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Item, Row
from sciencegen.optimization.candidate_sources import CandidatePool

LARGEST_SPACE = 200_000
"""Items of a design space that are all looked at."""


def given_pool(
    domain: str, settings: ProposeSettings, space: DesignSpace | None
) -> tuple[CandidatePool | None, list[Refused]]:
    """The candidates of a file or dataset, or the whole of a design space that is small enough; and refused rows."""
    science = domain_of(domain)
    if settings.pool is None:
        items = None if space is None else space.everything(LARGEST_SPACE)
        pool = (
            None if items is None else CandidatePool(items, [science.items.key(i) for i in items], np.ones(len(items)))
        )
        return pool, []
    distinct, refused = _candidates(domain, settings, settings.pool, settings.column, space)
    if not distinct:
        reason = f"all rows were refused, the first: {refused[0][2]}" if refused else "it has none"
        raise DataError(f"Expected items in the pool {settings.pool}, {reason}.")
    costs = np.array([_cost(row, settings) for row, _ in distinct.values()])
    return CandidatePool([science.items.parse(text) for _, text in distinct.values()], list(distinct), costs), refused


def offered_items(
    domain: str, settings: ProposeSettings, space: DesignSpace | None
) -> tuple[list[Item], list[Refused]]:
    """The candidates of `also`, and refused rows."""
    found, refused = list[Item](), list[Refused]()
    for source in settings.also:
        distinct, strange = _candidates(domain, settings, source, None, space)
        found += [domain_of(domain).items.parse(text) for _, text in distinct.values()]
        refused += strange
    return found, refused


def _candidates(
    domain: str, settings: ProposeSettings, source: str, column: str | None, space: DesignSpace | None
) -> tuple[dict[str, tuple[Row, str]], list[Refused]]:
    """key -> the first row of it and its text, of a file or dataset; and refused rows."""
    reference = None if space is None else space.reference
    rows = _rows(domain, settings, source, column, reference)
    pairs, refused = describe(ReadItems(domain, reference), rows, settings.threads)
    distinct: dict[str, tuple[Row, str]] = {}
    for row, (text, key, _) in pairs:
        distinct.setdefault(key, (row, text))
    return distinct, refused


def _rows(
    domain: str, settings: ProposeSettings, source: str, column: str | None, reference: Reference | None
) -> list[Row]:
    path = Path(source)
    if reference is not None and path.is_file():
        return list(read_rows_of(domain_of(domain), path, column, reference))
    rows, _ = open_source(domain, PrepareSettings(source=source, column=column, threads=settings.threads))
    return list(all_rows(rows))


def check_costs(settings: ProposeSettings) -> None:
    if cost_column(settings) and settings.pool is None:
        raise ConfigError("Expected a pool with a column of costs beside `cost` and `cost_limit`. Pass `pool`.")


def cost_column(settings: ProposeSettings) -> str | None:
    """The pool's column of costs, where costs count."""
    return settings.cost or ("cost" if settings.cost_limit is not None else None)


def _cost(row: Row, settings: ProposeSettings) -> float:
    name = cost_column(settings)
    if name is None:
        return 1.0
    value = row.values.get(name)
    if value is None or value <= 0:
        found = "none" if value is None else f"{value:g}"
        raise DataError(
            f"Expected a cost above 0 in '{name}' in every row of {settings.pool}, line {row.line} has {found}."
        )
    return value
