"""What designed items leave open (`Oracles.left_open`): columns of results, and notes on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sciencegen.domains.base import Domain
from sciencegen.items import Cell, Item
from sciencegen.optimization.objective import score_safely


def left_open_columns(domain: Domain, items: Sequence[Item]) -> dict[str, list[Cell]]:
    """Name -> what each item leaves open of this kind, for kinds of which an item leaves anything open."""
    counts = {name: score_safely(domain.oracles.find(name), items) for name in domain.oracles.left_open if items}
    columns = {
        name: [None if one.value is None else int(one.value) for one in scores] for name, scores in counts.items()
    }
    return {name: list(cells) for name, cells in columns.items() if any(cells)}


def left_open_counts(domain: Domain, table: Mapping[str, Sequence[Cell]]) -> dict[str, int]:
    """Name -> number of a table's items that leave anything open of this kind, if any."""
    counts = {name: sum(bool(cell) for cell in table.get(name, ())) for name in domain.oracles.left_open}
    return {name: count for name, count in counts.items() if count}


def left_open_notes(domain: Domain, table: Mapping[str, Sequence[Cell]], what: str, remedy: str) -> list[str]:
    """Notes on a table's items that leave something open. what: words for the items. remedy: the setting that excludes
    them."""
    return [
        f"{count} of {len(table['item'])} {what} {domain.oracles.left_open[name]} (column {name}); {remedy} "
        f"'{name} = 0' excludes them"
        for name, count in left_open_counts(domain, table).items()
    ]
