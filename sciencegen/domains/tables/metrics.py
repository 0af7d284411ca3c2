"""Metrics of generated rows: distances of each column's distribution, and of the correlations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.properties import set_metrics
from sciencegen.domains.tables.features import similarity
from sciencegen.domains.tables.rows import (
    MOST_CATEGORIES,
    TableCell,
    TableRow,
    are_texts,
    array_of,
    key,
    number,
    parse,
)
from sciencegen.metrics.sets import wasserstein_1d

# Metrics of series and images: distances of the numbers' distribution, and of the mean arrays.

MOST_ARRAYS_COMPARED = 2000
"""Arrays of each set that are compared; of more, evenly spaced ones."""


def distances_of_arrays(name: str, found: Sequence[TableCell], known: Sequence[TableCell]) -> dict[str, float]:
    """Distances of two sets of arrays with the shape of most of the reference; none if a set has no such array.

    `wasserstein_` and `scaled_`: of all numbers, in their unit and in standard deviations of the reference. `profile_`:
    root of the mean squared difference of the mean arrays, in standard deviations.
    """
    arrays = [[array_of(cell) for cell in cells if isinstance(cell, list)] for cells in (found, known)]
    if not arrays[0] or not arrays[1]:
        return {}
    shape = Counter(one.shape for one in arrays[1]).most_common(1)[0][0]
    fitting = [[one for one in part if one.shape == shape] for part in arrays]
    if not fitting[0]:
        return {}
    first, second = (_chosen(part) for part in fitting)
    one, other = (stack[~np.isnan(stack)] for stack in (first, second))
    if not one.size or not other.size:
        return {}
    scale = float(other.std()) or 1.0
    distance = wasserstein_1d(one, other)
    profile = np.nan_to_num(_mean(first) - _mean(second))
    return {
        f"wasserstein_{name}": distance,
        f"scaled_{name}": distance / scale,
        f"profile_{name}": float(np.sqrt(np.mean(profile**2))) / scale,
    }


def _chosen(arrays: Sequence[Float[np.ndarray, "..."]]) -> Float[np.ndarray, "row ..."]:
    return np.stack([arrays[at] for at in evenly_spaced(len(arrays), MOST_ARRAYS_COMPARED)])


def _mean(stack: Float[np.ndarray, "row ..."]) -> Float[np.ndarray, "..."]:
    """The mean array of the known numbers; NaN where none is known."""
    known = ~np.isnan(stack)
    with np.errstate(invalid="ignore"):
        return np.where(known, stack, 0.0).sum(0) / known.sum(0)


MOST_COMPARED = 1000
"""Rows whose nearest reference is computed, and reference rows for it; of more, evenly spaced ones."""


def compare(found: list[TableRow], known: list[TableRow]) -> dict[str, float]:
    """Compare rows with reference rows.

    Returns
    -------
    dict of str to float
        `nearest_reference`: mean similarity to the nearest reference row. `wasserstein_<column>` in the column's unit,
        and `scaled_<column>`, the same in standard deviations of the reference; `total_variation_<column>` of
        categories, 0 to 1. `marginals`: the mean of the scaled distances and total variations. `correlations`: the mean
        difference of the columns' correlations, in magnitude; categories enter by their indicators. Of arrays, the
        distance is that of all their numbers, and `profile_<column>` that of the mean arrays, in standard deviations.
    """
    chosen = [[rows[at] for at in evenly_spaced(len(rows), MOST_COMPARED)] for rows in (found, known)]
    near = float(similarity(*chosen).max(1, initial=0.0).mean())
    return {"nearest_reference": near, **_marginals(found, known), **_correlations(found, known)}


evaluate = set_metrics(parse, key, compare, "row")


def _cells(rows: Sequence[TableRow], name: str) -> list[TableCell]:
    return [cell for row in rows if (cell := row.get(name)) is not None]


def _marginals(found: Sequence[TableRow], known: Sequence[TableRow]) -> dict[str, float]:
    """The distance of each column that both sets have."""
    result, distances = {}, []
    for name in dict.fromkeys(name for row in known for name in row):
        first, second = _cells(found, name), _cells(known, name)
        if not first or not second:
            continue
        if are_texts(both := [*first, *second]) or any(isinstance(cell, bool) for cell in both):
            result[f"total_variation_{name}"] = total_variation(first, second)
            distances.append(result[f"total_variation_{name}"])
            continue
        if any(isinstance(cell, list) for cell in (*first, *second)):
            found_distances = distances_of_arrays(name, first, second)
            result |= found_distances
            distances += [one for key, one in found_distances.items() if key.startswith("scaled_")]
            continue
        one, other = (np.array(list(map(number, cells))) for cells in (first, second))
        result[f"wasserstein_{name}"] = distance = wasserstein_1d(one, other)
        result[f"scaled_{name}"] = distance / (float(other.std()) or 1.0)
        distances.append(result[f"scaled_{name}"])
    return {**result, "marginals": float(np.mean(distances)) if distances else math.nan}


def total_variation(first: Sequence[TableCell], second: Sequence[TableCell]) -> float:
    """Half the summed difference of the shares of the categories."""
    one, other = (Counter(map(str, cells)) for cells in (first, second))
    return 0.5 * sum(abs(one[text] / len(first) - other[text] / len(second)) for text in {*one, *other})


def _correlations(found: Sequence[TableRow], known: Sequence[TableRow]) -> dict[str, float]:
    columns = _coordinates(known)
    if len(columns) < 2:
        return {}
    first, second = (correlation(_table(rows, columns)) for rows in (found, known))
    pairs = ~np.eye(len(columns), dtype=bool) & np.isfinite(first) & np.isfinite(second)
    return {"correlations": float(np.abs(first - second)[pairs].mean())} if pairs.any() else {}


def _coordinates(rows: Sequence[TableRow]) -> list[tuple[str, str | None]]:
    """Columns of numbers, and (column, category) for all categories but the first."""
    found: list[tuple[str, str | None]] = []
    for name in dict.fromkeys(name for row in rows for name in row):
        cells = _cells(rows, name)
        if are_texts(cells):
            texts = sorted(set(map(str, cells)))
            found += [(name, text) for text in texts[1:]] if len(texts) <= MOST_CATEGORIES else []  # else names
        elif cells and not any(isinstance(cell, list) for cell in cells):
            found.append((name, None))
    return found


def _table(rows: Sequence[TableRow], columns: Sequence[tuple[str, str | None]]) -> Float[np.ndarray, "row column"]:
    def value(cell: TableCell, category: str | None) -> float:
        if category is None or cell is None:
            return number(cell)
        return float(str(cell) == category)

    return np.array([[value(row.get(name), category) for name, category in columns] for row in rows])


def correlation(table: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "column column"]:
    """Pearson's correlation of each two columns, over the rows that have both; NaN for constant columns."""
    known = ~np.isnan(table)
    filled, mask = np.where(known, table, 0.0), known.astype(float)
    count = np.maximum(mask.T @ mask, 1)
    first, second = filled.T @ mask / count, mask.T @ filled / count
    covariance = filled.T @ filled / count - first * second
    square = np.square(filled)
    one, other = square.T @ mask / count - first**2, mask.T @ square / count - second**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance / np.sqrt(one * other)
