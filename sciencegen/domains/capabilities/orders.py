"""The optional part `Orders`: what a supplier needs to make an item, beside its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sciencegen.items import Item, Refusal

OrderOptions = Mapping[str, object]
"""Options of a domain's order sheets, by name."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Columns of an order sheet.

    Parameters
    ----------
    check : (options) -> None
        Raise a ConfigError for wrong options.
    columns : (options) -> sequence of str
        Names of the columns beside the item.
    cells : (item, options) -> mapping or Refusal
        Column -> text, or why the item can't be ordered so. Equal items and options give equal texts.
    echo_type : str
        The Echo's name of the usual type of stock plates for what is ordered.
    """

    check: Callable[[OrderOptions], None]
    columns: Callable[[OrderOptions], Sequence[str]]
    cells: Callable[[Item, OrderOptions], Mapping[str, str] | Refusal]
    echo_type: str = "384PP_DMSO2"
