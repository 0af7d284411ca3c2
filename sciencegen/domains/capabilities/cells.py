"""Items that are rows of a table, with columns that the user's data define."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sciencegen.items import Cell, Item


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Items that consist of cells: tables of items have a column for each, instead of one with the items' texts.

    Parameters
    ----------
    of : (item) -> cells by column
    without : (text, column) -> text
        The text of an item without one of its cells, such as the target of a predictor.
    goal : (text) -> text
        A condition on a column of texts, `city = Oslo`, as one on a number, `city:Oslo = 1`, which goals know; others
        are unchanged.
    """

    of: Callable[[Item], Mapping[str, Cell]]
    without: Callable[[str, str], str]
    goal: Callable[[str], str]
