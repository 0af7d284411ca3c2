"""Rows of a family, followed by measured variants of its focus.

Variants have weight 0, since a lab's choice of variants says nothing about evolution. They don't change the family's
model; only their measured values are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from sciencegen.domains.proteins.measured_variants import MUTATIONS, WEIGHT, in_columns, variant_rows
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import REFUSED_ROW, Refusal, Row

FEWEST = 10
Table = Callable[[], Iterable[Row]]
"""Returns the rows of a table of variants; it is called twice, so that the table isn't kept in memory."""


def with_measured(rows: Iterable[Row], context: Mapping[str, Any], table: Table, name: str) -> Iterator[Row]:
    """The family's rows, then the table's. name: the column of measured values. A row of the family that is also in the
    table gets its value; a variant without a value is refused."""
    if name in (WEIGHT, MUTATIONS):
        raise ConfigError(f"Expected another name for the measured column '{name}': rows have one already. Rename it.")
    reference, columns = Reference(context["reference"], int(context["first"])), np.array(context["columns"])
    variants = _Variants(reference, columns, table, name)
    return _joined(rows, variants, variants.measured())


def _joined(rows: Iterable[Row], variants: _Variants, measured: Mapping[int, float]) -> Iterator[Row]:
    for row in rows:
        known = measured.get(hash(row.text))
        yield row if known is None else replace(row, values={**row.values, variants.name: known})
    for row in variants:
        yield replace(row, values={**row.values, WEIGHT: 0.0})


@dataclass(frozen=True)
class _Variants:
    """The table's rows as rows of the family; invalid ones are refused with a reason."""

    reference: Reference
    columns: Int[np.ndarray, " column"]
    table: Table
    name: str

    def __iter__(self) -> Iterator[Row]:
        return map(self._in_family, variant_rows(self.reference, self.table()))

    def _in_family(self, row: Row) -> Row:
        if row.text.startswith(REFUSED_ROW):
            text, _, reason = row.text.removeprefix(REFUSED_ROW).partition(": ")
            return _refused(row, text, reason)
        found = in_columns(self.reference, self.columns, row.text)
        if isinstance(found, Refusal):
            return _refused(row, row.text, found.reason)
        if self.name not in row.values:
            return _refused(row, row.text, row.why_no_number(self.name))
        return replace(row, text=found)

    def measured(self) -> dict[int, float]:
        """Hash of each distinct row -> its first value; raises a DataError if there are too few."""
        found, names, reason = dict[int, float](), set[str](), "no other row"
        for row in self:
            names |= {name for name in row.values if name not in (WEIGHT, MUTATIONS)}
            if not row.text.startswith(REFUSED_ROW):
                found.setdefault(hash(row.text), row.values[self.name])
            elif reason == "no other row":
                reason = row.text.partition(": ")[2]
        if self.name not in names:
            raise unknown_name("column of numbers among the measured variants", self.name, names or ["none found"])
        if len(found) < FEWEST:
            raise DataError(
                f"Expected {FEWEST} or more measured variants of the alignment's first record, found {len(found)} "
                f"({reason}). Measure more, or correct their names."
            )
        return found


def _refused(row: Row, text: str, reason: str) -> Row:
    return replace(row, text=f"{REFUSED_ROW}{text}: measured variants: {reason}")
