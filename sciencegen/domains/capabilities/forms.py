"""Forms of a domain: the same science with more data for each item, such as molecules with coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.items import Given, Item, Json, Reference, Row
from sciencegen.scoring.oracles import Oracle


@dataclass(frozen=True, kw_only=True)
class Family:
    """Items with a common reference, which a file or a table of measured variants specifies.

    Parameters
    ----------
    context : (path) -> JSON
        Data that all items of a file share (proteins: the focus of an alignment and its numbering). Prepared data
        contain it.
    variant_rows : (reference, rows) -> rows
        Convert rows of variants of one item, given by name or in full, to rows of the form.
    variant_context : (reference) -> JSON
        `context` of the rows of `variant_rows`.
    with_measured : (rows, context, table, name) -> rows
        Rows of a family, then those of `table()`: measured variants of the context's reference, with the column `name`.
    columns : tuple of str
        Numeric columns that every row has.
    """

    context: Callable[[Path], Json]
    variant_rows: Callable[[Reference, Iterable[Row]], Iterator[Row]]
    variant_context: Callable[[Reference], Json]
    with_measured: Callable[[Iterable[Row], Mapping[str, object], Callable[[], Iterable[Row]], str], Iterator[Row]]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """Functions that relate a form to the domain that it is a form of.

    Parameters
    ----------
    plain : (item) -> item
        Convert an item of the form to an item of the domain.
    adapt_oracle : (oracle) -> oracle
        Make an oracle for items of the domain, such as a plugin's, score items of the form.
    holds : (path) -> bool
        Whether the items of a file have this form.
    family : Family, optional
    recognizes : (text or object) -> bool
        Whether what a Python caller gives as an item has this form, which the domain can't read. Default: no.
    own_key : bool
        Whether items are the same if their keys in the form are equal, and not if their plain items are. Set it if an
        item may lack what its plain item consists of (proteins: a backbone without a sequence). Searches then score
        items of the form, and tables of results contain them.
    """

    plain: Callable[[Item], Item]
    adapt_oracle: Callable[[Oracle], Oracle]
    holds: Callable[[Path], bool]
    family: Family | None = None
    recognizes: Callable[[Given], bool] = lambda given: False
    own_key: bool = False

    def plain_items(self, items: Sequence[Item]) -> list[Item]:
        """Apply `plain` to each item."""
        return [self.plain(item) for item in items]
