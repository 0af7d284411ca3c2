"""Inputs of property regressors: standardized numbers, indicators of categories, and of missing cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.domains.tables.cells import MOST_CATEGORIES
from sciencegen.domains.tables.rows import TableRow, known_cells, number
from sciencegen.items import Json, Reference, Refusal

if TYPE_CHECKING:
    from sciencegen.prediction.blocks import Block


@dataclass(frozen=True)
class TableFeatures:
    """Features of rows with the columns of training rows.

    numbers: name -> mean of the column. categories: name -> its different texts. Missing numbers are their mean.
    """

    numbers: Mapping[str, float]
    categories: Mapping[str, tuple[str, ...]]

    @property
    def size(self) -> int:
        return 2 * len(self.numbers) + sum(map(len, self.categories.values()))

    @property
    def blocks(self) -> Sequence[Block]:
        from sciencegen.prediction.blocks import Block

        return (Block(self.size),)

    @property
    def defaults(self) -> Mapping[str, object]:
        return {}

    def encode(self, items: Sequence[TableRow]) -> Sequence[np.ndarray | Refusal]:
        return [Refusal(why) if (why := self.refusal(item)) else self._row(item) for item in items]

    def _row(self, item: TableRow) -> Float[np.ndarray, " feature"]:
        values = np.array([number(item.get(name)) for name in self.numbers], float)
        missing = np.isnan(values)
        filled = np.where(missing, np.array(list(self.numbers.values()), float), values)
        classes = [float(str(item.get(name)) == text) for name, texts in self.categories.items() for text in texts]
        return np.concatenate([filled, missing, classes]).astype(np.float32)

    def novel(self, items: Sequence[TableRow]) -> np.ndarray:
        """Rows with a category that no training row had."""
        return np.array([any(self._is_new(item, name) for name in self.categories) for item in items], bool)

    def _is_new(self, item: TableRow, name: str) -> bool:
        cell = item.get(name)
        return cell is not None and str(cell) not in self.categories[name]

    def refusal(self, item: TableRow) -> str | None:
        """Why an item has no features: it has no column of the training rows, or a text among numbers."""
        if not any(item.get(name) is not None for name in (*self.numbers, *self.categories)):
            return f"no cell in the columns {', '.join((*self.numbers, *self.categories))[:200]}"
        wrong = next((name for name in self.numbers if isinstance(item.get(name), str)), None)
        return None if wrong is None else f"{item[wrong]!r} in '{wrong}', expected a number"

    def to_json(self) -> Json:
        return {"numbers": dict(self.numbers), "categories": {name: list(one) for name, one in self.categories.items()}}


def load_features(data: Mapping[str, object]) -> TableFeatures:
    """The inverse of `to_json`."""
    numbers, categories = data["numbers"], data["categories"]
    assert isinstance(numbers, Mapping)
    assert isinstance(categories, Mapping)
    if not all(isinstance(one, int | float) and math.isfinite(one) for one in numbers.values()):
        raise ValueError("expected finite means of the columns of numbers")
    return TableFeatures(dict(numbers), {name: tuple(texts) for name, texts in categories.items()})


def fit_features(items: Sequence[TableRow], reference: Reference | None = None) -> TableFeatures:
    """The features of training rows. Columns of too many different texts, and empty ones, aren't used."""
    cells = known_cells(items)
    texts = {name: sorted(set(map(str, one))) for name, one in cells.items() if any(isinstance(x, str) for x in one)}
    numbers = {name: float(np.mean(list(map(number, one)))) for name, one in cells.items() if one and name not in texts}
    return TableFeatures(numbers, {name: tuple(one) for name, one in texts.items() if len(one) <= MOST_CATEGORIES})
