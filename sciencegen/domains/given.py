"""Items that Python callers give: texts, objects of the science's libraries, and columns of data frames."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sciencegen.data.tables import NoItemColumn, find_column
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Given, Item, Refusal

if TYPE_CHECKING:  # pandas takes most of a second to import
    import pandas as pd


@runtime_checkable
class ArrowStream(Protocol):
    """Tables and columns of polars, pyarrow, DuckDB and others, by Arrow's PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


ITEM, ID = "item", "id"
"""Columns of sciencegen's own tables."""


def item_texts(domain: Domain, given: Given, column: str | None = None) -> list[str]:
    """The texts of given items; missing ones (None, NaN) are "".

    Parameters
    ----------
    domain : Domain
    given : str, object, iterable, Series or DataFrame
        One item, or several: texts, or objects of `Domain.objects`. Series and data frames are those of pandas, and all
        that have Arrow's PyCapsule interface, such as polars' and pyarrow's. Of a data frame the column of items is
        taken, which has one of the names that files may use; where items consist of cells, all columns except `id`.
    column : str, optional
        The column of items in a data frame.

    Raises
    ------
    ConfigError
        For an object that stands for no item.
    DataError
        For a data frame without a column of items.

    Examples
    --------
    >>> from rdkit import Chem
    >>> from sciencegen.domains import load_domain
    >>> item_texts(load_domain("molecules"), ["CCO", Chem.MolFromSmiles("OCC")])
    ['CCO', 'CCO']
    """
    given = _unpacked(domain, given, column)
    if (one := _text(domain, given)) is not None:
        return [one]
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise _no_item(domain, given)
    return [_text_of_one(domain, one) for one in given]


def first_given(domain: Domain, given: Given, column: str | None = None) -> Given:
    """The first item that isn't missing, as it was given, None if there is none. It takes nothing from an iterator."""
    given = _unpacked(domain, given, column)
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return given
    return next((one for one in given if not _is_missing(one)), None)


def one_text(domain: Domain, given: Given) -> str:
    """The text of a single item."""
    texts = item_texts(domain, given)
    if len(texts) != 1:
        raise ConfigError(f"Expected one item, got {len(texts)}. Pass one of them.")
    return texts[0]


def object_of(domain: Domain, item: Item | Refusal) -> object | None:
    """An item as an object of the science's libraries, or the item itself in a domain without such objects."""
    if isinstance(item, Refusal):
        return None
    return item if domain.objects is None else domain.objects.of(item)


def _unpacked(domain: Domain, given: Given, column: str | None) -> Given:
    """The items in a series, a data frame or an Arrow table, None for missing ones; anything else unchanged."""
    pandas = sys.modules.get("pandas")  # nobody has a data frame of it without it
    if pandas is not None and isinstance(given, pandas.DataFrame):
        return _items_of_frame(domain, given, column)
    if pandas is not None and isinstance(given, pandas.Series):
        return _cells_of(given)
    return _items_of_arrow(domain, given, column) if isinstance(given, ArrowStream) else given


def _items_of_arrow(domain: Domain, given: ArrowStream, column: str | None) -> list[object]:
    import pyarrow as pa

    found = pa.chunked_array(given)
    if not pa.types.is_struct(found.type):
        return found.to_pylist()
    return _items_of_frame(domain, pa.table(given).to_pandas(), column)


def _items_of_frame(domain: Domain, table: pd.DataFrame, column: str | None) -> list[object]:
    names = [str(name) for name in table.columns]
    if domain.cells is not None and column is None and ITEM not in names:
        columns = {name: _cells_of(table.iloc[:, at]) for at, name in enumerate(names) if name != ID}
        return [{name: cells[row] for name, cells in columns.items()} for row in range(len(table))]
    return _cells_of(table.iloc[:, _place(names, tuple(dict.fromkeys((ITEM, *domain.items.columns))), column)])


def _cells_of(column: pd.Series) -> list[object]:
    """The cells of a column, None for missing ones."""
    return column.astype(object).where(column.notna(), None).tolist()


def _place(names: Sequence[str], accepted: Sequence[str], column: str | None) -> int:
    """The place of the column of items."""
    try:
        return find_column(names, accepted, column, "the data frame")
    except NoItemColumn as error:
        expected, found = accepted if column is None else (column,), ", ".join(names) or "none"
        raise DataError(
            f"Expected a column of items ({', '.join(expected)}) in the data frame, found {found}. "
            f"Pass the column itself, such as table['{next(iter(names), 'item')}']."
        ) from error


def _text(domain: Domain, given: Given) -> str | None:
    """The text of an item, None for what isn't a single one."""
    if isinstance(given, str):
        return given
    return None if domain.objects is None else domain.objects.text(given)


def _text_of_one(domain: Domain, given: Given) -> str:
    if _is_missing(given):
        return ""
    text = str(given) if isinstance(given, Real) else _text(domain, given)
    if not isinstance(text, str):
        raise _no_item(domain, given)
    return text


def _is_missing(given: Given) -> bool:
    return given is None or (isinstance(given, Real) and given != given)


def _no_item(domain: Domain, given: Given) -> ConfigError:
    others = "" if domain.objects is None else f" or {domain.objects.kinds}"
    kind = type(given)
    named = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return ConfigError(f"Expected items of {domain.name} as texts{others}, got {named}. Convert it to one of these.")
