"""Forms of a domain: the same science with more of each item, such as molecules with coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.items import Item, Json, Reference, Row
from sciencegen.scoring.oracles import Oracle


@dataclass(frozen=True, kw_only=True)
class Family:
    """Items that have a reference in common, which a file or a table of measured variants names.

    Parameters
    ----------
    context : (path) -> JSON
        What the items of a file have in common (proteins: the focus of an alignment and its numbering). Prepared data
        keep it.
    variant_rows : (reference, rows) -> rows
        Rows of variants of one item, named or written out, as rows of the form.
    variant_context : (reference) -> JSON
        `context` of such rows.
    with_measured : (rows, context, table, name) -> rows
        Rows of a family, then those of `table()`, measured variants of the context's reference, with the column `name`.
    columns : tuple of str
        Columns of numbers that every row has.
    """

    context: Callable[[Path], Json]
    variant_rows: Callable[[Reference, Iterable[Row]], Iterator[Row]]
    variant_context: Callable[[Reference], Json]
    with_measured: Callable[[Iterable[Row], Mapping[str, object], Callable[[], Iterable[Row]], str], Iterator[Row]]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a domain that is a form of another one has beside the parts of a domain.

    Parameters
    ----------
    plain : (item) -> item
        The domain's own item of one of the form's.
    adapt_oracle : (oracle) -> oracle
        An oracle of the domain's own items, such as a plugin's, for items of the form.
    holds : (path) -> bool
        Whether the items of a file have this form.
    family : Family, optional
    """

    plain: Callable[[Item], Item]
    adapt_oracle: Callable[[Oracle], Oracle]
    holds: Callable[[Path], bool]
    family: Family | None = None

    def plain_items(self, items: Sequence[Item]) -> list[Item]:
        """`plain` of each."""
        return [self.plain(item) for item in items]
