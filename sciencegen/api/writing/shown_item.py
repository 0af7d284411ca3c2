"""One item of a result, as notebooks show it: its picture, or its structure that can be turned, beside its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.science.forms import domain_of, plain_name
from sciencegen.api.writing.notebook import ITEM, REFUSED, item_html, item_picture
from sciencegen.api.writing.viewer import view_of
from sciencegen.errors import ConfigError
from sciencegen.items import Cell

if TYPE_CHECKING:  # it takes most of a second to import
    import pandas as pd


@dataclass(frozen=True)
class ShownItem:
    """An item and the values of its row.

    Parameters
    ----------
    text : str
        The item as in files, "" for a row without one.
    values : mapping
        The other cells of the row, by column.
    domain : str
        The domain or form of the item.

    Examples
    --------
    >>> import sciencegen as sg
    >>> one = sg.score("molecules", ["CCO", "CC"], "hbd", threads=1).show(1)
    >>> one.text, one.values["hbd"]
    ('CC', 0.0)
    >>> "<svg" in one._repr_html_()
    True
    """

    text: str
    values: Mapping[str, Cell]
    domain: str = field(repr=False)

    def _repr_html_(self) -> str:
        return item_html(self._picture(), {ITEM: self.text, **self.values})

    def _picture(self) -> str:
        """Forms whose items have coordinates are shown in 3D; a refused row has no picture."""
        science, refused = domain_of(self.domain), self.values.get(REFUSED)
        if not self.text or isinstance(refused, str):
            return ""
        if science.structures is not None and science.name != plain_name(science.name):
            return view_of(science, self.text)._repr_html_()
        return item_picture(science, self.text)


def item_of(table: pd.DataFrame, row: int, domain: str) -> ShownItem:
    """The item of a row, from 0; an error for rows of other things than items, and for a row beyond the table."""
    if not domain or ITEM not in table:
        raise ConfigError("Expected a result with the column `item`, got one of other rows.")
    if not -len(table) <= row < len(table):
        raise ConfigError(f"Expected a row from 0 to {len(table) - 1}, got {row}.")
    cells = {str(name): table[name].iloc[row] for name in table.columns}
    text = cells.pop(ITEM)
    plain = {name: cell.item() if isinstance(cell, np.generic) else cell for name, cell in cells.items()}
    return ShownItem(text if isinstance(text, str) else "", plain, domain)
