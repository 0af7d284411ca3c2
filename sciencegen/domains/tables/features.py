"""Inputs of property regressors: standardized numbers, indicators of categories, and of missing cells."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.domains.tables.array_cells import array_of
from sciencegen.domains.tables.cells import MOST_CATEGORIES
from sciencegen.domains.tables.rows import TableCell, TableRow, known_cells, number
from sciencegen.items import Json, Reference, Refusal

if TYPE_CHECKING:
    from sciencegen.prediction.blocks import Block


@dataclass(frozen=True)
class TableFeatures:
    """Features of rows with the columns of training rows.

    numbers: name -> mean of the column. categories: name -> its different texts. arrays: name -> mean of each number of
    the flat array. Missing numbers are their mean.
    """

    numbers: Mapping[str, float]
    categories: Mapping[str, tuple[str, ...]]
    arrays: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return 2 * len(self.numbers) + sum(map(len, (*self.categories.values(), *self.arrays.values())))

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
        arrays = [self._array(item, name) for name in self.arrays]
        return np.concatenate([filled, missing, classes, *arrays]).astype(np.float32)

    def _array(self, item: TableRow, name: str) -> Float[np.ndarray, " number"]:
        cell, mean = item.get(name), np.array(self.arrays[name])
        values = array_of(cell).ravel() if isinstance(cell, list) else np.full(len(mean), np.nan)
        return np.where(np.isnan(values), mean, values)

    def novel(self, items: Sequence[TableRow]) -> np.ndarray:
        """Rows with a category that no training row had."""
        return np.array([any(self._is_new(item, name) for name in self.categories) for item in items], bool)

    def _is_new(self, item: TableRow, name: str) -> bool:
        cell = item.get(name)
        return cell is not None and str(cell) not in self.categories[name]

    def refusal(self, item: TableRow) -> str | None:
        """Why an item has no features: it has no column of the training rows, or a text among numbers."""
        names = (*self.numbers, *self.categories, *self.arrays)
        if not any(item.get(name) is not None for name in names):
            return f"no cell in the columns {', '.join(names)[:200]}"
        for name, mean in self.arrays.items():
            cell = item.get(name)
            if cell is not None and not (isinstance(cell, list) and array_of(cell).size == len(mean)):
                return f"another cell in '{name}' than an array of {len(mean)} numbers"
        wrong = next((name for name in self.numbers if isinstance(item.get(name), str | list)), None)
        return None if wrong is None else f"{str(item[wrong])[:60]!r} in '{wrong}', expected a number"

    def to_json(self) -> Json:
        categories, arrays = (
            {name: list(one) for name, one in part.items()} for part in (self.categories, self.arrays)
        )
        parts = {"numbers": dict(self.numbers), "categories": categories}
        return {**parts, "arrays": arrays} if arrays else parts


def load_features(data: Mapping[str, object]) -> TableFeatures:
    """The inverse of `to_json`."""
    numbers, categories = data["numbers"], data["categories"]
    assert isinstance(numbers, Mapping)
    assert isinstance(categories, Mapping)
    arrays = data.get("arrays", {})
    assert isinstance(arrays, Mapping)
    means = [*numbers.values(), *chain.from_iterable(arrays.values())]
    if not all(isinstance(one, int | float) and math.isfinite(one) for one in means):
        raise ValueError("expected finite means of the columns of numbers")
    texts, lists = ({name: tuple(one) for name, one in part.items()} for part in (categories, arrays))
    return TableFeatures(dict(numbers), texts, lists)


def fit_features(items: Sequence[TableRow], reference: Reference | None = None) -> TableFeatures:
    """The features of training rows. Columns of too many different texts, and empty ones, aren't used."""
    cells = known_cells(items)
    lists = [name for name, one in cells.items() if any(isinstance(x, list) for x in one)]
    arrays = {name: _means(cells.pop(name)) for name in lists}
    texts = {name: sorted(set(map(str, one))) for name, one in cells.items() if any(isinstance(x, str) for x in one)}
    numbers = {name: float(np.mean(list(map(number, one)))) for name, one in cells.items() if one and name not in texts}
    few = {name: tuple(one) for name, one in texts.items() if len(one) <= MOST_CATEGORIES}
    return TableFeatures(numbers, few, arrays)


def _means(cells: Sequence[TableCell]) -> tuple[float, ...]:
    """The mean of each number of flat arrays, which have the size of most of them; 0 for one that is never known."""
    flat = [array_of(cell).ravel() for cell in cells if isinstance(cell, list)]
    size = Counter(map(len, flat)).most_common(1)[0][0]
    stack = np.stack([one for one in flat if len(one) == size])
    known = ~np.isnan(stack)
    return tuple((np.where(known, stack, 0.0).sum(0) / np.maximum(known.sum(0), 1)).tolist())
