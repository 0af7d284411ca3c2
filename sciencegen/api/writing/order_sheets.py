"""Order sheets: each item of a plate once, with what a supplier needs, as a table beside the plate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.data.writers import beside, write_table
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Refusal

ENDING = ".order.csv"
CARRIED = ("item", "mutant", "route", "route_steps", "route_blocks")
"""Columns of a plate's table that the sheet has too, as far as they are there."""
WELLS, REFUSED = "wells", "not_ordered"
"""Number of the item's wells, and why a domain's columns of an item are empty."""


@dataclass(frozen=True)
class OrderSheet:
    """A sheet to write. options: those of the domain's part `orders`."""

    domain: Domain
    options: Mapping[str, object]

    def table(self, plate: Mapping[str, Sequence[Cell]]) -> dict[str, list[Cell]]:
        """The columns: id, item and names, number of wells, routes, and those of the domain."""
        rows: dict[str, list[int]] = {}
        for row, item in enumerate(map(str, plate["item"])):
            rows.setdefault(item, []).append(row)
        first = [own[0] for own in rows.values()]
        found: dict[str, list[Cell]] = {"id": [plate["id"][row] for row in first]}
        for name in CARRIED:
            if name in plate:
                found[name] = [plate[name][row] for row in first]
        found[WELLS] = [len(own) for own in rows.values()]
        return found | self._columns(list(rows))

    def _columns(self, items: Sequence[str]) -> dict[str, list[Cell]]:
        """The columns of the domain."""
        orders = self.domain.orders
        if orders is None:
            return {}
        parsed = [self.domain.items.parse(text) for text in items]
        cells = [one if isinstance(one, Refusal) else orders.cells(one, self.options) for one in parsed]
        names = orders.columns(self.options)
        found: dict[str, list[Cell]] = {
            name: [None if isinstance(one, Refusal) else one[name] for one in cells] for name in names
        }
        if any(isinstance(one, Refusal) for one in cells):
            found[REFUSED] = [one.reason if isinstance(one, Refusal) else None for one in cells]
        return found

    def write(self, output: str | Path, plate: Mapping[str, Sequence[Cell]]) -> None:
        """Write the sheet beside the plate's table."""
        write_table(order_path(output), self.table(plate))


def order_path(output: str | Path) -> Path:
    """The file of the order sheet beside a plate's file.

    Examples
    --------
    >>> order_path("plate2.csv").name
    'plate2.order.csv'
    """
    return beside(output, ENDING)


def order_sheet(domain: Domain, wanted: bool, options: Mapping[str, object]) -> OrderSheet | None:
    """Check the settings; None without a sheet. Options alone ask for one too."""
    if not wanted and not options:
        return None
    if domain.orders is not None:
        domain.orders.check(options)
    elif options:
        raise ConfigError(f"Expected no `order` options for {domain.name}, got {', '.join(options)}. Leave them out.")
    return OrderSheet(domain, options)
