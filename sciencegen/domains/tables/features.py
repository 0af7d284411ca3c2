"""Inputs of property regressors: standardized numbers, indicators of categories, and of missing cells."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from sciencegen.domains.tables.rows import (
    MOST_CATEGORIES,
    TableCell,
    TableRow,
    are_texts,
    array_of,
    known_cells,
    number,
)
from sciencegen.items import Json, Reference, Refusal

if TYPE_CHECKING:
    from sciencegen.prediction.columns import FeatureBlock


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
    def blocks(self) -> Sequence[FeatureBlock]:
        from sciencegen.prediction.columns import FeatureBlock

        return (FeatureBlock(self.size),)

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
        wrong = next(
            (name for name in self.numbers if item.get(name) is not None and math.isnan(number(item[name]))), None
        )
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
    texts = {name: sorted(set(map(str, one))) for name, one in cells.items() if are_texts(one)}
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


# Similarity of rows, and features of rows whose table isn't known.

SLOTS = 64
"""Number of hashed features."""


def similarity(rows: Sequence[TableRow], references: Sequence[TableRow]) -> Float[np.ndarray, "row reference"]:
    """The mean agreement of two rows' cells, 1 for equal rows (Gower 1971, with the distance of Canberra for numbers).

    Equal categories agree by 1, others by 0; numbers x and y by 1 - |x - y| / (|x| + |y|), which needs no range of the
    data; arrays by 1 - sum |x - y| / sum (|x| + |y|), and those of different shapes by 0. A column that is missing in
    both rows doesn't count, and one that is missing in one agrees by 0.
    """
    names = list(dict.fromkeys(name for row in (*rows, *references) for name in row))
    total, count = np.zeros((len(rows), len(references))), np.zeros((len(rows), len(references)))
    for name in names:
        first, second = ([row.get(name) for row in group] for group in (rows, references))
        one, other = (np.array([cell is not None for cell in cells], bool) for cells in (first, second))
        known = one[:, None] | other[None]
        total += np.where(known, _agreement(first, second), 0.0)
        count += known
    return total / np.maximum(count, 1)


def _agreement(first: Sequence[TableCell], second: Sequence[TableCell]) -> Float[np.ndarray, "row reference"]:
    """Of each pair of cells, 0 where one is missing."""
    x, y = (np.array([number(cell) for cell in cells], float) for cells in (first, second))
    size = np.abs(x)[:, None] + np.abs(y)[None]
    near = 1 - np.abs(x[:, None] - y[None]) / np.where(size == 0, 1, size)
    texts, others = (
        np.array([cell if isinstance(cell, str) else "" for cell in cells], object) for cells in (first, second)
    )
    same = (texts[:, None] == others[None]) & (texts[:, None] != "")
    found = np.where(same, 1.0, np.nan_to_num(near, nan=0.0))
    is_array = any(isinstance(cell, list) for cell in (*first, *second))
    return found + _agreement_of_arrays(first, second) if is_array else found


def _agreement_of_arrays(first: Sequence[TableCell], second: Sequence[TableCell]) -> Float[np.ndarray, "row reference"]:
    """Of each pair of arrays of one shape, 0 for others; unknown numbers count as 0."""
    result = np.zeros((len(first), len(second)))
    one, other = ([array_of(cell) if isinstance(cell, list) else None for cell in cells] for cells in (first, second))
    for shape in {cell.shape for cell in one if cell is not None}:
        rows, columns = (
            {at: cell for at, cell in enumerate(cells) if cell is not None and cell.shape == shape}
            for cells in (one, other)
        )
        if not columns:
            continue
        x, y = (np.nan_to_num(np.stack(list(part.values())).reshape(len(part), -1)) for part in (rows, columns))
        size = np.abs(x).sum(1)[:, None] + np.abs(y).sum(1)[None]
        agreement = 1 - cdist(x, y, "cityblock") / np.where(size == 0, 1, size)
        result[np.ix_(list(rows), list(columns))] = agreement
    return result


def hashed_features(rows: Sequence[TableRow]) -> Float[np.ndarray, "row feature"]:
    """Features by hashed names (Weinberger et al. 2009): damped numbers, and 1 for each category."""
    table = np.zeros((len(rows), SLOTS), np.float32)
    for at, row in enumerate(rows):
        for name, cell in row.items():
            if isinstance(cell, str):
                table[at, _slot(f"{name}\0{cell}")] += 1.0
            elif isinstance(cell, list):
                flat = np.arcsinh(np.nan_to_num(array_of(cell).ravel()))
                places = (_slot(name) + np.arange(flat.size)) % SLOTS
                np.add.at(table[at], places, flat / math.sqrt(flat.size))
            elif cell is not None:
                table[at, _slot(name)] += math.asinh(number(cell))
    return table


def _slot(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "replace")) % SLOTS
